"""Evaluation windows: everybody's history before a cut-off, and what they wanted after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from features.arrays import BoolArray
from features.errors import InputError
from features.histories.histories import AsOf, Histories
from features.tables import EVENT_NAMES
from training.metrics.ranking import Relevant
from training.recommenders.base import Recommender

TARGETS: Final = ("all", "repeat", "novel")
"""Which relevant items count: all, those the person had an event with before the cut-off, and the others."""


@dataclass(frozen=True)
class Population:
    """Who and what one test cut-off evaluates, and what falls outside.

    Attributes:
        cutoff: the moment.
        persons: persons with any event before the end of the window.
        with_all, with_repeat, with_novel: persons with a relevant item of that kind; the others are not evaluated.
        cold_persons: evaluated persons without any event before the cut-off; they get the popular items.
        pairs: relevant (person, item) pairs.
        unseen_pairs: those whose item had no weighted event before the models were fitted: misses for every model.
    """

    cutoff: datetime
    persons: int
    with_all: int
    with_repeat: int
    with_novel: int
    cold_persons: int
    pairs: int
    unseen_pairs: int


@dataclass(frozen=True, eq=False)
class Window:
    """One cut-off: everybody's history before it and their relevant items after it."""

    cutoff: datetime
    history: AsOf
    relevant: Mapping[str, Relevant]
    persons: int

    @property
    def warm(self) -> BoolArray:
        return self.history.stop > self.history.start


def window_at(
    histories: Histories, cutoff: datetime, *, horizon: timedelta, targets: Sequence[str]
) -> Window:
    """One window.

    Args:
        histories: every event.
        cutoff: history is strictly before it; the window is [cutoff, cutoff + horizon).
        horizon: length of the window.
        targets: an item with one of these events inside the window is relevant.

    Raises:
        InputError: nobody wanted anything in the window.
    """
    history = histories.everyone(cutoff)
    end = histories.everyone(cutoff + horizon)
    row, position = AsOf(histories, end.person, end.time, history.stop, end.stop).events()
    item = histories.item[position]
    target = np.isin(histories.event[position], event_codes(targets)) & (item >= 0)
    relevant = Relevant.from_pairs(row[target], item[target], n_rows=len(history))
    if len(relevant.row) == 0:
        raise InputError(
            "evaluation window",
            f"no {' or '.join(targets)} from {cutoff.isoformat()} to "
            f"{(cutoff + horizon).isoformat()}",
            rule="a window without relevant items measures nothing",
            next_step="Check as_of, the number of weeks, and the events table.",
        )
    before_row, before = history.events()
    repeat = relevant.among(before_row, histories.item[before])
    return Window(
        cutoff=cutoff,
        history=history,
        relevant={
            "all": relevant,
            "repeat": relevant.where(repeat),
            "novel": relevant.where(~repeat),
        },
        persons=int(np.sum(end.stop > end.start)),
    )


def population_of(window: Window, model: Recommender[Any]) -> Population:
    """Who and what a window evaluates, for a model fitted before it."""
    histories = window.history.histories
    relevant = window.relevant["all"]
    known = np.isin(histories.item_ids.astype(str), model.item_ids.astype(str))
    counts = {target: int(np.sum(r.counts() > 0)) for target, r in window.relevant.items()}
    return Population(
        cutoff=window.cutoff,
        persons=window.persons,
        with_all=counts["all"],
        with_repeat=counts["repeat"],
        with_novel=counts["novel"],
        cold_persons=int(np.sum((relevant.counts() > 0) & ~window.warm)),
        pairs=len(relevant.row),
        unseen_pairs=int(np.sum(~known[relevant.item])),
    )


def event_codes(names: Sequence[str]) -> list[int]:
    """Integer code of each event name."""
    return [EVENT_NAMES.index(name) for name in names]
