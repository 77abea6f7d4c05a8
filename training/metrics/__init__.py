"""Metrics with a stated convention and interval."""
