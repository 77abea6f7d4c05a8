"""Train and judge uplift models: check the test, measure the average effects, learn on one part, judge on the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, FloatArray
from features.errors import InputError
from training.experiments.checks import (
    BalanceCheck,
    SampleRatioCheck,
    TwoArmsCheck,
    check_balance,
    check_sample_ratio,
    check_two_arms,
    require_sample_ratio,
)
from training.experiments.lift import LiftEstimate, estimate_lift
from training.metrics.uplift import TocCurve
from training.metrics.uplift_comparison import RepeatedEstimate, over_splits
from training.uplift.base import OutcomeKind, TrialRows
from training.uplift.config import RandomSplit, UpliftTrainingConfig
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.drift import FeatureProfile
from training.uplift.encoding import FeatureEncoding
from training.uplift.evaluation import (
    AUTOC_CONVENTION,
    QINI_CONVENTION,
    RankingEvaluation,
    evaluate_ranking,
    require_blind_score,
    verdict,
)
from training.uplift.explanation import Explanation, explain_score
from training.uplift.holdout import split_rows
from training.uplift.learners.auto import AutoLearner
from training.uplift.learners.registry import fit_learner
from training.uplift.model import UpliftFacts, UpliftModel
from training.uplift.rows import UpliftRows
from training.uplift.screening import (
    AssignmentCheck,
    DroppedFeature,
    check_assignment,
    require_blind_features,
    screen_features,
)

TRAIN: Final = "train"
TEST: Final = "test"
UNUSED: Final = "unused"

_CURVES: Final = ("curve", "baseline_curve", "gain")
_MOST_TELLING: Final = 5


@dataclass(frozen=True)
class AverageEffect:
    """Average effect of one contrast on one outcome, over all assigned rows, train and test.

    Attributes:
        treated: treated arm, or several joined by ' + '.
        control: arm compared with.
        outcome, outcome_kind: what is measured.
        lift: the estimate.
    """

    treated: str
    control: str
    outcome: str
    outcome_kind: OutcomeKind
    lift: LiftEstimate


@dataclass(frozen=True, eq=False)
class ContrastResult:
    """The model of one treated arm against the control.

    Attributes:
        name: file name of the contrast.
        model: what the bundle holds.
        n_train: rows the evaluated model was fitted on.
        balance: features between the arms, all rows of the contrast.
        evaluation: on the test part.
        scores: predictions of the evaluated model for every row of the contrast.
        dropped: feature columns that were left out, with the reason.
        assignment: features against the assignment, the most telling first.
        repeated: figures over repeated splits by name; empty without repeats.
        explanation: what the score depends on, on the test rows.
    """

    name: str
    model: UpliftModel
    n_train: int
    balance: BalanceCheck
    evaluation: RankingEvaluation
    scores: pa.Table
    dropped: list[DroppedFeature]
    assignment: list[AssignmentCheck]
    repeated: dict[str, RepeatedEstimate]
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class UpliftResult:
    """Everything one uplift training found.

    Attributes:
        rows: assigned rows, of how many persons (None = every row another person).
        persons: as above.
        randomised: False = nothing here may be called lift.
        sample_ratio: SRM check over all arms.
        two_arms: persons found in two arms of one assignment; None without persons.
        effects: average effects per contrast and outcome.
        contrasts: one model per treated arm.
    """

    rows: int
    persons: int | None
    randomised: bool
    sample_ratio: SampleRatioCheck
    two_arms: TwoArmsCheck | None
    effects: list[AverageEffect]
    contrasts: list[ContrastResult]

    def metrics(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        return {
            "population": {"rows": self.rows, "persons": self.persons},
            "design": "randomised" if self.randomised else "observational: no figure here is lift",
            "checks": {
                "sample_ratio": asdict(self.sample_ratio),
                "two_arms": None if self.two_arms is None else asdict(self.two_arms),
            },
            "average_effects": [_flat_effect(effect) for effect in self.effects],
            "conventions": {"qini": QINI_CONVENTION, "autoc": AUTOC_CONVENTION},
            "contrasts": {result.name: _contrast_metrics(result) for result in self.contrasts},
        }

    def tracked(self) -> dict[str, float]:
        """The few figures worth comparing between runs, by name."""
        found: dict[str, float] = {}
        for result in self.contrasts:
            judged = result.evaluation
            for key, estimate in (
                ("qini_per_head", judged.qini),
                ("autoc", judged.autoc),
                ("qini_over_baseline", judged.qini_over_baseline),
                ("test_average_effect", judged.average_effect),
                ("calibration_slope", judged.calibration.slope),
                ("uplift_at_30", judged.top[-1].effect),
            ):
                found[f"{result.name}.{key}"] = estimate.value
                found[f"{result.name}.{key}_se"] = estimate.se
        return found

    def scores(self) -> pa.Table:
        """Row ids, contrast, split, arm, uplift and expected outcome without treatment, all contrasts below each other."""
        return pa.concat_tables([result.scores for result in self.contrasts])

    def gain_bands(self) -> pa.Table:
        """Gain of the model's ranking with its pointwise 95 % interval, all contrasts below each other."""
        return pa.concat_tables(
            [
                pa.table(
                    {
                        c.CONTRAST: [result.name] * len(result.evaluation.gain.share),
                        c.TREATED_SHARE: result.evaluation.gain.share,
                        c.GAIN: result.evaluation.gain.gain,
                        c.LOW: result.evaluation.gain.low,
                        c.HIGH: result.evaluation.gain.high,
                    }
                )
                for result in self.contrasts
            ]
        )

    def curves(self) -> pa.Table:
        """TOC and gain curves for plotting: per contrast, the model's ranking and the baseline's."""
        tables = []
        for result in self.contrasts:
            judged = result.evaluation
            tables.append(_curve_table(judged.curve, result.name, "uplift"))
            tables.append(_curve_table(judged.baseline_curve, result.name, "expected outcome"))
        return pa.concat_tables(tables)


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


@dataclass(frozen=True, eq=False)
class _Contrast:
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
class _Judged:
    """One split: the model of its train part and the figures of its test part."""

    model: UpliftModel
    evaluation: RankingEvaluation
    uplift: FloatArray
    expected: FloatArray
    effect: FloatArray


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
    contrast = _Contrast(inside, is_treated, probability, config, treated)
    balance, assignment = _check_features(contrast)
    judged = _judge(contrast, train, test, seed=_seed(config))
    require_blind_score(judged.evaluation.treated_share, balance, source=rows.source)
    scores = _score_table(contrast, name, train, test, judged)
    model = judged.model
    if config.refit:
        model = _fit_model(contrast, np.ones(len(inside), dtype=np.bool_))
    return ContrastResult(
        name,
        model,
        int(train.sum()),
        balance,
        judged.evaluation,
        scores,
        dropped,
        assignment,
        _repeat(contrast, judged.evaluation),
        explain_score(
            judged.model.encoding.encode(inside.features, source=inside.source)[test],
            judged.uplift[test],
            names=judged.model.encoding.names,
            categorical=judged.model.encoding.categorical,
        ),
    )


def _check_features(contrast: _Contrast) -> tuple[BalanceCheck, list[AssignmentCheck]]:
    """What was known before assignment, between the arms; in a randomised test no feature may tell them apart."""
    rows = contrast.rows
    encoding = FeatureEncoding.fit(rows.features, source=rows.source)
    matrix = encoding.encode(rows.features, source=rows.source)
    arms = (matrix, contrast.is_treated, contrast.probability)
    assignment = check_assignment(*arms, names=encoding.names, categorical=encoding.categorical)
    if contrast.config.data.randomised and rows.group is None:
        require_blind_features(assignment, source=rows.source)
    return check_balance(*arms, names=encoding.names, levels=encoding.levels), assignment


def _judge(contrast: _Contrast, train: BoolArray, test: BoolArray, *, seed: int) -> _Judged:
    """Fit on the train part, evaluate on the test part."""
    rows, config = contrast.rows, contrast.config
    _require_rows(contrast, train=train, test=test)
    model = _fit_model(contrast, train)
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
        groups=groups,
        n_bins=config.n_bins,
        economics=config.economics,
    )
    return _Judged(model, evaluation, uplift, expected, scored.effect)


def _seed(config: UpliftTrainingConfig) -> int:
    return config.split.seed if isinstance(config.split, RandomSplit) else 0


def _require_rows(contrast: _Contrast, *, train: BoolArray, test: BoolArray) -> None:
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


def _repeat(contrast: _Contrast, first: RankingEvaluation) -> dict[str, RepeatedEstimate]:
    """The figures over all repeats; the first is at hand already."""
    split, config = contrast.config.split, contrast.config
    if config.repeats == 1 or not isinstance(split, RandomSplit):
        return {}
    figures = [_repeated_figures(first)]
    for number in range(1, config.repeats):
        again = split.model_copy(update={"seed": split.seed + number})
        train, test = split_rows(contrast.rows, again, target=config.target)
        judged = _judge(contrast, train, test, seed=again.seed)
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


def _fit_model(contrast: _Contrast, used: BoolArray) -> UpliftModel:
    """Encode and fit on the rows that are `used`; levels unseen there are missing values elsewhere."""
    config, seen = contrast.config, contrast.rows.subset(used)
    kind = config.data.outcomes[config.target]
    encoding = FeatureEncoding.fit(seen.features, source=seen.source)
    trial = TrialRows(
        encoding.encode(seen.features, source=seen.source),
        seen.outcomes[config.target],
        contrast.is_treated[used],
        contrast.probability[used],
        kind,
        encoding.categorical,
        seen.group,
    )
    facts = UpliftFacts(
        treated=seen.arms[contrast.treated],
        control=seen.arms[0],
        outcome=config.target,
        outcome_kind=kind,
        trained_on="all rows" if used.all() else "train part",
        n_rows=int(used.sum()),
    )
    learner, profile = (
        fit_learner(trial, config.learner),
        FeatureProfile.fit(trial.matrix, encoding),
    )
    return UpliftModel(encoding, learner, config.learner, facts, profile)


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


def _score_table(
    contrast: _Contrast, name: str, train: BoolArray, test: BoolArray, judged: _Judged
) -> pa.Table:
    rows = contrast.rows
    split = np.where(train, TRAIN, np.where(test, TEST, UNUSED))
    effect = np.full(len(rows), np.nan)
    effect[test] = judged.effect
    table = rows.ids
    for column, values in (
        (c.CONTRAST, pa.array([name] * len(rows), pa.string())),
        (c.SPLIT, pa.array(split.tolist(), pa.string())),
        (c.ARM, pa.array([rows.arms[position] for position in rows.arm], pa.string())),
        (c.UPLIFT, pa.array(judged.uplift)),
        (c.BASE_OUTCOME, pa.array(judged.expected)),
        (c.EFFECT_SCORE, pa.array(effect, from_pandas=True)),
    ):
        table = table.append_column(column, values)
    return table


def _curve_table(curve: TocCurve, name: str, ranking: str) -> pa.Table:
    count = len(curve.share)
    return pa.table(
        {
            c.CONTRAST: [name] * count,
            c.RANKED_BY: [ranking] * count,
            c.TREATED_SHARE: curve.share,
            c.TOC: curve.toc,
            c.GAIN: curve.gain,
        }
    )


def _flat_effect(effect: AverageEffect) -> dict[str, Any]:
    fields = asdict(effect)
    return {**{key: fields[key] for key in fields if key != "lift"}, **fields["lift"]}


def _contrast_metrics(result: ContrastResult) -> dict[str, Any]:
    judged = asdict(result.evaluation)
    shown = {key: judged[key] for key in judged if key not in _CURVES}
    learner = result.model.learner
    return {
        **asdict(result.model.facts),
        "bundle": "the model that was evaluated"
        if result.model.facts.n_rows == result.n_train
        else "fitted again on all rows; the figures are those of the model fitted on the train part",
        "n_train": result.n_train,
        "balance": asdict(result.balance),
        "learner": result.model.config.kind,
        "verdict": verdict(result.evaluation),
        "screening": {
            "dropped": [asdict(feature) for feature in result.dropped],
            "assignment": [asdict(check) for check in result.assignment[:_MOST_TELLING]],
        },
        "choice": learner.choice() if isinstance(learner, AutoLearner) else None,
        "test": {**shown, "random_qini": 0.0},
        "explanation": asdict(result.explanation),
        "repeated": {name: asdict(found) for name, found in result.repeated.items()},
    }
