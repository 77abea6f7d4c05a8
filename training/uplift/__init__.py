"""Which people: uplift learners."""
