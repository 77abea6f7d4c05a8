"""Runs, their inputs and their pages in MLflow."""
