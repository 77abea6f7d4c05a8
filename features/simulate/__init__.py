"""Worlds with a known truth: a randomised campaign overlaid on real histories."""
