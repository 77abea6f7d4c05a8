"""A new recommender against the one in force: both settings fitted before the same test cut-offs, paired by person."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from features.config import validate
from features.errors import ConfigError, WorkspaceError
from features.run import read_parquet
from training.bundle import read_bundle
from training.metrics.intervals import resample_persons
from training.models.registry import ModelVersion
from training.promotion.config import Limit, RecommenderGate
from training.promotion.gate import Check, unchanged
from training.promotion.stored import stored_manifest
from training.recommenders.registry import RECOMMENDERS
from training.test_values import TEST_VALUES, TestValues

COVERAGE: Final = "coverage"

_TEST: Final = ("horizon_days", "test_weeks", "target_events", "split", "event", "show_seen", "k")
"""Settings of a training that, with its inputs, say what its test values are values of."""


def compare_recommenders(
    challenger: ModelVersion,
    champion: ModelVersion,
    gate: RecommenderGate,
    *,
    value: Callable[[Any], TestValues],
) -> list[Check]:
    """The checks of a new recommender.

    Equal settings differ in nothing but the age of their data, and their difference is 0. Otherwise the stored values of
    the training in force are taken where it was judged on the same data and windows; else its settings are judged on
    those of the new training.

    Args:
        challenger: the new version.
        champion: the version in force.
        gate: metrics and margins.
        value: what a setting is worth on the test of the new training, fitted on what that was fitted on.

    Raises:
        ConfigError: a metric that the training does not know.
        WorkspaceError: a training left no test values.
    """
    limits = [gate.primary, *gate.guards]
    new, old = (dict(read_bundle(version.bundle).config) for version in (challenger, champion))
    if new == old:
        return unchanged([limit.metric for limit in limits])
    manifest = stored_manifest(challenger)
    ours = _stored(challenger)
    if _judged_on(manifest) == _judged_on(stored_manifest(champion)):
        theirs = _stored(champion)
    else:
        form = RECOMMENDERS[old["kind"]].config_type
        theirs = value(validate(form, old, subject="stored recommender"))
    return [_check(limit, ours, theirs, gate, k=manifest["config"]["k"]) for limit in limits]


def _check(
    limit: Limit, ours: TestValues, theirs: TestValues, gate: RecommenderGate, *, k: int
) -> Check:
    if limit.metric == COVERAGE and ours.coverage is not None and theirs.coverage is not None:
        change = ours.coverage - theirs.coverage
        return Check(COVERAGE, ours.coverage, theirs.coverage, change, change, limit.margin)
    metric, _, targets = limit.metric.partition(".")
    name = ".".join([f"{metric}_at_{k}", *([targets] if targets else [])])
    if name not in ours.metrics:
        known = [found.replace(f"_at_{k}", "") for found in ours.metrics]
        raise ConfigError(
            f"promotion metric '{limit.metric}'",
            "is not measured by the training",
            rule=f"metrics are {', '.join(known)}; from histories also {COVERAGE}",
            next_step="Correct promotion.yaml.",
        )
    resampled = resample_persons(
        ours.paired(theirs, name), replicates=gate.replicates, rng=gate.seed, level=gate.level
    )
    difference = resampled.difference(0, baseline=1)
    new, old = resampled.means.tolist()
    return Check(limit.metric, new, old, difference.estimate, difference.low, limit.margin)


def _judged_on(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {**manifest["inputs"], **{name: manifest["config"].get(name) for name in _TEST}}


def _stored(version: ModelVersion) -> TestValues:
    path = version.files / f"{TEST_VALUES}.parquet"
    if not path.is_file():
        raise WorkspaceError(
            f"model '{version.model}'",
            f"version {version.number} has no {path.name}",
            rule="models are compared by what they were worth to each person",
            next_step="Train again, or promote it with --force.",
        )
    metrics = json.loads((version.files / "metrics.json").read_text(encoding="utf-8"))
    judged = next(m for m in metrics["models"] if m["kind"] == metrics["champion"])
    return TestValues(read_parquet(path), judged.get(COVERAGE))
