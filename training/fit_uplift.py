"""Train and judge uplift models: check the test, measure the average effects, learn on one part, judge on the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from features.arrays import BoolArray
from training.experiments.checks import (
    SampleRatioCheck,
    TwoArmsCheck,
    check_sample_ratio,
    check_two_arms,
    require_sample_ratio,
)
from training.uplift.average_effects import average_effects
from training.uplift.config import UpliftTrainingConfig
from training.uplift.contrast import (
    Contrast,
    check_features,
    first_seed,
    fit_model,
    judge,
    repeat,
)
from training.uplift.data_config import FlatTableData
from training.uplift.evaluation import require_blind_score
from training.uplift.explanation import explain_score
from training.uplift.holdout import split_rows
from training.uplift.monotone import require_monotone_features
from training.uplift.propensity import Overlap, estimate_propensities, measure_overlap
from training.uplift.results import ContrastResult, UpliftResult, score_table
from training.uplift.rows import UpliftRows
from training.uplift.screening import DroppedFeature, screen_features


def fit_uplift(rows: UpliftRows, config: UpliftTrainingConfig) -> UpliftResult:
    """Train one model per treated arm and judge each on rows it has not seen.

    Average effects are over all assigned rows. Rankings are judged on the test part only, by doubly robust scores
    cross-fitted inside it. The bundle of a contrast holds the very model that was judged, unless `refit` is set: then
    it holds one fitted again on all rows, with the settings of the one judged; its own figures are unknown, and it
    carries the score groups of the one judged under that name.

    Raises:
        GateError: sample-ratio mismatch, a feature or a score that predicts a random assignment, or estimated
            probabilities without overlap; nothing is reported then.
        ConfigError: a monotone direction for something that is no number.
        InputError: a part without rows of an arm.
        SchemaError: a feature that is neither number nor text.
    """
    require_monotone_features(rows.features, config.monotone)
    rows, sample_ratio = checked_assignment(rows, config)
    train, test = split_rows(rows, config.split, target=config.target)
    names = _names(rows.arms[1:])
    return UpliftResult(
        rows=len(rows),
        persons=None if rows.group is None else len(np.unique(rows.group)),
        design=config.data.design,
        sample_ratio=sample_ratio,
        two_arms=_two_arms(rows),
        effects=average_effects(rows, config),
        contrasts=[
            _fit_contrast(rows, train, test, config=config, treated=position, name=name)
            for position, name in enumerate(names, start=1)
        ],
        currency=config.economics.currency if config.economics else None,
    )


def checked_assignment(
    rows: UpliftRows, config: UpliftTrainingConfig
) -> tuple[UpliftRows, SampleRatioCheck | None]:
    """Rows with the probability of every arm: estimated, or known and then checked against the numbers assigned.

    Raises:
        GateError: sample-ratio mismatch, or estimated probabilities without overlap.
    """
    data = config.data
    if isinstance(data, FlatTableData) and data.estimated:
        return estimate_propensities(rows, data.propensity), None
    sample_ratio = check_sample_ratio(rows.arm, rows.probability, arms=rows.arms)
    require_sample_ratio(sample_ratio, source=rows.source)
    return rows, sample_ratio


def contrast_with(
    rows: UpliftRows, config: UpliftTrainingConfig, treated: int
) -> tuple[Contrast, BoolArray, list[DroppedFeature]]:
    """A treated arm and the control, without useless features; which rows those are; and what was left out."""
    kept, is_treated, probability = rows.contrast([treated], 0)
    inside = rows.subset(kept)
    dropped = screen_features(inside.features)
    inside = inside.without({feature.name for feature in dropped})
    return Contrast(inside, is_treated, probability, config, treated), kept, dropped


def _fit_contrast(
    rows: UpliftRows,
    train: BoolArray,
    test: BoolArray,
    *,
    config: UpliftTrainingConfig,
    treated: int,
    name: str,
) -> ContrastResult:
    contrast, kept, dropped = contrast_with(rows, config, treated)
    inside, train, test = contrast.rows, train[kept], test[kept]
    balance, assignment = check_features(contrast)
    judged = judge(contrast, train, test, seed=first_seed(config))
    if not config.data.observational:
        require_blind_score(judged.evaluation.treated_share, balance, source=rows.source)
    scores = score_table(contrast, name, train, test, judged)
    model = judged.model
    if config.refit:
        again = fit_model(contrast, np.ones(len(inside), dtype=np.bool_), model.config)
        model = replace(again, groups_before_refit=judged.model.groups)
    return ContrastResult(
        name,
        model,
        int(train.sum()),
        balance,
        judged.evaluation,
        scores,
        dropped,
        assignment,
        judged.choice,
        repeat(contrast, judged.evaluation),
        _overlap(contrast),
        explain_score(
            judged.model.encoding.encode(inside.features, source=inside.source)[test],
            judged.uplift[test],
            names=judged.model.encoding.names,
            categorical=judged.model.encoding.categorical,
        ),
    )


def _overlap(contrast: Contrast) -> Overlap | None:
    """How far the arms overlap; in a randomised test they do by design."""
    if not contrast.config.data.observational:
        return None
    clipped = contrast.rows.clipped
    if clipped is None:
        clipped = np.zeros(len(contrast.rows), dtype=np.bool_)
    return measure_overlap(contrast.is_treated, contrast.probability, clipped)


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
