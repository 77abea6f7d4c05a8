"""Judge an uplift score on rows its model has not seen, next to random order and next to the likeliest buyers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import GateError
from training.experiments.checks import BalanceCheck
from training.metrics.estimates import Estimate
from training.metrics.uplift import (
    DecileEffect,
    TocCurve,
    TreatedShareCheck,
    autoc,
    mean_effect,
    qini_area,
    qini_difference,
    toc_curve,
    treated_share_by_bin,
    uplift_by_bin,
)

QINI_CONVENTION: Final = (
    "area between gain curve and diagonal, per head of the test rows, not normalised; "
    "a random ranking has the value 0; ties averaged; 95 % influence-function interval"
)
AUTOC_CONVENTION: Final = (
    "area under the targeting curve TOC(q), per head, not normalised; a random ranking has the value 0; "
    "ties averaged; 95 % jackknife interval"
)


@dataclass(frozen=True)
class RankingEvaluation:
    """How well a score ranks rows by their effect.

    Attributes:
        n_rows: test rows.
        average_effect: mean effect over the test rows (doubly robust).
        qini: per-head Qini area of the score; random = 0.
        autoc: area under the TOC of the score; random = 0.
        baseline_qini: Qini area of ranking by the expected outcome without treatment, the usual propensity ranking.
        qini_over_baseline: paired difference `qini - baseline_qini`.
        bins: effect per score bin, highest first.
        treated_share: check that the score does not predict the assignment.
        curve: TOC and gain of the score.
        baseline_curve: the same of the baseline.
    """

    n_rows: int
    average_effect: Estimate
    qini: Estimate
    autoc: Estimate
    baseline_qini: Estimate
    qini_over_baseline: Estimate
    bins: list[DecileEffect]
    treated_share: TreatedShareCheck
    curve: TocCurve
    baseline_curve: TocCurve


def evaluate_ranking(
    effect: FloatArray,
    score: FloatArray,
    baseline: FloatArray,
    *,
    treated: BoolArray,
    probability: FloatArray,
    groups: IntArray | None,
    n_bins: int,
) -> RankingEvaluation:
    """Every figure of one score on one set of test rows.

    Args:
        effect: doubly robust scores, shape (n_rows,).
        score: predicted uplift from a model that has not seen these rows, shape (n_rows,).
        baseline: expected outcome without treatment, from a model that has not seen these rows, shape (n_rows,).
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,).
        groups: person of each row; intervals are then clustered by person. None = independent rows.
        n_bins: score bins.
    """
    return RankingEvaluation(
        n_rows=len(effect),
        average_effect=mean_effect(effect, clusters=groups),
        qini=qini_area(effect, score, clusters=groups),
        autoc=autoc(effect, score, clusters=groups),
        baseline_qini=qini_area(effect, baseline, clusters=groups),
        qini_over_baseline=qini_difference(effect, score, baseline, clusters=groups),
        bins=uplift_by_bin(effect, score, n_bins=n_bins, clusters=groups),
        treated_share=treated_share_by_bin(treated, probability, score, n_bins=n_bins),
        curve=toc_curve(effect, score),
        baseline_curve=toc_curve(effect, baseline),
    )


def require_blind_score(check: TreatedShareCheck, balance: BalanceCheck, *, source: str) -> None:
    """Withhold the evaluation when the score predicts the assignment.

    Raises:
        GateError: the treated share depends on the score; names the features that differ most between the arms.
    """
    if check.passed:
        return
    raise GateError(
        source,
        f"the share of treated rows depends on the uplift score (chi-square {check.chi2:.1f}, "
        f"df {check.df}, p = {check.p_value:.2g})",
        rule="features are known before a random assignment, so no score can predict it",
        next_step=f"Remove features measured after assignment; those that differ most: {', '.join(balance.worst())}.",
    )
