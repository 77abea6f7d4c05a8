"""Training sets, point in time: features as of the decision, outcomes after it."""
