"""Tuning: equal budgets and one look at the test, for every kind of training."""
