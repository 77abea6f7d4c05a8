"""Global cuts in time: what a model may learn from, what it is chosen on, what it is judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from features.arrays import BoolArray, IntArray
from features.errors import ConfigError

STEP = timedelta(days=7)
"""Distance between two cut-offs; weekly, so that every window holds each day of the week once."""


@dataclass(frozen=True)
class TimeSplits:
    """Cut-offs in rising order. A window is [cut-off, cut-off + horizon); history is strictly before the cut-off.

    Attributes:
        validation: cut-offs on which hyper-parameters are chosen.
        test: cut-offs on which the chosen models are judged.
        horizon: length of every target window.

    Invariants: every validation window ends at or before the first test cut-off; every test window ends at or before
    the `as_of` the splits were made for. So a model fitted at `validation[0]` (or `test[0]`) has seen no target.
    """

    validation: tuple[datetime, ...]
    test: tuple[datetime, ...]
    horizon: timedelta


def time_splits(
    as_of: datetime, *, horizon_days: int, test_weeks: int, validation_weeks: int
) -> TimeSplits:
    """Weekly cut-offs that end just before `as_of`.

    Args:
        as_of: end of the data the trainer may see, exclusive; with a zone.
        horizon_days: length of a target window, days, >= 1.
        test_weeks: number of test cut-offs, >= 1.
        validation_weeks: number of validation cut-offs, >= 1.

    Raises:
        ConfigError: a number below 1, or `as_of` without a zone.

    Example:
        >>> from datetime import UTC
        >>> splits = time_splits(
        ...     datetime(2017, 12, 25, tzinfo=UTC), horizon_days=7, test_weeks=2, validation_weeks=1
        ... )
        >>> [cut.date().isoformat() for cut in (*splits.validation, *splits.test)]
        ['2017-12-04', '2017-12-11', '2017-12-18']
    """
    for name, number in (
        ("horizon_days", horizon_days),
        ("test_weeks", test_weeks),
        ("validation_weeks", validation_weeks),
    ):
        if number < 1:
            raise ConfigError(
                name, str(number), rule="it must be 1 or more", next_step="Raise it in the config."
            )
    if as_of.tzinfo is None:
        raise ConfigError(
            "as_of",
            f"{as_of.isoformat()} has no time zone",
            rule="a cut-off is one moment",
            next_step="Give it a zone, for example +00:00.",
        )
    horizon = timedelta(days=horizon_days)
    test = _ending_at(as_of - horizon, test_weeks)
    return TimeSplits(
        validation=_ending_at(test[0] - horizon, validation_weeks), test=test, horizon=horizon
    )


def random_by_item(
    item: IntArray, *, train_share: float, rng: int | np.random.Generator
) -> BoolArray:
    """Which rows are for training, drawn at random within each item.

    Time plays no part, so a figure on the other rows says how well a model completes a table, not how well it foresees.
    For comparison with published figures only.

    Args:
        item: item code of each row, shape (n_rows,).
        train_share: share of each item's rows that train; their number is rounded half to even.
        rng: seed or generator.

    Returns:
        Shape (n_rows,).

    Source: the stratified split of Microsoft Recommenders, by item.
    """
    generator = np.random.default_rng(rng)
    order = generator.permutation(len(item))
    order = order[np.argsort(item[order], kind="stable")]
    counts = np.bincount(item)
    place = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = np.zeros(len(item), np.bool_)
    chosen[order] = place < np.round(train_share * np.repeat(counts, counts))
    return chosen


def _ending_at(last: datetime, count: int) -> tuple[datetime, ...]:
    return tuple(last - STEP * weeks for weeks in reversed(range(count)))
