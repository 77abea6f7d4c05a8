"""This project's uplift learners at given LightGBM settings, beside `benchmarks.uplift_peers`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.learners.auto import AutoConfig
from training.uplift.learners.class_transformation import ClassTransformationConfig
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.r_learner import RLearnerConfig
from training.uplift.learners.registry import UpliftLearnerConfig
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig

FOLDS = 2
"""As the peers'."""


def own_learners(base: BoostedConfig) -> dict[str, UpliftLearnerConfig]:
    """Learners by the names that the peers have, every model with the same settings; `auto` has its own."""
    return {
        "S": SLearnerConfig(base=base),
        "T": TLearnerConfig(base=base),
        "X": XLearnerConfig(base=base, effect=base),
        "R": RLearnerConfig(base=base, effect=base, n_folds=FOLDS),
        "DR": DrLearnerConfig(base=base, effect=base, n_folds=FOLDS),
        "class transformation": ClassTransformationConfig(base=base),
        "auto": AutoConfig(n_jobs=base.n_jobs),
    }


def write_task(path: Path, rows: TrialRows, new: FloatArray, base: BoostedConfig) -> None:
    """The same rows and settings in a file for the peers."""
    settings = {
        "n_estimators": base.n_trees,
        "num_leaves": base.n_leaves,
        "min_child_samples": base.min_child_rows,
        "learning_rate": base.learning_rate,
        "n_jobs": base.n_jobs,
        "random_state": base.seed,
        "verbosity": -1,
    }
    np.savez(
        path,
        matrix=rows.matrix,
        treated=rows.treated,
        outcome=rows.outcome,
        probability=rows.probability[0],
        new=new,
        settings=json.dumps(settings),
    )


def ask_peer(
    python: str, library: str, learners: tuple[str, ...], task: Path
) -> tuple[dict[str, FloatArray], dict[str, Any]]:
    """Predicted effects and seconds of a library's learners, from a process of its own."""
    target = task.with_name("answer.npz")
    answer = subprocess.run(  # noqa: S603 - ourselves
        [python, "-m", "benchmarks.uplift_peers", library, str(task), str(target), *learners],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    with np.load(target) as stored:
        return {name: stored[name] for name in learners}, seconds
