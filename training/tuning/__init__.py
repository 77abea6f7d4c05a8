"""Tuning: search spaces, studies and one look at the test, for every kind of training."""
