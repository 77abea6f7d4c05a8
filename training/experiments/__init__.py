"""Randomised tests: lift and its checks."""
