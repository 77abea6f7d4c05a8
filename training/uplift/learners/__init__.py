"""Uplift learners: one protocol, one file each."""
