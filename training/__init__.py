"""Models and proof: recommenders, uplift, metrics, experiments. Imports features only."""

__project__ = "retarget"
