"""When a share leaves its usual level: each period against the median of those before it."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from features.arrays import IntArray

_DEVIATIONS: Final = 3.0


class Shift(NamedTuple):
    """A run of periods away from the usual level.

    Attributes:
        first, last: positions of its periods.
        usual: median share of the periods before the first.
        share: share over the whole run.
    """

    first: int
    last: int
    usual: float
    share: float


def find_shifts(
    hits: IntArray,
    totals: IntArray,
    *,
    periods: int,
    min_periods: int,
    tolerance: float,
    rises: bool = False,
) -> list[Shift]:
    """Runs of periods whose share differs from the usual one by more than tolerance and chance.

    A period without cases is a gap: it neither differs nor counts as one before. Chance is three binomial standard
    deviations of the period's share at the usual level, and never less than those of one single case.

    Args:
        hits: cases that hold in each period, shape (n,).
        totals: cases of each period, shape (n,).
        periods: how many periods before make the usual level.
        min_periods: with fewer there is no usual level.
        tolerance: smallest difference that counts, in share.
        rises: whether a rise counts too, not only a fall.

    Invariants: adding later periods changes no run that ended before them.
    """
    filled = np.flatnonzero(totals > 0)
    share = hits[filled] / totals[filled]
    away: list[tuple[int, float]] = []
    for position in range(min_periods, len(filled)):
        usual = float(np.median(share[max(0, position - periods) : position]))
        n = int(totals[filled[position]])
        chance = _DEVIATIONS * float(np.sqrt(max(usual * (1 - usual), (1 - 1 / n) / n) / n))
        change = float(share[position]) - usual
        if (change < 0 or rises) and abs(change) > max(tolerance, chance):
            away.append((position, usual))
    return [_shift(run, hits, totals, filled) for run in _runs(away)]


def _runs(away: list[tuple[int, float]]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = []
    for entry in away:
        if runs and runs[-1][-1][0] == entry[0] - 1:
            runs[-1].append(entry)
        else:
            runs.append([entry])
    return runs


def _shift(
    run: list[tuple[int, float]], hits: IntArray, totals: IntArray, filled: IntArray
) -> Shift:
    inside = filled[run[0][0] : run[-1][0] + 1]
    share = float(hits[inside].sum() / totals[inside].sum())
    return Shift(int(inside[0]), int(inside[-1]), run[0][1], share)
