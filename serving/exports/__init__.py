"""Decisions as files that ad platforms accept."""
