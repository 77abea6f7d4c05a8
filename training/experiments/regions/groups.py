"""Groups of regions alike before a test, the lot within each group, and every assignment that the lot could have made."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.assignment import uniform
from features.errors import InputError

NO_GROUP = -1
"""Group of a region that is left out."""

_MOST_REGIONS: Final = 1_000


def alike(history: FloatArray, *, size: int) -> IntArray:
    """Groups of regions that moved alike: the largest region first, with those nearest to it.

    Distance: root of the mean squared difference between both series, each over its own mean, and of the squared difference
    of the logarithms of the means: shape and size weigh the same.

    Args:
        history: outcome before the test, shape (n_regions, n_days), every region with a positive mean.
        size: regions per group.

    Returns:
        Group of each region from 0 on, largest first; `NO_GROUP` for the smallest regions, where they make no whole group.

    Invariants: unchanged by the order of days and by the unit of the outcome.
    """
    level = history.mean(axis=1)
    series = history / level[:, None]
    group = np.full(len(history), NO_GROUP, np.int64)
    left = np.argsort(-level, kind="stable")
    for number in range(len(history) // size):
        first = left[0]
        apart = np.mean((series[left] - series[first]) ** 2, axis=1)
        apart += np.log(level[left] / level[first]) ** 2
        chosen = left[np.argsort(apart, kind="stable")[:size]]
        group[chosen] = number
        left = left[~np.isin(left, chosen)]
    return group


def draw_lot(regions: Sequence[str], group: IntArray, *, treated: int, salt: str) -> BoolArray:
    """Which regions are treated: in each group those with the smallest hash of salt and name.

    Args:
        regions: names, n_regions of them.
        group: shape (n_regions,); `NO_GROUP` is never treated.
        treated: regions of each group that are.
        salt: names the test.

    Invariants: the same for any order of the regions.
    """
    draw = uniform(regions, salt=salt)
    chosen = np.zeros(len(group), np.bool_)
    for number in np.unique(group[group != NO_GROUP]):
        inside = np.flatnonzero(group == number)
        chosen[inside[np.argsort(draw[inside])[:treated]]] = True
    return chosen


def count_assignments(treated: BoolArray, group: IntArray) -> int:
    """How many assignments the lot could have made: the product of the choices of each group."""
    return math.prod(
        math.comb(int((group == number).sum()), int(treated[group == number].sum()))
        for number in np.unique(group)
    )


def possible_assignments(
    treated: BoolArray, group: IntArray, *, most: int, rng: np.random.Generator
) -> BoolArray:
    """Assignments that the lot could have made, the real one first.

    Args:
        treated: the real one, shape (n_regions,).
        group: shape (n_regions,).
        most: more than there are: all of them; else as many are drawn, with the real one.
        rng: for the draws.

    Returns:
        Shape (n_assignments, n_regions). Each is as likely as the real one.
    """
    if count_assignments(treated, group) <= most:
        return _all(treated, group)
    found = np.zeros((most, len(treated)), np.bool_)
    found[0] = treated
    for number in np.unique(group):
        inside = np.flatnonzero(group == number)
        order = rng.random((most - 1, len(inside))).argsort(axis=1)
        chosen = inside[order[:, : int(treated[inside].sum())]]
        np.put_along_axis(found[1:], chosen, True, axis=1)
    return found


def _all(treated: BoolArray, group: IntArray) -> BoolArray:
    places = [np.flatnonzero(group == number) for number in np.unique(group)]
    choices = [itertools.combinations(inside, int(treated[inside].sum())) for inside in places]
    found = []
    for parts in itertools.product(*choices):
        one = np.zeros(len(treated), np.bool_)
        one[[region for part in parts for region in part]] = True
        found.append(one)
    every = np.array(found)
    real = (every == treated).all(axis=1)
    return np.concatenate([every[real], every[~real]])


def require_testable(treated: BoolArray, group: IntArray, *, alpha: float, source: str) -> int:
    """How many assignments the lot could have made, if these are enough to find anything.

    A placebo distribution of N assignments has no two-sided p-value below 2 / N.

    Raises:
        InputError: 2 / N is above alpha, or there are more regions than can be weighed against each other.
    """
    if len(treated) > _MOST_REGIONS:
        raise InputError(
            source,
            f"{len(treated):,} regions",
            rule=f"a test is of at most {_MOST_REGIONS:,} regions",
            next_step="Take larger regions, or the largest ones ('data.most_regions').",
        )
    count = count_assignments(treated, group)
    if 2 / count > alpha:
        groups = len(np.unique(group))
        raise InputError(
            source,
            f"{len(treated)} regions in {groups} {'group' if groups == 1 else 'groups'} can be assigned in {count} ways; "
            f"the smallest p-value is 2 / {count} = {2 / count:.3f}",
            rule=f"a test at {alpha:g} needs at least {math.ceil(2 / alpha)} ways: 6 matched pairs, or 3 of 8 regions by one lot, for 0.05",
            next_step="Take more or smaller regions.",
        )
    return count
