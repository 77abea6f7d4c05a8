"""Where relational and per-person work runs: one process today, a cluster by the same seam."""
