"""What rows of neighbouring scores can be called: persuadable, sure thing, lost cause, harmed; as groups, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.metrics.estimates import CONFIDENCE, Estimate, estimate, if_outcomes

_DRAWS: Final = 50_000


PERSUADABLE, SURE_THING, LOST_CAUSE, HARMED = "persuadable", "sure thing", "lost cause", "harmed"


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

    Each bin is named by its own interval; what is then undecided is named by that of the bins together, which may show
    what none of them shows alone. The names hold for the groups as wholes and say nothing certain of any person in them.
    The bins of a segment are put together because of what they show, which flatters it: a plain interval of a segment's
    effect covered 73 % where every bin had the same effect. The interval here, which all naming goes by, holds for
    every way of putting bins together at once, and so covers more than 95 %.

    Args:
        effect: G, shape (n_rows,).
        place: bin of each row, 0 = highest scores, shape (n_rows,); see `training.metrics.uplift.score_bins`.
        expected_control: expected outcome without treatment, shape (n_rows,).
        responded: which rows have an outcome other than 0, shape (n_rows,); None = no interval is withheld.
        clusters: independent unit of each row, shape (n_rows,); None = rows are independent.

    Invariants: a segment is named persuadable exactly where its interval is above 0, harmed exactly where below.
    """
    found, code = np.unique(place, return_inverse=True)
    centre = np.bincount(code, weights=effect) / np.bincount(code)
    error = effect - centre[code]
    reach = bound_of_unions(len(found))

    def measure(codes: Sequence[int]) -> tuple[BoolArray, Estimate]:
        inside = np.isin(np.arange(len(found)), codes)[code]
        mean = estimate(
            float(effect[inside].mean()),
            error[inside],  # a bin's number of rows is fixed, so how bins differ is no error
            None if clusters is None else clusters[inside],
        )
        wide = replace(mean, low=mean.value - reach * mean.se, high=mean.value + reach * mean.se)
        return inside, if_outcomes(wide, None if responded is None else responded[inside])

    usual = float(expected_control.mean())
    members: dict[str, list[int]] = {}
    for k in range(len(found)):
        inside, mean = measure([k])
        responds = float(expected_control[inside].mean()) >= usual
        members.setdefault(_name(mean) or (SURE_THING if responds else LOST_CAUSE), []).append(k)
    for name in (SURE_THING, LOST_CAUSE):
        together = _name(measure(members[name])[1]) if name in members else None
        if together is not None:
            members[together] = sorted([*members.get(together, []), *members.pop(name)])
    result = []
    for name in (PERSUADABLE, SURE_THING, LOST_CAUSE, HARMED):
        if name in members:
            inside, mean = measure(members[name])
            result.append(
                Segment(
                    name,
                    tuple(int(k) + 1 for k in found[members[name]]),
                    float(inside.mean()),
                    mean,
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


def _name(mean: Estimate) -> str | None:
    """What an interval says by itself; None = it holds 0, or there is none."""
    if mean.low > 0:
        return PERSUADABLE
    if mean.high < 0:
        return HARMED
    return None
