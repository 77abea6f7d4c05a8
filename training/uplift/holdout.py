"""Which rows a model learns from and which judge it."""

from __future__ import annotations

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY
from training.uplift.config import LastWeeksSplit, RandomSplit
from training.uplift.rows import UpliftRows

_DAYS_PER_WEEK = 7


def split_rows(
    rows: UpliftRows, split: RandomSplit | LastWeeksSplit, *, target: str
) -> tuple[BoolArray, BoolArray]:
    """Train and test rows, each of shape (n_rows,); a row may be in neither.

    Raises:
        InputError: a part is empty.

    Invariants: no row is in both; under a random split no person is in both; under a split by time no outcome window of
        a training row reaches into the test weeks.
    """
    if isinstance(split, LastWeeksSplit):
        train, test = _by_time(rows.time, split)
    else:
        test = _at_random(rows, rows.outcomes[target], split)
        train = ~test
    for name, part in (("train", train), ("test", test)):
        if not part.any():
            raise InputError(
                rows.source,
                f"the {name} part has no row",
                rule="a model learns from one part and is judged on the other",
                next_step="Change 'split', or use more data.",
            )
    return train, test


def _by_time(time: IntArray | None, split: LastWeeksSplit) -> tuple[BoolArray, BoolArray]:
    if time is None:
        raise ValueError("a split by time needs rows with a time")
    test = time > time.max() - split.test_weeks * _DAYS_PER_WEEK * MICROSECONDS_PER_DAY
    closed = time + split.outcome_days * MICROSECONDS_PER_DAY <= time[test].min()
    return closed, test


def _at_random(rows: UpliftRows, target: FloatArray, split: RandomSplit) -> BoolArray:
    rng = np.random.default_rng(split.seed)
    if rows.group is not None:
        _, person = np.unique(rows.group, return_inverse=True)
        n_persons = int(person.max()) + 1
        chosen = rng.permutation(n_persons) < round(split.test_share * n_persons)
        return np.asarray(chosen[person], dtype=np.bool_)
    test = np.zeros(len(rows), dtype=np.bool_)
    stratum = rows.arm * 2 + (target > 0)
    for code in np.unique(stratum):
        members = rng.permutation(np.flatnonzero(stratum == code))
        test[members[: round(split.test_share * len(members))]] = True
    return test
