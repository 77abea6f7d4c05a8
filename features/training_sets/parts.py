"""Persons in parts: whole histories of some persons at a time, so that nobody's memory has to hold all rows at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from features.histories.histories import Histories


def person_parts(histories: Histories, *, partitions: int) -> Iterator[Histories]:
    """Histories of persons in a row, in parts with about equally many events; views, nothing is copied.

    Args:
        histories: all persons.
        partitions: parts at most, >= 1; a part without person is left out.

    Invariants: every person is in exactly one part, in the same order; item codes stay what they were.
    """
    targets = np.linspace(0, histories.offsets[-1], partitions + 1)[1:-1]
    inner = np.searchsorted(histories.offsets, targets)
    cuts = np.unique([0, *inner.tolist(), histories.n_persons])
    for first, last in pairwise(cuts.tolist()):
        yield slice_persons(histories, first, last)


def slice_persons(histories: Histories, first: int, last: int) -> Histories:
    """The persons `first:last`, as views."""
    begin, end = histories.offsets[first], histories.offsets[last]
    reversals = histories.reversals
    return replace(
        histories,
        person_ids=histories.person_ids[first:last],
        offsets=np.asarray(histories.offsets[first : last + 1]) - begin,
        time=histories.time[begin:end],
        event=histories.event[begin:end],
        item=histories.item[begin:end],
        category=histories.category[begin:end],
        transaction=histories.transaction[begin:end],
        quantity=histories.quantity[begin:end],
        value=histories.value[begin:end],
        reversals=reversals._replace(row=reversals.row[begin:end]),
    )
