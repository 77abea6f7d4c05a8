"""Cleaning: raw rows become canonical rows or rejects."""
