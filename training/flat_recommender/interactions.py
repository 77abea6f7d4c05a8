"""Persons and items from flat files, as histories: rows of a table, or sessions as lists."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import IntArray, TextArray
from features.errors import GateError, InputError
from features.files.opening import FileLimits, open_bytes, read_lines
from features.histories.histories import Histories
from features.provenance import file_hash
from features.sources.flat_table import (
    FlatTable,
    as_numbers,
    read_flat_table,
    reject_missing,
    require_columns,
    text_values,
)
from features.tables import EVENTS
from training.flat_recommender.config import InteractionTableData, SessionListsData

_MICROSECONDS: Final = 1_000_000
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LIMITS: Final = FileLimits()


@dataclass(frozen=True, eq=False)
class Interactions:
    """Rows of (person, item, time).

    Attributes:
        person: shape (n_rows,), code of the person.
        item: shape (n_rows,), position in `item_ids`.
        time: shape (n_rows,), microseconds since 1970 UTC.
        item_ids: shape (n_items,), sorted text.
    """

    person: IntArray
    item: IntArray
    time: IntArray
    item_ids: TextArray

    def histories(self, rows: IntArray, *, event: str) -> Histories:
        """The chosen rows as histories; events of one person at one moment keep their order.

        Person ids are the codes as text of equal width, so that a person's row number follows the code.
        """
        person = np.char.mod("%010d", self.person[rows])
        text = pa.string()
        columns = {
            c.PERSON_ID: pa.array(person).cast(text),
            c.ITEM_ID: pa.array(self.item_ids, text).take(pa.array(self.item[rows])),
            c.EVENT_ID: pa.array(np.char.mod("%012d", np.arange(len(rows)))).cast(text),
            c.EVENT_NAME: pa.array([event] * len(rows), text),
            c.TIME: pa.array(self.time[rows]).cast(EVENTS.schema.field(c.TIME).type),
        }
        empty = {
            field.name: pa.nulls(len(rows), field.type)
            for field in EVENTS.schema
            if field.name not in columns
        }
        return Histories.from_events(
            pa.table(
                {name: pa.chunked_array([values]) for name, values in (columns | empty).items()}
            )
        )

    @property
    def end(self) -> datetime:
        """A moment after every row."""
        last = int(self.time.max(initial=0)) // _MICROSECONDS + 1
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=last)


@dataclass(frozen=True, eq=False)
class SessionPairs:
    """Test pairs of a session file.

    Attributes:
        prefixes: the histories, one per pair, in file order, items in the order of the training items and beyond.
        target: shape (n_pairs,), position of the next item in `prefixes.item_ids`.
        session: shape (n_pairs,), pairs whose prefixes belong to one session have one number.
    """

    prefixes: Interactions
    target: IntArray
    session: IntArray


def read_interaction_table(
    data: InteractionTableData, *, folder: Path
) -> tuple[Interactions, FlatTable]:
    """The rows of a flat table, and the table with its rejects.

    Raises:
        InputError: the file cannot be used.
        SchemaError: a column is missing.
        GateError: too many rows are refused.
    """
    flat = read_flat_table((folder / data.path).resolve(), separator=data.separator)
    named = [data.person, data.item, *([data.time] if data.time else [])]
    require_columns(flat.table, named, source=flat.source)
    for name in (data.person, data.item):
        flat = reject_missing(flat, name)
    if data.time:
        flat = as_numbers(flat, data.time)
    share = flat.rejects.num_rows / flat.rows_in
    if share > data.max_reject_share:
        raise GateError(
            flat.source,
            f"{flat.rejects.num_rows} of {flat.rows_in} rows are refused",
            rule=f"at most {data.max_reject_share:.0%} may be (max_reject_share)",
            next_step="Correct the file, or raise the limit.",
        )
    time = np.zeros(flat.table.num_rows, np.int64)
    if data.time:
        seconds = flat.table[data.time].to_numpy()
        time = np.round(seconds * _MICROSECONDS).astype(np.int64)
    _, person = _coded(text_values(flat.table[data.person]))
    item_ids, item = _coded(text_values(flat.table[data.item]))
    return Interactions(person, item, time, item_ids), flat


def read_sessions(
    data: SessionListsData, *, folder: Path
) -> tuple[Interactions, SessionPairs, str]:
    """The training sessions, the test pairs, and a hash of both files.

    Raises:
        InputError: a file cannot be used, or a line is not what it should be.
    """
    paths = [(folder / name).resolve() for name in (data.path, data.test)]
    sessions = [_items(value, path=paths[0], line=line) for line, value in _lines(paths[0])]
    pairs = [_pair(value, path=paths[1], line=line) for line, value in _lines(paths[1])]
    item_ids, item = _coded(
        [i for s in sessions for i in s] + [i for p, t in pairs for i in (*p, t)]
    )
    n_train = sum(map(len, sessions))
    train = _timed([len(s) for s in sessions], item[:n_train], item_ids, first=0)
    lengths = np.array([len(prefix) for prefix, _ in pairs], np.int64)
    ends = np.cumsum(lengths + 1) - 1
    inside = np.ones(len(item) - n_train, np.bool_)
    inside[ends] = False
    test = item[n_train:]
    prefixes = _timed(lengths, test[inside], item_ids, first=len(sessions))
    session = _nested([(tuple(prefix), target) for prefix, target in pairs])
    content = "-".join(file_hash(path) for path in paths)
    return train, SessionPairs(prefixes, test[ends], session), content


def last_prefixes(
    sessions: Interactions, *, share: float, rows: int, rng: np.random.Generator
) -> tuple[IntArray, SessionPairs]:
    """Hold the last sessions out: the rows that stay, and every prefix of the others with its next item, some drawn.

    Args:
        sessions: the training sessions, persons numbered in the order of time.
        share: share of the sessions held out.
        rows: at most so many prefixes.
        rng: draws them.
    """
    n_sessions = int(sessions.person.max()) + 1
    first = n_sessions - max(1, round(share * n_sessions))
    stays = np.flatnonzero(sessions.person < first)
    out = np.flatnonzero(sessions.person >= first)
    follows = out[1:][sessions.person[out[1:]] == sessions.person[out[1:] - 1]]
    drawn = np.sort(rng.permutation(follows)[:rows])
    begins = np.searchsorted(sessions.person, sessions.person[drawn])
    places = np.concatenate([np.arange(b, e) for b, e in zip(begins, drawn, strict=True)])
    prefixes = _timed(drawn - begins, sessions.item[places], sessions.item_ids, first=n_sessions)
    return stays, SessionPairs(prefixes, sessions.item[drawn], sessions.person[drawn] - first)


def _timed(
    lengths: Sequence[int] | IntArray, item: IntArray, item_ids: TextArray, *, first: int
) -> Interactions:
    """Sessions one after the other, a minute apart, their events a millisecond apart."""
    counts = np.asarray(lengths, np.int64)
    person = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(item)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = int(_FIRST.timestamp()) + 60 * (first + person)
    return Interactions(person, item, start * _MICROSECONDS + place * 1_000, item_ids)


def _nested(pairs: Sequence[tuple[tuple[str, ...], str]]) -> IntArray:
    """Number of the session of each pair: a pair continues the one before when that one's prefix is its own whole."""
    session = np.zeros(len(pairs), np.int64)
    for position in range(1, len(pairs)):
        (before, _), (prefix, target) = pairs[position - 1], pairs[position]
        continues = before == (*prefix, target)
        session[position] = session[position - 1] + (not continues)
    return session


def _coded(values: Sequence[str | None]) -> tuple[TextArray, IntArray]:
    """Sorted distinct values and the position of each."""
    known, codes = np.unique(np.array(values, dtype=str), return_inverse=True)
    return known.astype(object), codes.astype(np.int64)


def _lines(path: Path) -> list[tuple[int, Any]]:
    found = []
    with open_bytes(path, limits=_LIMITS) as stream:
        for line in read_lines(stream, path=path, limits=_LIMITS):
            if line.problem:
                raise _refused(path, line.number, line.problem)
            if line.text.strip():
                try:
                    found.append((line.number, json.loads(line.text)))
                except (ValueError, RecursionError):
                    raise _refused(path, line.number, "no JSON") from None
    if not found:
        raise InputError(
            str(path), "holds no line", rule="training needs sessions", next_step="Check the file."
        )
    return found


def _items(value: Any, *, path: Path, line: int) -> list[str]:
    good = isinstance(value, list) and len(value) > 0
    if not (good and all(isinstance(i, str | int) and not isinstance(i, bool) for i in value)):
        raise _refused(path, line, "no list of item ids")
    return [str(i) for i in value]


def _pair(value: Any, *, path: Path, line: int) -> tuple[list[str], str]:
    if not (isinstance(value, list) and len(value) == 2):  # noqa: PLR2004 - a pair
        raise _refused(path, line, "no pair of item ids and next item")
    prefix, target = value
    return _items(prefix, path=path, line=line), _items([target], path=path, line=line)[0]


def _refused(path: Path, line: int, found: str) -> InputError:
    return InputError(
        str(path),
        f"line {line} is {found}",
        rule="each line is one JSON value of its kind",
        next_step="Correct the line.",
    )
