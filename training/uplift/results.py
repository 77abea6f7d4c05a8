"""What an uplift training found, and its forms on disk: figures, scores, curves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray
from training.experiments.checks import BalanceCheck, SampleRatioCheck, TwoArmsCheck
from training.metrics.uplift import TocCurve
from training.metrics.uplift_comparison import RepeatedEstimate
from training.metrics.uplift_top import GainCurve
from training.uplift.average_effects import AverageEffect
from training.uplift.base import Design
from training.uplift.contrast import Contrast, Judged
from training.uplift.evaluation import (
    AUTOC_CONVENTION,
    QINI_CONVENTION,
    RankingEvaluation,
    verdict,
)
from training.uplift.explanation import Explanation
from training.uplift.learners.auto import AutoLearner
from training.uplift.model import UpliftModel
from training.uplift.propensity import Overlap
from training.uplift.screening import AssignmentCheck, DroppedFeature
from training.uplift.tuned import TunedChoice

TRAIN: Final = "train"
TEST: Final = "test"
UNUSED: Final = "unused"
TUNED: Final = "tuned"

_CURVES: Final = ("curve", "baseline_curve", "gain")
_MOST_TELLING: Final = 5


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
        tuned: how the settings of a tuned learner were found; None = they were given.
        repeated: figures over repeated splits by name; empty without repeats.
        overlap: of the arms, None in a randomised test.
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
    tuned: TunedChoice | None
    repeated: dict[str, RepeatedEstimate]
    overlap: Overlap | None
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class UpliftResult:
    """Everything one uplift training found.

    Attributes:
        rows: assigned rows, of how many persons (None = every row another person).
        persons: as above.
        design: whether a lot was drawn.
        sample_ratio: SRM check over all arms; None where probabilities are estimated from the same rows.
        two_arms: persons found in two arms of one assignment; None without persons.
        effects: average effects per contrast and outcome.
        contrasts: one model per treated arm.
        currency: of values and costs, ISO 4217; None = nothing was valued in money.
    """

    rows: int
    persons: int | None
    design: Design
    sample_ratio: SampleRatioCheck | None
    two_arms: TwoArmsCheck | None
    effects: list[AverageEffect]
    contrasts: list[ContrastResult]
    currency: str | None

    def metrics(self) -> dict[str, Any]:
        """Every figure, ready for JSON."""
        return {
            "population": {"rows": self.rows, "persons": self.persons},
            "design": self.design,
            "checks": {
                "sample_ratio": None if self.sample_ratio is None else asdict(self.sample_ratio),
                "two_arms": None if self.two_arms is None else asdict(self.two_arms),
            },
            "average_effects": [_flat_effect(effect) for effect in self.effects],
            "conventions": {"qini": QINI_CONVENTION, "autoc": AUTOC_CONVENTION},
            "contrasts": {
                result.name: {**_contrast_metrics(result), "currency": self.currency}
                for result in self.contrasts
            },
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

    def curves(self) -> pa.Table:
        """TOC and gain curves for plotting: per contrast, the model's ranking and the baseline's.

        The gain of the model's ranking comes with its pointwise 95 % interval, null where there is none.
        """
        tables = []
        for result in self.contrasts:
            judged = result.evaluation
            tables.append(_curve_table(judged.curve, result.name, "uplift", judged.gain))
            tables.append(_curve_table(judged.baseline_curve, result.name, "expected outcome"))
        return pa.concat_tables(tables)


def score_table(
    contrast: Contrast, name: str, train: BoolArray, test: BoolArray, judged: Judged
) -> pa.Table:
    """Row ids and what the evaluated model says of every row of a contrast.

    A score of the effect for test rows only; the interval of the mean effect of a row's score group for rows that the
    model has not learned from.
    """
    rows = contrast.rows
    split = np.where(train, TRAIN, np.where(test, TEST, UNUSED))
    effect = np.full(len(rows), np.nan)
    effect[test] = judged.effect
    low, high = judged.model.intervals(judged.uplift)
    table = rows.ids
    for column, values in (
        (c.CONTRAST, pa.array([name] * len(rows), pa.string())),
        (c.SPLIT, pa.array(split.tolist(), pa.string())),
        (c.DESIGN, pa.array([contrast.config.data.design] * len(rows), pa.string())),
        (c.ARM, pa.array([rows.arms[position] for position in rows.arm], pa.string())),
        (c.UPLIFT, pa.array(judged.uplift)),
        (c.GROUP_LOW, pa.array(np.where(train, np.nan, low), from_pandas=True)),
        (c.GROUP_HIGH, pa.array(np.where(train, np.nan, high), from_pandas=True)),
        (c.BASE_OUTCOME, pa.array(judged.expected)),
        (c.EFFECT_SCORE, pa.array(effect, from_pandas=True)),
    ):
        table = table.append_column(column, values)
    return table


def _curve_table(
    curve: TocCurve, name: str, ranking: str, band: GainCurve | None = None
) -> pa.Table:
    count = len(curve.share)
    none = np.full(count, np.nan)
    low, high = (none, none) if band is None else (band.low, band.high)
    return pa.table(
        {
            c.CONTRAST: [name] * count,
            c.RANKED_BY: [ranking] * count,
            c.TREATED_SHARE: curve.share,
            c.TOC: curve.toc,
            c.GAIN: curve.gain,
            c.LOW: pa.array(low, from_pandas=True),
            c.HIGH: pa.array(high, from_pandas=True),
        }
    )


def _flat_effect(effect: AverageEffect) -> dict[str, Any]:
    fields = asdict(effect)
    return {**{key: fields[key] for key in fields if key != "estimate"}, **fields["estimate"]}


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
        "overlap": None if result.overlap is None else asdict(result.overlap),
        "learner": result.model.config.kind if result.tuned is None else TUNED,
        "verdict": verdict(result.evaluation, design=result.model.facts.design),
        "screening": {
            "dropped": [asdict(feature) for feature in result.dropped],
            "assignment": [asdict(check) for check in result.assignment[:_MOST_TELLING]],
        },
        "tuned": None
        if result.tuned is None
        else [asdict(entry) for entry in result.tuned.entries],
        "choice": learner.choice() if isinstance(learner, AutoLearner) else None,
        "test": {**shown, "random_qini": 0.0},
        "explanation": asdict(result.explanation),
        "repeated": {name: asdict(found) for name, found in result.repeated.items()},
    }
