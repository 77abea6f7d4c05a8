"""Which rows a model learns from and which judge it."""

from __future__ import annotations

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY
from training.uplift.config import ColumnSplit, LastWeeksSplit, RandomSplit
from training.uplift.rows import UpliftRows, no_such_value

_DAYS_PER_WEEK = 7


def split_rows(
    rows: UpliftRows, split: RandomSplit | LastWeeksSplit | ColumnSplit, *, target: str
) -> tuple[BoolArray, BoolArray]:
    """Train and test rows, each of shape (n_rows,); a row may be in neither.

    Raises:
        InputError: a part is empty, or a split column puts a person into both.

    Invariants: no row is in both; unless it is by time, no person is in both; under a split by time no outcome window of
        a training row reaches into the test weeks.
    """
    if isinstance(split, LastWeeksSplit):
        train, test = _by_time(rows.time, split)
    elif isinstance(split, ColumnSplit):
        train, test = _by_column(rows, split)
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


def _by_column(rows: UpliftRows, split: ColumnSplit) -> tuple[BoolArray, BoolArray]:
    if rows.part is None:
        raise ValueError("a split by column needs rows with that column")
    parts = []
    for label in (str(split.train), str(split.test)):
        parts.append(np.asarray(rows.part == label, dtype=np.bool_))
        if not parts[-1].any():
            raise no_such_value(
                label,
                set(rows.part.tolist()),
                column=split.column,
                source=rows.source,
                rule="a model learns from one part and is judged on the other",
                next_step="Correct 'split.train' and 'split.test'.",
            )
    train, test = parts
    if rows.group is not None:
        shared = np.intersect1d(rows.group[train], rows.group[test])
        if len(shared):
            raise InputError(
                rows.source,
                f"{len(shared):,} persons are in both parts of column '{split.column}'",
                rule="nobody whom a model has learned from may judge it",
                next_step="Put all rows of a person into one part.",
            )
    return train, test


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
