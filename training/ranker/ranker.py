"""A boosted ranker with calibrated probabilities: learns on past moments, calibrates on the last, tells its error."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import numpy.typing as npt

from features.arrays import FloatArray, IntArray, TextArray
from features.assignment import uniform
from features.errors import InputError
from features.run import to_json
from training.metrics.intervals import Interval
from training.ranker.calibration import (
    Calibration,
    Reliability,
    ReliabilityBin,
    fit_calibration,
    reliability,
)
from training.ranker.config import BoosterConfig

BOOSTER: Final = "booster.txt"
CALIBRATION: Final = "calibration.json"


@dataclass(frozen=True, eq=False)
class Examples:
    """Candidates of one past moment, and which were taken up.

    Attributes:
        matrix: shape (n, n_features), float32.
        row: shape (n,), number of the person, never falling: the candidates of one person are ranked among themselves.
        label: shape (n,), int8, 1 = taken up within the horizon.
    """

    matrix: npt.NDArray[np.float32]
    row: IntArray
    label: npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Ranker:
    """A fitted booster and what its scores mean.

    Attributes:
        text: LightGBM's own text of the booster.
        calibration: from raw score to probability.
        reliability: how far off, on persons and a moment that neither booster nor calibration saw.
        n_jobs: threads for prediction.
    """

    text: str
    calibration: Calibration
    reliability: Reliability
    n_jobs: int

    @cached_property
    def booster(self) -> lgb.Booster:
        """The booster that the text describes."""
        return lgb.Booster(model_str=self.text)

    def probability(self, matrix: npt.NDArray[np.float32]) -> FloatArray:
        """Chance of each candidate to be taken up within the horizon, shape (n,)."""
        if len(matrix) == 0:
            return np.empty(0)
        return self.calibration.probability(_raw(self.booster, matrix, self.n_jobs))

    def texts(self) -> dict[str, str]:
        """The model as text files."""
        meaning = {"calibration": asdict(self.calibration), "reliability": asdict(self.reliability)}
        return {BOOSTER: self.text, CALIBRATION: to_json(meaning)}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, n_jobs: int) -> Ranker:
        """The inverse of `texts`."""
        meaning = json.loads(texts[CALIBRATION])
        measured = meaning["reliability"]
        table = tuple(ReliabilityBin(**part) for part in measured["table"])
        return cls(
            texts[BOOSTER],
            Calibration(**meaning["calibration"]),
            Reliability(table, Interval(**measured["error"])),
            n_jobs,
        )


def fit_ranker(
    past: Sequence[Examples],
    *,
    persons: TextArray,
    names: Sequence[str],
    config: BoosterConfig,
    salt: str,
) -> Ranker:
    """Learn from all moments but the last, calibrate and measure on the last.

    Args:
        past: two moments or more, oldest first; `row` numbers the same persons in all.
        persons: ids of these persons. A stable hash of them says who calibrates and who measures.
        names: names of the features.
        config: booster settings.
        salt: of that hash.

    Raises:
        InputError: nobody took up a candidate, or all of them, at the moments to learn from.
    """
    learn, last = past[:-1], past[-1]
    booster = _boost(learn, names, config)
    raw = _raw(booster, last.matrix, config.n_jobs)
    teaches = (uniform(persons.tolist(), salt=f"{salt}|calibration") < 0.5)[last.row]  # noqa: PLR2004
    if teaches.all() or not teaches.any():
        teaches = np.arange(len(raw)) % 2 == 0
    calibration = fit_calibration(raw[teaches], last.label[teaches].astype(np.int64))
    measured = reliability(
        calibration.probability(raw[~teaches]),
        last.label[~teaches].astype(np.int64),
        last.row[~teaches],
        rng=config.seed,
    )
    return Ranker(booster.model_to_string(), calibration, measured, config.n_jobs)


def _boost(learn: Sequence[Examples], names: Sequence[str], config: BoosterConfig) -> lgb.Booster:
    label = np.concatenate([part.label for part in learn])
    if not 0 < label.sum() < len(label):
        raise InputError(
            "ranker",
            f"{int(label.sum())} of {len(label)} candidates were taken up",
            rule="a ranker learns from candidates that were taken up and others that were not",
            next_step="Take more cut-offs, a longer horizon, or a later as_of.",
        )
    groups = np.concatenate([np.unique(part.row, return_counts=True)[1] for part in learn])
    params: dict[str, Any] = {
        "objective": config.objective,
        "num_leaves": config.n_leaves,
        "min_data_in_leaf": config.min_child_rows,
        "learning_rate": config.learning_rate,
        "feature_fraction": config.feature_share,
        "lambda_l2": config.l2,
        "lambdarank_truncation_level": config.depth,
        "max_bin": 127,
        "seed": config.seed,
        "num_threads": config.n_jobs,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(
        np.concatenate([part.matrix for part in learn]),
        label=label,
        group=groups if config.objective == "lambdarank" else None,
        feature_name=list(names),
        params=params,
    )
    return lgb.train(params, data, num_boost_round=config.n_trees)


def _raw(booster: lgb.Booster, matrix: npt.NDArray[np.float32], n_jobs: int) -> FloatArray:
    """LightGBM's score before any link, shape (n,)."""
    return np.asarray(booster.predict(matrix, raw_score=True, num_threads=n_jobs), np.float64)
