"""Interchangeable models of a number given the features: what uplift learners are built from."""
