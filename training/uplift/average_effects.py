"""Average effects of every contrast on every outcome: intention to treat in a randomised test, adjusted without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from features.arrays import FloatArray
from training.experiments.lift import LiftEstimate, estimate_lift
from training.metrics.estimates import Z, estimate
from training.uplift.base import OutcomeKind, TrialRows
from training.uplift.base_models.registry import trainer
from training.uplift.config import UpliftTrainingConfig
from training.uplift.doubly_robust import DoublyRobustScores, doubly_robust_scores
from training.uplift.encoding import FeatureEncoding
from training.uplift.rows import UpliftRows
from training.uplift.screening import screen_features

_ADJUSTED: Final = (
    "difference of the arms adjusted for the features: mean of cross-fitted doubly robust scores, normal interval; "
    "an effect only if the features hold everything that steered both assignment and outcome"
)


_N_FOLDS: Final = 2
"""Folds of the outcome models; there is a pair of them for every contrast and outcome."""


@dataclass(frozen=True)
class AdjustedEffect:
    """Difference of two arms after adjustment for the features, over all rows of the contrast.

    Attributes:
        estimand: 'ATE, adjusted for the features'.
        n_control, n_treated: rows per arm.
        n_units: independent units: persons, or rows.
        base_mean, treated_mean: adjusted mean outcome of all rows, as if all were in one arm.
        effect: treated_mean - base_mean, in units of the outcome per row.
        se: standard error of `effect`.
        low, high: 95 % interval of `effect`. Errors of the estimated probabilities are not in it.
        p_value: two-sided, against no difference.
        relative: treated_mean / base_mean - 1; NaN unless both means are positive.
        relative_low, relative_high: 95 % interval of `relative`, symmetric on the log scale; NaN as `relative`.
        convention: how it is defined, in words.
    """

    estimand: Literal["ATE, adjusted for the features"]
    n_control: int
    n_treated: int
    n_units: int
    base_mean: float
    treated_mean: float
    effect: float
    se: float
    low: float
    high: float
    p_value: float
    relative: float
    relative_low: float
    relative_high: float
    convention: str


@dataclass(frozen=True)
class AverageEffect:
    """Average effect of one contrast on one outcome, over all assigned rows, train and test.

    Attributes:
        treated: treated arm, or several joined by ' + '.
        control: arm compared with.
        outcome, outcome_kind: what is measured.
        estimate: the estimate; adjusted where the data are observational.
    """

    treated: str
    control: str
    outcome: str
    outcome_kind: OutcomeKind
    estimate: LiftEstimate | AdjustedEffect


def average_effects(rows: UpliftRows, config: UpliftTrainingConfig) -> list[AverageEffect]:
    """Each treated arm against the control, all together, and against each other."""
    measure = _adjusted if config.data.observational else _by_lot
    return [
        AverageEffect(
            " + ".join(rows.arms[position] for position in treated),
            rows.arms[control],
            outcome,
            config.data.outcomes[outcome],
            found,
        )
        for treated, control in _contrasts(len(rows.arms))
        for outcome, found in measure(rows, treated, control, config).items()
    ]


def _contrasts(n_arms: int) -> Iterator[tuple[list[int], int]]:
    """Treated arms and the arm compared with, as positions; 0 is the control."""
    others = range(1, n_arms)
    yield from (([position], 0) for position in others)
    if n_arms > 2:  # noqa: PLR2004 - with one treated arm there is no more to compare
        yield list(others), 0
        yield from (([a], b) for a in others for b in others if a < b)


def _by_lot(
    rows: UpliftRows, treated: list[int], control: int, config: UpliftTrainingConfig
) -> dict[str, LiftEstimate]:
    kept, is_treated, probability = rows.contrast(treated, control)
    clusters = None if rows.group is None else rows.group[kept]
    return {
        outcome: estimate_lift(
            rows.outcomes[outcome][kept], is_treated, probability=probability, clusters=clusters
        )
        for outcome in config.data.outcomes
    }


def _adjusted(
    rows: UpliftRows, treated: list[int], control: int, config: UpliftTrainingConfig
) -> dict[str, AdjustedEffect]:
    kept, is_treated, probability = rows.contrast(treated, control)
    inside = rows.subset(kept)
    inside = inside.without({feature.name for feature in screen_features(inside.features)})
    encoding = FeatureEncoding.fit(inside.features, source=rows.source)
    matrix = encoding.encode(inside.features, source=rows.source)
    models = trainer(config.evaluation_model, matrix, categorical=encoding.categorical)
    found = {}
    for outcome, kind in config.data.outcomes.items():
        trial = TrialRows(
            matrix,
            inside.outcomes[outcome],
            is_treated,
            probability,
            kind,
            encoding.categorical,
            inside.group,
        )
        scored = doubly_robust_scores(
            trial, config=config.evaluation_model, n_folds=_N_FOLDS, seed=0, shared=models
        )
        found[outcome] = adjusted_effect(trial, scored)
    return found


def adjusted_effect(trial: TrialRows, scored: DoublyRobustScores) -> AdjustedEffect:
    """The mean of the doubly robust scores, and of their parts per arm.

    Args:
        trial: rows of one contrast.
        scored: their cross-fitted scores.

    Source: Robins, Rotnitzky and Zhao (1994), augmented inverse probability weighting.
    """
    chance = np.where(trial.treated, trial.probability, 1 - trial.probability)
    own = np.where(trial.treated, scored.treated, scored.control)
    correction = (trial.outcome - own) / chance
    under_control = scored.control + np.where(trial.treated, 0.0, correction)
    base, mean = float(under_control.mean()), float((under_control + scored.effect).mean())
    found = estimate(mean - base, scored.effect - (mean - base), trial.groups)
    relative = relative_low = relative_high = float("nan")
    if base > 0 and mean > 0:
        logs = _log_ratio(under_control + scored.effect, under_control, mean, base)
        relative = mean / base - 1
        spread = Z * estimate(0.0, logs, trial.groups).se
        relative_low, relative_high = (mean / base * np.exp(s * spread) - 1 for s in (-1, 1))
    return AdjustedEffect(
        estimand="ATE, adjusted for the features",
        n_control=int((~trial.treated).sum()),
        n_treated=int(trial.treated.sum()),
        n_units=found.n_clusters,
        base_mean=base,
        treated_mean=mean,
        effect=found.value,
        se=found.se,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        relative=float(relative),
        relative_low=float(relative_low),
        relative_high=float(relative_high),
        convention=_ADJUSTED,
    )


def _log_ratio(over: FloatArray, under: FloatArray, mean: float, base: float) -> FloatArray:
    """What each row adds to the error of log(mean / base)."""
    return (over - mean) / mean - (under - base) / base
