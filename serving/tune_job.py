"""The job of `retarget tune`: whichever training a tune.yaml names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console

from features.project import Project
from features.run import Run
from features.store import Workspace
from serving.jobs import Job
from serving.plans import Plan
from serving.progress import trial_bars
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.train import flat_recommender_workspace
from training.project_recommender.config import RecommenderTrainingConfig
from training.train_flat import flat_workspace
from training.tuning.config import TuningPlan, load_tuning
from training.tuning.flat_recommender import tunable_flat_recommender
from training.tuning.recommender import tunable_recommender
from training.tuning.tune import Tunable, tune, tuning_lines
from training.tuning.uplift import tunable_flat_uplift, tunable_uplift


def plan_tune(path: Path, overrides: Sequence[str], *, console: Console) -> Plan:
    """The tuning of a tune.yaml.

    Args:
        path: the config file.
        overrides: `key=value`; those that start with `training.` are for the training's config.
        console: where progress is shown.

    Raises:
        ConfigError: a config is missing or wrong, or the search space does not fit; no data has been read then.
    """
    plan = load_tuning(path, overrides)
    workspace, tunable = _parts(plan)

    def carry_out() -> Run:
        with trial_bars(console) as told:
            return tune(plan, tunable(), told=told)

    entries = ", ".join(space.name for space in plan.spaces)
    job = Job(
        "tune",
        f"try {plan.config.trials} settings of each of {entries}; judge the best of each once",
        carry_out,
        ("champion", "trials", "pruned", "metric", "value", "low", "high"),
        told=tuning_lines,
    )
    return Plan(workspace, (job,))


def _parts(plan: TuningPlan) -> tuple[Workspace, Callable[[], Tunable]]:
    """Where the output goes, and what reads the data."""
    training, folder, parts = plan.training, plan.path.parent, plan.config.parts
    if isinstance(training, FlatRecommenderConfig):
        workspace = flat_recommender_workspace(training, folder=folder)
        return workspace, partial(tunable_flat_recommender, training, folder=folder, parts=parts)
    if not isinstance(training, RecommenderTrainingConfig) and training.data.kind == "flat_table":
        workspace = flat_workspace(training, folder=folder)
        return workspace, partial(tunable_flat_uplift, training, folder=folder, parts=parts)
    project = Project(folder)
    if isinstance(training, RecommenderTrainingConfig):
        return project.workspace, partial(tunable_recommender, project, training)
    return project.workspace, partial(tunable_uplift, project, training, parts=parts)
