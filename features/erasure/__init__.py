"""Erasure: persons leave every table of a workspace, do not come back, and a proof says so."""
