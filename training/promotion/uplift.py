"""A new uplift model against the one in force: both scores on the same unseen rows, paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from features.arrays import FloatArray
from features.config import validate
from features.errors import ConfigError, GateError
from training.bundle import Bundle, read_bundle
from training.compare_uplift import (
    PairedScores,
    StoredRun,
    judging_rows,
    paired_scores,
    read_run,
    require_same,
)
from training.fit_uplift import fit_uplift
from training.metrics.estimates import Estimate
from training.metrics.policy import policy_difference, policy_value
from training.metrics.uplift_comparison import METRICS, measure, paired_difference
from training.models.registry import ModelVersion
from training.promotion.config import Limit, UpliftGate
from training.promotion.gate import Check, unchanged
from training.promotion.stored import stored_manifest
from training.uplift.config import Economics, UpliftTrainingConfig
from training.uplift.rows import UpliftRows

CALIBRATION: Final = "calibration_error"
POLICY: Final = "policy_value"

_ESTIMAND: Final = ("treated", "control", "outcome", "outcome_kind")


def compare_uplift_models(
    challenger: ModelVersion,
    champion: ModelVersion,
    gate: UpliftGate,
    *,
    config: UpliftTrainingConfig,
    rows: Callable[[], UpliftRows],
) -> list[Check]:
    """The checks of a new uplift model.

    Equal learners differ in nothing but the age of their data, and their difference is 0. Otherwise the stored scores of
    the training in force are taken where they are scores of the same test rows; else its learner is fitted on the
    training rows of the new one.

    Args:
        challenger: the new version.
        champion: the version in force.
        gate: metrics and margins.
        config: of the new training.
        rows: of the new training.

    Raises:
        GateError: the two predict different things.
        ConfigError: a metric that is not known.
    """
    new, old = read_bundle(challenger.bundle), read_bundle(champion.bundle)
    _require_estimand(new, old, champion)
    limits = [gate.primary, *gate.guards]
    if new.config == old.config:
        return unchanged([limit.metric for limit in limits])
    ours, theirs = read_run(challenger.files), read_run(champion.files)
    try:
        require_same(ours, theirs)
    except GateError:
        theirs = _fitted_again(ours, rows(), old, config)
    pair = paired_scores(ours, theirs, _contrast(ours, new))
    return [
        _check(limit, pair, config.economics)
        for limit in limits
        if limit.metric != POLICY or config.economics is not None
    ]


def stored_uplift_config(version: ModelVersion) -> UpliftTrainingConfig:
    """The config of the training a version came from, without paths."""
    return validate(
        UpliftTrainingConfig, stored_manifest(version)["config"], subject="stored training"
    )


def _require_estimand(new: Bundle, old: Bundle, champion: ModelVersion) -> None:
    ours, theirs = ([bundle.facts[name] for name in _ESTIMAND] for bundle in (new, old))
    if ours != theirs:
        raise GateError(
            f"model '{champion.model}'",
            f"predicts {_named(ours)}, and version {champion.number} in force {_named(theirs)}",
            rule="a model is replaced by one that predicts the same",
            next_step="Register it in another project, or promote it with --force.",
        )


def _named(estimand: list[str]) -> str:
    treated, control, outcome, kind = estimand
    return f"{outcome} ({kind}) of '{treated}' over '{control}'"


def _contrast(run: StoredRun, bundle: Bundle) -> str:
    """Name of the contrast a bundle belongs to."""
    treated: dict[str, str] = {
        found["treated"]: name for name, found in run.metrics["contrasts"].items()
    }
    return treated[bundle.facts["treated"]]


def _fitted_again(
    ours: StoredRun, rows: UpliftRows, old: Bundle, config: UpliftTrainingConfig
) -> StoredRun:
    """The learner in force, fitted on the training rows of the new one, on its test rows."""
    content = config.model_dump(mode="json") | {"learner": dict(old.config)}
    settings = validate(UpliftTrainingConfig, content, subject="stored training")
    result = fit_uplift(rows, settings.model_copy(update={"repeats": 1, "refit": False}))
    again = replace(
        ours,
        name="fitted again",
        learner=settings.learner.kind,
        metrics=result.metrics(),
        scores=judging_rows(result.scores()),
    )
    require_same(ours, again)
    return again


def _check(limit: Limit, pair: PairedScores, economics: Economics | None) -> Check:
    if limit.metric == CALIBRATION:
        new, old = _calibration_error(pair, pair.first), _calibration_error(pair, pair.other)
        return Check(CALIBRATION, new, old, old - new, old - new, limit.margin)
    unit = abs(float(np.mean(pair.effect)))
    if limit.metric == POLICY and economics is not None:
        new, old, difference = _policy(pair, economics)
        unit *= economics.value
    elif limit.metric in METRICS:
        new, old = (
            measure(limit.metric, pair.effect, score).value for score in (pair.first, pair.other)
        )
        difference = paired_difference(
            limit.metric, pair.effect, pair.first, pair.other, clusters=pair.clusters
        )
    else:
        raise ConfigError(
            f"promotion metric '{limit.metric}'",
            "is not known",
            rule=f"metrics of uplift models are {', '.join([*METRICS, POLICY, CALIBRATION])}",
            next_step="Correct promotion.yaml.",
        )
    return Check(limit.metric, new, old, difference.value, difference.low, limit.margin * unit)


def _policy(pair: PairedScores, economics: Economics) -> tuple[float, float, Estimate]:
    """Value per row of contacting whoever a score says is worth it: by the new score, by the old one, and their difference."""
    new, old = (economics.value * score > economics.cost for score in (pair.first, pair.other))
    cost, value = economics.cost, economics.value
    return (
        policy_value(pair.effect, new, cost=cost, value=value).value,
        policy_value(pair.effect, old, cost=cost, value=value).value,
        policy_difference(pair.effect, new, old, cost=cost, value=value, clusters=pair.clusters),
    )


def _calibration_error(pair: PairedScores, score: FloatArray) -> float:
    """Distance of the slope from 1; a constant score claims no differences and has none wrong."""
    slope = measure("calibration_slope", pair.effect, score).value
    return 0.0 if np.isnan(slope) else abs(slope - 1)
