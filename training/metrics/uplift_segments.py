"""What rows of neighbouring scores can be called: persuadable, sure thing, lost cause, harmed; as groups, with intervals."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import CONFIDENCE, Estimate, estimate, if_outcomes

_DRAWS: Final = 50_000


@dataclass(frozen=True)
class Segment:
    """Rows of neighbouring scores, as what the interval of their measured effect allows them to be called.

    Attributes:
        name: 'persuadable' (the interval is above 0), 'harmed' (below 0); where 0 is inside, or too few have an outcome:
            'sure thing' or 'lost cause' by whether they respond more or less than the average without treatment.
        bins: bins that it is made of, 1 = highest scores.
        share: of all rows.
        effect: mean effect; its interval holds for whichever bins were put together, so it is wider than that of a group
            chosen beforehand.
        expected_outcome: mean expected outcome without treatment.
    """

    name: str
    bins: tuple[int, ...]
    share: float
    effect: Estimate
    expected_outcome: float


def segments(
    effect: FloatArray,
    place: IntArray,
    expected_control: FloatArray,
    *,
    responded: BoolArray | None = None,
    clusters: IntArray | None = None,
) -> list[Segment]:
    """What each score bin can be called, bins of one name put together.

    The names hold for the bins as groups and with Bonferroni's allowance for their number; they say nothing certain of
    any person in them. The bins of a segment are put together because of what they show, which flatters it: a plain
    interval of a segment's effect covered 73 % where every bin had the same effect. The interval here holds for every
    way of putting bins together at once, and so covers more than 95 %.

    Args:
        effect: G, shape (n_rows,).
        place: bin of each row, 0 = highest scores, shape (n_rows,); see `training.metrics.uplift.score_bins`.
        expected_control: expected outcome without treatment, shape (n_rows,).
        responded: which rows have an outcome other than 0, shape (n_rows,); None = no interval is withheld.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.
    """
    found = np.unique(place)
    z = float(stats.norm.ppf(1 - (1 - CONFIDENCE) / 2 / len(found)))
    usual = float(expected_control.mean())
    members: dict[str, list[int]] = {}
    for k in found:
        inside = place == k
        mean = _mean(effect, inside, responded, clusters)
        expected = float(expected_control[inside].mean())
        name = _name(mean.value, z * mean.se, responds=expected >= usual)
        members.setdefault(name, []).append(int(k))
    result = []
    for name in ("persuadable", "sure thing", "lost cause", "harmed"):
        if name in members:
            inside = np.isin(place, members[name])
            mean = _mean(effect, inside, responded, clusters)
            reach = bound_of_unions(len(found)) * mean.se
            result.append(
                Segment(
                    name,
                    tuple(k + 1 for k in members[name]),
                    float(inside.mean()),
                    replace(mean, low=mean.value - reach, high=mean.value + reach),
                    float(expected_control[inside].mean()),
                )
            )
    return result


@cache
def bound_of_unions(n_bins: int) -> float:
    """Standard errors that hold for the mean of every union of `n_bins` equal bins at once, 95 % of the time.

    The largest of the standardised sums of m of n independent normal errors is that of the m largest (or smallest), so
    one sort a draw looks at all unions.
    """
    draws = np.random.default_rng(0).standard_normal((_DRAWS, n_bins))
    draws.sort(axis=1)
    root = np.sqrt(np.arange(1, n_bins + 1))
    lowest = np.cumsum(draws, axis=1) / root
    highest = np.cumsum(draws[:, ::-1], axis=1) / root
    return float(np.quantile(np.maximum(-lowest, highest).max(axis=1), CONFIDENCE))


def _name(value: float, error: float, *, responds: bool) -> str:
    if value - error > 0:
        return "persuadable"
    if value + error < 0:
        return "harmed"
    return "sure thing" if responds else "lost cause"


def _mean(
    effect: FloatArray,
    inside: BoolArray,
    responded: BoolArray | None,
    clusters: IntArray | None,
) -> Estimate:
    values = effect[inside]
    mean = float(values.mean())
    found = estimate(mean, values - mean, None if clusters is None else clusters[inside])
    return if_outcomes(found, None if responded is None else responded[inside])
