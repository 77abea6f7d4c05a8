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
from training.uplift.base import OutcomeKind, TrialRows
from training.uplift.config import UpliftTrainingConfig
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.encoding import FeatureEncoding
from training.uplift.evaluation import (
    AUTOC_CONVENTION,
    QINI_CONVENTION,
    RankingEvaluation,
    evaluate_ranking,
    require_blind_score,
)
from training.uplift.holdout import split_rows
from training.uplift.learners.registry import fit_learner
from training.uplift.model import UpliftFacts, UpliftModel
from training.uplift.rows import UpliftRows

TRAIN: Final = "train"
TEST: Final = "test"
UNUSED: Final = "unused"


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
    """

    name: str
    model: UpliftModel
    n_train: int
    balance: BalanceCheck
    evaluation: RankingEvaluation
    scores: pa.Table


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
            ):
                found[f"{result.name}.{key}"] = estimate.value
                found[f"{result.name}.{key}_se"] = estimate.se
        return found

    def scores(self) -> pa.Table:
        """Row ids, contrast, split, arm, uplift and expected outcome without treatment, all contrasts below each other."""
        return pa.concat_tables([result.scores for result in self.contrasts])

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
    model = _fit_model(inside, train, is_treated, probability, config=config, treated=treated)
    matrix = model.encoding.encode(inside.features, source=rows.source)
    uplift, expected = model.learner.predict(matrix), model.learner.predict_control(matrix)
    balance = check_balance(
        matrix,
        is_treated,
        probability,
        names=model.encoding.names,
        levels=model.encoding.levels,
    )
    groups = None if inside.group is None else inside.group[test]
    held_out = TrialRows(
        matrix[test],
        inside.outcomes[config.target][test],
        is_treated[test],
        probability[test],
        config.data.outcomes[config.target],
        model.encoding.categorical,
        groups,
    )
    judged = doubly_robust_scores(
        held_out,
        config=config.evaluation_model,
        n_folds=config.n_folds,
        seed=config.split.seed if config.split.kind == "random" else 0,
    )
    evaluation = evaluate_ranking(
        judged.effect,
        uplift[test],
        expected[test],
        treated=is_treated[test],
        probability=probability[test],
        groups=groups,
        n_bins=config.n_bins,
    )
    require_blind_score(evaluation.treated_share, balance, source=rows.source)
    scores = _score_table(inside, name, train, test, uplift, expected)
    if config.refit:
        everyone = np.ones(len(inside), dtype=np.bool_)
        model = _fit_model(
            inside, everyone, is_treated, probability, config=config, treated=treated
        )
    return ContrastResult(name, model, int(train.sum()), balance, evaluation, scores)


def _fit_model(
    rows: UpliftRows,
    used: BoolArray,
    is_treated: BoolArray,
    probability: FloatArray,
    *,
    config: UpliftTrainingConfig,
    treated: int,
) -> UpliftModel:
    """Encode and fit on the rows that are `used`; levels unseen there are missing values elsewhere."""
    seen = rows.subset(used)
    kind = config.data.outcomes[config.target]
    encoding = FeatureEncoding.fit(seen.features, source=rows.source)
    trial = TrialRows(
        encoding.encode(seen.features, source=rows.source),
        seen.outcomes[config.target],
        is_treated[used],
        probability[used],
        kind,
        encoding.categorical,
        seen.group,
    )
    learner = fit_learner(trial, config.learner)
    facts = UpliftFacts(
        treated=rows.arms[treated],
        control=rows.arms[0],
        outcome=config.target,
        outcome_kind=kind,
        trained_on="all rows" if used.all() else "train part",
        n_rows=int(used.sum()),
    )
    return UpliftModel(encoding, learner, config.learner, facts)


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
    rows: UpliftRows,
    name: str,
    train: BoolArray,
    test: BoolArray,
    uplift: FloatArray,
    expected: FloatArray,
) -> pa.Table:
    split = np.where(train, TRAIN, np.where(test, TEST, UNUSED))
    table = rows.ids
    for column, values in (
        (c.CONTRAST, pa.array([name] * len(rows), pa.string())),
        (c.SPLIT, pa.array(split.tolist(), pa.string())),
        (c.ARM, pa.array([rows.arms[position] for position in rows.arm], pa.string())),
        (c.UPLIFT, pa.array(uplift)),
        (c.BASE_OUTCOME, pa.array(expected)),
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
    shown = {key: judged[key] for key in judged if key not in ("curve", "baseline_curve")}
    return {
        **asdict(result.model.facts),
        "bundle": "the model that was evaluated"
        if result.model.facts.n_rows == result.n_train
        else "fitted again on all rows; the figures are those of the model fitted on the train part",
        "n_train": result.n_train,
        "balance": asdict(result.balance),
        "test": {**shown, "random_qini": 0.0},
    }
