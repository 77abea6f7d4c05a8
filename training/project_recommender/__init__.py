"""Recommenders compared and trained on the histories of a project."""
