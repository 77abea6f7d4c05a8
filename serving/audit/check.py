"""What an audit check says: how many rows break its rule, the first of them, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray
from features.files.rejects import masked, shown
from serving.audit.evidence import Evidence

SHOWN: Final = 3
"""Bad rows that a finding names."""


@dataclass(frozen=True)
class Bad:
    """A place that breaks a rule.

    Attributes:
        file: name of the file, `<step>/<file>`.
        line: line or row of the file, from 1; None = the file as a whole.
        what: what stands there; ids of persons are masked.
    """

    file: str
    line: int | None
    what: str


@dataclass(frozen=True)
class Found:
    """What a check found.

    Attributes:
        count: places that break the rule.
        first: the first of them.
        unchecked: why the rule, or a part of it, could not be checked; "" = it could.
    """

    count: int = 0
    first: tuple[Bad, ...] = ()
    unchecked: str = ""

    def __add__(self, other: Found) -> Found:
        first = (*self.first, *other.first)[:SHOWN]
        return Found(self.count + other.count, first, self.unchecked or other.unchecked)


@dataclass(frozen=True)
class Check:
    """One rule that published files have to obey.

    Attributes:
        name: of the rule.
        rule: what has to hold, in words.
        next_step: what to do where it does not.
        find: looks for places that break it.
    """

    name: str
    rule: str
    next_step: str
    find: Callable[[Evidence], Found]


def bad_rows(claims: pa.Table, broken: BoolArray) -> Found:
    """The rows of a claims table for which `broken` is true, shape (n_rows,); shows the masked person and the item."""
    places = np.flatnonzero(broken)
    first = claims.take(places[:SHOWN]).to_pylist()
    return Found(len(places), tuple(Bad(row[c.FILE], row[c.LINE], _claim(row)) for row in first))


def bad_places(places: Iterable[Bad]) -> Found:
    """Places found one by one."""
    found = list(places)
    return Found(len(found), tuple(found[:SHOWN]))


def _claim(row: dict[str, str | None]) -> str:
    person, item = row.get(c.PERSON_ID), row.get(c.ITEM_ID)
    words = [] if person is None else [f"person {masked(person)}"]
    return ", ".join(words if item is None else [*words, f"item {shown(item)}"])
