"""Recommenders compared and trained on flat files: rows of a table, or sessions."""
