"""Train and judge uplift models: check the test, measure the average effects, learn on one part, judge on the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from features.arrays import BoolArray
from training.experiments.checks import (
    TwoArmsCheck,
    check_sample_ratio,
    check_two_arms,
    require_sample_ratio,
)
from training.experiments.lift import estimate_lift
from training.uplift.base import OutcomeKind
from training.uplift.config import UpliftTrainingConfig
from training.uplift.contrast import (
    Contrast,
    check_features,
    first_seed,
    fit_model,
    judge,
    repeat,
)
from training.uplift.evaluation import require_blind_score
from training.uplift.explanation import explain_score
from training.uplift.holdout import split_rows
from training.uplift.results import AverageEffect, ContrastResult, UpliftResult, score_table
from training.uplift.rows import UpliftRows
from training.uplift.screening import screen_features


def fit_uplift(rows: UpliftRows, config: UpliftTrainingConfig) -> UpliftResult:
    """Train one model per treated arm and judge each on rows it has not seen.

    Average effects are over all assigned rows. Rankings are judged on the test part only, by doubly robust scores
    cross-fitted inside it. The bundle of a contrast holds the very model that was judged, unless `refit` is set: then
    it holds one fitted again on all rows, whose own figures are unknown.

    Raises:
        GateError: sample-ratio mismatch, or a score that predicts the assignment; nothing is reported then.
        InputError: a part without rows of an arm.
        SchemaError: a feature that is neither number nor text.
    """
    sample_ratio = check_sample_ratio(rows.arm, rows.probability, arms=rows.arms)
    require_sample_ratio(sample_ratio, source=rows.source)
    train, test = split_rows(rows, config.split, target=config.target)
    names = _names(rows.arms[1:])
    return UpliftResult(
        rows=len(rows),
        persons=None if rows.group is None else len(np.unique(rows.group)),
        randomised=config.data.randomised,
        sample_ratio=sample_ratio,
        two_arms=_two_arms(rows),
        effects=average_effects(rows, config.data.outcomes),
        contrasts=[
            _fit_contrast(rows, train, test, config=config, treated=position, name=name)
            for position, name in enumerate(names, start=1)
        ],
    )


def average_effects(rows: UpliftRows, outcomes: dict[str, OutcomeKind]) -> list[AverageEffect]:
    """Intention-to-treat effects: each treated arm against the control, all together, and against each other."""
    found = []
    for treated, control in _contrasts(len(rows.arms)):
        kept, is_treated, probability = rows.contrast(treated, control)
        clusters = None if rows.group is None else rows.group[kept]
        for outcome, kind in outcomes.items():
            values = rows.outcomes[outcome][kept]
            lift = estimate_lift(values, is_treated, probability=probability, clusters=clusters)
            label = " + ".join(rows.arms[position] for position in treated)
            found.append(AverageEffect(label, rows.arms[control], outcome, kind, lift))
    return found


def _contrasts(n_arms: int) -> Iterator[tuple[list[int], int]]:
    """Treated arms and the arm compared with, as positions; 0 is the control."""
    others = range(1, n_arms)
    yield from (([position], 0) for position in others)
    if n_arms > 2:  # noqa: PLR2004 - with one treated arm there is no more to compare
        yield list(others), 0
        yield from (([a], b) for a in others for b in others if a < b)


def _fit_contrast(
    rows: UpliftRows,
    train: BoolArray,
    test: BoolArray,
    *,
    config: UpliftTrainingConfig,
    treated: int,
    name: str,
) -> ContrastResult:
    kept, is_treated, probability = rows.contrast([treated], 0)
    inside, train, test = rows.subset(kept), train[kept], test[kept]
    dropped = screen_features(inside.features)
    inside = inside.without({feature.name for feature in dropped})
    contrast = Contrast(inside, is_treated, probability, config, treated)
    balance, assignment = check_features(contrast)
    judged = judge(contrast, train, test, seed=first_seed(config))
    require_blind_score(judged.evaluation.treated_share, balance, source=rows.source)
    scores = score_table(contrast, name, train, test, judged)
    model = judged.model
    if config.refit:
        model = fit_model(contrast, np.ones(len(inside), dtype=np.bool_))
    return ContrastResult(
        name,
        model,
        int(train.sum()),
        balance,
        judged.evaluation,
        scores,
        dropped,
        assignment,
        repeat(contrast, judged.evaluation),
        explain_score(
            judged.model.encoding.encode(inside.features, source=inside.source)[test],
            judged.uplift[test],
            names=judged.model.encoding.names,
            categorical=judged.model.encoding.categorical,
        ),
    )


def _two_arms(rows: UpliftRows) -> TwoArmsCheck | None:
    """Persons in two arms of one assignment; persons assigned again at another time may change arms."""
    if rows.group is None:
        return None
    time = rows.group if rows.time is None else rows.time
    unit = [f"{person}@{moment}" for person, moment in zip(rows.group, time, strict=True)]
    return check_two_arms(unit, [rows.arms[position] for position in rows.arm])


def _names(treated: Sequence[str]) -> list[str]:
    """File names of the contrasts: letters, digits and underscores, all different."""
    names: list[str] = []
    for arm in treated:
        name = re.sub(r"[^a-z0-9]+", "_", arm.lower()).strip("_") or "arm"
        names.append(name if name not in names else f"{name}_{len(names) + 1}")
    return names
