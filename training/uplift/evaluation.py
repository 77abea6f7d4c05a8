"""Judge an uplift score on rows its model has not seen, next to random order and next to the likeliest buyers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import GateError
from training.experiments.checks import BalanceCheck
from training.metrics.estimates import Estimate
from training.metrics.policy import PolicyReport, judge_policy
from training.metrics.policy_curves import BestShare, best_share
from training.metrics.uplift import (
    DecileEffect,
    TocCurve,
    TreatedShareCheck,
    autoc,
    mean_effect,
    qini_area,
    qini_difference,
    score_bins,
    toc_curve,
    treated_share_by_bin,
    uplift_by_bin,
)
from training.metrics.uplift_calibration import (
    BestLinearPredictor,
    SortedGroups,
    best_linear_predictor,
    sorted_groups,
)
from training.metrics.uplift_comparison import paired_difference, qini_over_average_effect
from training.metrics.uplift_segments import Segment, segments
from training.metrics.uplift_top import GainCurve, gain_curve, gain_over_random_at, uplift_at
from training.uplift.base import Design
from training.uplift.config import Economics

QINI_CONVENTION: Final = (
    "area between gain curve and diagonal, per head of the test rows, not normalised; "
    "a random ranking has the value 0; ties averaged; 95 % influence-function interval"
)
AUTOC_CONVENTION: Final = (
    "area under the targeting curve TOC(q), per head, not normalised; a random ranking has the value 0; "
    "ties averaged; 95 % jackknife interval"
)


_TOP_SHARES: Final = (0.1, 0.2, 0.3)


@dataclass(frozen=True)
class TopShare:
    """The best-ranked share.

    Attributes:
        share: of the test rows.
        effect: mean effect inside; a random ranking has the average effect.
        over_random: what treating them gains over as many at random, per head of everybody; random = 0.
        baseline: mean effect among as many by the expected outcome without treatment.
        over_baseline: paired difference of `effect` to `baseline`.
    """

    share: float
    effect: Estimate
    over_random: Estimate
    baseline: Estimate
    over_baseline: Estimate


@dataclass(frozen=True)
class RankingEvaluation:
    """How well a score ranks rows by their effect.

    Attributes:
        n_rows: test rows.
        average_effect: mean effect over the test rows (doubly robust).
        qini: per-head Qini area of the score; random = 0.
        autoc: area under the TOC of the score; random = 0.
        baseline_qini, baseline_autoc: of ranking by the expected outcome without treatment, the usual propensity ranking.
        qini_over_baseline: paired difference `qini - baseline_qini`.
        bins: effect per score bin, highest first.
        treated_share: check that the score does not predict the assignment.
        curve: TOC and gain of the score.
        baseline_curve: the same of the baseline.
        qini_over_average: Qini area as a share of the average effect; random = 0, NaN without a clear average effect.
        top: effect among the best-ranked 10, 20 and 30 %.
        calibration: slope of the measured on the predicted effect, 1 = right.
        groups: mean effects of five groups by predicted effect.
        segments: what score bins can be called, with intervals.
        gain: cumulative gain with its interval.
        policy: contacting whoever is predicted to be worth it, None without economics.
        best_share: the most profitable share of the ranking, None without economics.
        baseline_best_share: the same of the baseline.
    """

    n_rows: int
    average_effect: Estimate
    qini: Estimate
    autoc: Estimate
    baseline_qini: Estimate
    baseline_autoc: Estimate
    qini_over_baseline: Estimate
    bins: list[DecileEffect]
    treated_share: TreatedShareCheck
    curve: TocCurve
    baseline_curve: TocCurve
    qini_over_average: Estimate
    top: list[TopShare]
    calibration: BestLinearPredictor
    groups: SortedGroups
    segments: list[Segment]
    gain: GainCurve
    policy: PolicyReport | None
    best_share: BestShare | None
    baseline_best_share: BestShare | None


def evaluate_ranking(
    effect: FloatArray,
    score: FloatArray,
    baseline: FloatArray,
    *,
    treated: BoolArray,
    probability: FloatArray,
    responded: BoolArray,
    groups: IntArray | None,
    n_bins: int,
    economics: Economics | None = None,
) -> RankingEvaluation:
    """Every figure of one score on one set of test rows.

    Args:
        effect: doubly robust scores, shape (n_rows,).
        score: predicted uplift from a model that has not seen these rows, shape (n_rows,).
        baseline: expected outcome without treatment, from a model that has not seen these rows, shape (n_rows,).
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,).
        responded: the row has an outcome other than 0, shape (n_rows,); a part with hardly any has no interval.
        groups: person of each row; intervals are then clustered by person. None = independent rows.
        n_bins: score bins.
        economics: what an outcome is worth and a contact costs; None = no policy is valued.
    """
    order = np.argsort(
        -score, kind="stable"
    )  # every figure sorts by the score: once sorted that costs nothing
    effect, score, baseline = effect[order], score[order], baseline[order]
    treated, probability, responded = treated[order], probability[order], responded[order]
    groups = None if groups is None else groups[order]
    policy = best = baseline_best = None
    if economics is not None:
        value, cost = economics.value, economics.cost
        worth_it = value * score > cost
        policy = judge_policy(effect, worth_it, cost=cost, value=value, clusters=groups)
        best, baseline_best = (
            best_share(effect, ranking, cost=cost, value=value, clusters=groups)
            for ranking in (score, baseline)
        )
    return RankingEvaluation(
        n_rows=len(effect),
        average_effect=mean_effect(effect, clusters=groups),
        qini=qini_area(effect, score, clusters=groups),
        autoc=autoc(effect, score, clusters=groups),
        baseline_qini=qini_area(effect, baseline, clusters=groups),
        baseline_autoc=autoc(effect, baseline, clusters=groups),
        qini_over_baseline=qini_difference(effect, score, baseline, clusters=groups),
        bins=uplift_by_bin(effect, score, n_bins=n_bins, responded=responded, clusters=groups),
        treated_share=treated_share_by_bin(treated, probability, score, n_bins=n_bins),
        curve=toc_curve(effect, score),
        baseline_curve=toc_curve(effect, baseline),
        qini_over_average=qini_over_average_effect(effect, score, clusters=groups),
        top=[
            _top(effect, score, baseline, share, responded=responded, groups=groups)
            for share in _TOP_SHARES
        ],
        calibration=best_linear_predictor(effect, score, clusters=groups),
        groups=sorted_groups(effect, score, responded=responded, clusters=groups),
        segments=segments(
            effect,
            score_bins(score, n_bins=n_bins),
            baseline,
            responded=responded,
            clusters=groups,
        ),
        gain=gain_curve(effect, score, responded=responded, clusters=groups),
        policy=policy,
        best_share=best,
        baseline_best_share=baseline_best,
    )


def _top(
    effect: FloatArray,
    score: FloatArray,
    baseline: FloatArray,
    share: float,
    *,
    responded: BoolArray,
    groups: IntArray | None,
) -> TopShare:
    metric = f"uplift_at_{share:.0%}".rstrip("%")
    own, other = (
        uplift_at(effect, ranking, share=share, responded=responded, clusters=groups)
        for ranking in (score, baseline)
    )
    return TopShare(
        share,
        own,
        gain_over_random_at(effect, score, share=share, responded=responded, clusters=groups),
        other,
        paired_difference(metric, effect, score, baseline, clusters=groups),
    )


def verdict(evaluation: RankingEvaluation, *, design: Design) -> str:
    """What the test rows say about effect, ranking and size of the predictions, in words.

    Args:
        evaluation: figures of the test rows.
        design: without a lot there is an adjusted difference, and no effect is claimed.
    """
    measured = "average effect" if design == "randomised" else "adjusted average difference"
    average, qini, slope = (
        evaluation.average_effect,
        evaluation.qini,
        evaluation.calibration.slope,
    )
    effect = f"no evidence of an {measured}"
    if average.low > 0 or average.high < 0:
        effect = f"the {measured} is {'positive' if average.value > 0 else 'negative'}"
    ranking = "no evidence that the ranking is better than a random order"
    if qini.low > 0:
        ranking = "the ranking is better than a random order"
    elif qini.high < 0:
        ranking = "the ranking is worse than a random order"
    size = "the predictions do not differ between rows"
    if slope.se > 0:
        size = "no evidence that the predictions have the wrong size"
        if slope.high < 1:
            size = "the predictions exaggerate differences between rows"
        elif slope.low > 1:
            size = "the predictions understate differences between rows"
    return f"{effect}; {ranking}; {size}"


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
