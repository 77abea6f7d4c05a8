"""Decisions: eligibility, allocation, the nightly job and the command line."""

__project__ = "retarget"
