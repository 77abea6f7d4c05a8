"""One treated arm against the control: fit on some of the rows, judge on others, again on other splits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from features.arrays import BoolArray, FloatArray
from features.errors import InputError
from training.experiments.checks import BalanceCheck, check_balance
from training.metrics.uplift_comparison import RepeatedEstimate, over_splits
from training.uplift.base import TrialRows
from training.uplift.config import RandomSplit, UpliftTrainingConfig
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.drift import FeatureProfile
from training.uplift.encoding import FeatureEncoding
from training.uplift.evaluation import RankingEvaluation, evaluate_ranking
from training.uplift.holdout import split_rows
from training.uplift.learners.registry import UpliftLearnerConfig, fit_learner
from training.uplift.model import UpliftFacts, UpliftModel
from training.uplift.monotone import monotone_signs
from training.uplift.rows import UpliftRows
from training.uplift.score_groups import ScoreGroups
from training.uplift.screening import AssignmentCheck, check_assignment, require_blind_features
from training.uplift.tuned import TunedChoice, choose_settings
from training.uplift.tuned_config import TunedConfig


@dataclass(frozen=True, eq=False)
class Contrast:
    """Rows of one treated arm and the control, and what was asked of them."""

    rows: UpliftRows
    is_treated: BoolArray
    probability: FloatArray
    config: UpliftTrainingConfig
    treated: int

    @property
    def target(self) -> FloatArray:
        return self.rows.outcomes[self.config.target]


@dataclass(frozen=True, eq=False)
class Judged:
    """One split: the model of its train part and the figures of its test part.

    `choice` says how the settings were found where the learner is a tuned one.
    """

    model: UpliftModel
    choice: TunedChoice | None
    evaluation: RankingEvaluation
    uplift: FloatArray
    expected: FloatArray
    effect: FloatArray


def check_features(contrast: Contrast) -> tuple[BalanceCheck, list[AssignmentCheck]]:
    """What was known before assignment, between the arms; in a randomised test no feature may tell them apart."""
    rows = contrast.rows
    encoding = FeatureEncoding.fit(rows.features, source=rows.source)
    matrix = encoding.encode(rows.features, source=rows.source)
    arms = (matrix, contrast.is_treated, contrast.probability)
    assignment = check_assignment(
        *arms, names=encoding.names, categorical=encoding.categorical, groups=rows.group
    )
    if not contrast.config.data.observational:
        require_blind_features(assignment, source=rows.source)
    return check_balance(*arms, names=encoding.names, levels=encoding.levels), assignment


def judge(contrast: Contrast, train: BoolArray, test: BoolArray, *, seed: int) -> Judged:
    """Fit on the train part, evaluate on the test part."""
    rows, config = contrast.rows, contrast.config
    _require_rows(contrast, train=train, test=test)
    choice = None
    learner = config.learner
    if isinstance(learner, TunedConfig):
        choice = choose_settings(training_rows(contrast, train)[0], learner)
        learner = choice.learner
    model = fit_model(contrast, train, learner)
    matrix = model.encoding.encode(rows.features, source=rows.source)
    uplift, expected = model.learner.predict(matrix), model.learner.predict_control(matrix)
    groups = None if rows.group is None else rows.group[test]
    held_out = TrialRows(
        matrix[test],
        contrast.target[test],
        contrast.is_treated[test],
        contrast.probability[test],
        config.data.outcomes[config.target],
        model.encoding.categorical,
        groups,
    )
    scored = doubly_robust_scores(
        held_out, config=config.evaluation_model, n_folds=config.n_folds, seed=seed
    )
    evaluation = evaluate_ranking(
        scored.effect,
        uplift[test],
        expected[test],
        treated=held_out.treated,
        probability=held_out.probability,
        responded=held_out.outcome != 0,
        groups=groups,
        n_bins=config.n_bins,
        economics=config.economics,
    )
    measured = replace(model, groups=ScoreGroups.of(evaluation.bins))
    return Judged(measured, choice, evaluation, uplift, expected, scored.effect)


def training_rows(contrast: Contrast, used: BoolArray) -> tuple[TrialRows, FeatureEncoding]:
    """The rows that are `used`, encoded by themselves; levels unseen there are missing values elsewhere."""
    config, seen = contrast.config, contrast.rows.subset(used)
    encoding = FeatureEncoding.fit(seen.features, source=seen.source)
    cap = np.inf if config.learning_cap is None else config.learning_cap
    trial = TrialRows(
        encoding.encode(seen.features, source=seen.source),
        np.minimum(seen.outcomes[config.target], cap),
        contrast.is_treated[used],
        contrast.probability[used],
        config.data.outcomes[config.target],
        encoding.categorical,
        seen.group,
        monotone_signs(encoding, config.monotone),
    )
    return trial, encoding


def fit_model(contrast: Contrast, used: BoolArray, learner: UpliftLearnerConfig) -> UpliftModel:
    """Encode and fit on the rows that are `used`."""
    config, rows = contrast.config, contrast.rows
    trial, encoding = training_rows(contrast, used)
    facts = UpliftFacts(
        treated=rows.arms[contrast.treated],
        control=rows.arms[0],
        outcome=config.target,
        outcome_kind=trial.kind,
        trained_on="all rows" if used.all() else "train part",
        n_rows=int(used.sum()),
        design=config.data.design,
        learning_cap=config.learning_cap,
    )
    profile = FeatureProfile.fit(trial.matrix, encoding)
    return UpliftModel(encoding, fit_learner(trial, learner), learner, facts, profile)


def repeat(contrast: Contrast, first: RankingEvaluation) -> dict[str, RepeatedEstimate]:
    """The figures over all repeats; the first is at hand already."""
    split, config = contrast.config.split, contrast.config
    if config.repeats == 1 or not isinstance(split, RandomSplit):
        return {}
    figures = [_repeated_figures(first)]
    for number in range(1, config.repeats):
        again = split.model_copy(update={"seed": split.seed + number})
        train, test = split_rows(contrast.rows, again, target=config.target)
        judged = judge(contrast, train, test, seed=again.seed)
        figures.append(_repeated_figures(judged.evaluation))
    return {
        name: over_splits(np.array([found[name] for found in figures]), test_share=split.test_share)
        for name in figures[0]
    }


def _repeated_figures(evaluation: RankingEvaluation) -> dict[str, float]:
    slope = evaluation.calibration.slope.value
    return {
        "qini_per_head": evaluation.qini.value,
        "qini_over_baseline": evaluation.qini_over_baseline.value,
        "autoc": evaluation.autoc.value,
        "uplift_at_30": evaluation.top[-1].effect.value,
        # nothing claimed, nothing wrong: a constant prediction is calibrated
        "calibration_slope": 1.0 if np.isnan(slope) else slope,
    }


def _require_rows(contrast: Contrast, *, train: BoolArray, test: BoolArray) -> None:
    least = contrast.config.min_arm_rows
    for part, rows in (("train", train), ("test", test)):
        for arm, inside in (("treated", contrast.is_treated), ("control", ~contrast.is_treated)):
            found = int((rows & inside).sum())
            if found < least:
                raise InputError(
                    contrast.rows.source,
                    f"the {part} part has {found} {arm} rows",
                    rule=f"each arm has at least {least} in each part (min_arm_rows)",
                    next_step="Use more data, another 'split', or a smaller 'min_arm_rows'.",
                )


def first_seed(config: UpliftTrainingConfig) -> int:
    """Seed of the folds of the first split."""
    return config.split.seed if isinstance(config.split, RandomSplit) else 0
