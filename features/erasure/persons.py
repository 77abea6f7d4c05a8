"""Whose rows are whose: the columns that name a person, and all ids that belong to the listed ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.arrays import BoolArray
from features.erasure.request import KINDS, Ids
from features.run import Run, read_parquet

PERSON_COLUMNS: Final = {**{kind: kind for kind in KINDS}, c.MERGED_INTO: c.PERSON_ID}
"""Columns that name a person, with the kind of id they hold."""

_PREFIXES: Final = {"user:": c.USER_ID, "anonymous:": c.ANONYMOUS_ID}
"""How the identities table spells the kind of an id."""


def names_persons(names: Iterable[str]) -> bool:
    """Whether a table with these columns names persons."""
    return any(name in PERSON_COLUMNS or name == c.IDENTITY for name in names)


def belongs(table: pa.Table, ids: Ids) -> BoolArray:
    """Rows that name one of the persons, shape (n,)."""
    found = np.zeros(table.num_rows, np.bool_)
    for kind, values in named_ids(table):
        wanted = pa.array(sorted(ids[kind]), pa.string())
        found |= pc.is_in(values, value_set=wanted, skip_nulls=True).to_numpy().astype(np.bool_)
    return found


def all_ids(runs: Iterable[Run], listed: Ids) -> tuple[Ids, Ids]:
    """Every id of the listed persons, and the listed ids that name somebody in the runs.

    Ids that stand in one row of an events, identities or merges table belong to one person; a quarantined id, which many
    share, belongs to nobody.
    """
    links, seen = [], {kind: set[str]() for kind in KINDS}
    for run in runs:
        for path in sorted(run.path.rglob("*.parquet")):
            if names_persons(pq.read_schema(path).names):
                table = _distinct(path)
                links.append(table)
                for kind, values in named_ids(table):
                    seen[kind] |= listed[kind].intersection(pc.unique(values).to_pylist())
    ids = {kind: set(listed[kind]) for kind in KINDS}
    size = -1
    while size != (size := sum(map(len, ids.values()))):
        frozen = {kind: frozenset(values) for kind, values in ids.items()}
        for table in links:
            rows = table.filter(pa.array(belongs(table, frozen) & ~_shared(table)))
            for kind, values in named_ids(rows):
                ids[kind] |= set(pc.unique(values).drop_null().to_pylist())
    return _frozen(ids), _frozen(seen)


def _distinct(path: Path) -> pa.Table:
    """The distinct combinations of ids in a table."""
    names = [
        name
        for name in pq.read_schema(path).names
        if name in PERSON_COLUMNS or name in (c.IDENTITY, c.QUARANTINED)
    ]
    table = read_parquet(path).select(names)
    return table.group_by(names, use_threads=False).aggregate([])


def named_ids(table: pa.Table) -> Iterator[tuple[str, pa.ChunkedArray]]:
    """Each kind of id with the texts of a column that holds it; null where a row has none."""
    for name, kind in PERSON_COLUMNS.items():
        if name in table.column_names:
            yield kind, table[name].cast(pa.string())
    if c.IDENTITY in table.column_names:
        identity = table[c.IDENTITY]
        for prefix, kind in _PREFIXES.items():
            bare = pc.utf8_slice_codeunits(identity, len(prefix))
            yield kind, pc.if_else(pc.starts_with(identity, prefix), bare, None)


def _shared(table: pa.Table) -> BoolArray:
    if c.QUARANTINED not in table.column_names:
        return np.zeros(table.num_rows, np.bool_)
    shared: BoolArray = table[c.QUARANTINED].to_numpy().astype(np.bool_)
    return shared


def _frozen(ids: dict[str, set[str]]) -> Ids:
    return {kind: frozenset(values) for kind, values in ids.items()}
