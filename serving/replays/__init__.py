"""A made-up store run by the project's own steps, week by week."""
