"""Who did it: anonymous ids and logins that were seen together are one person.

Ids are nodes, an event that carries both an anonymous id and a user id is an edge, and a connected component is a person.
A person is named after the id that was seen first, so a new day, whose ids are seen later, renames nobody; where a new
day joins two persons, the older name stands for both and the merge is recorded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp
from pydantic import Field
from scipy.sparse.csgraph import connected_components

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.config import BaseConfig
from features.contracts import TableContract, check
from features.tables import IDENTITIES, PERSON_MERGES, TIMESTAMP

QUARANTINED_IDENTITY: Final = "quarantined_identity"

LOGIN: Final = "user:"
"""How the identity of a login begins."""

_KINDS: Final = {c.ANONYMOUS_ID: "anonymous:", c.USER_ID: LOGIN}
_NONE: Final = -1
_DIGEST_BYTES: Final = 10
_NAMED_AT_ONCE: Final = 100_000


class IdentityConfig(BaseConfig):
    """When ids stop being one person."""

    max_identities: int = Field(default=50, ge=1)
    """Ids of one person at most; a larger component is a shared device, a bot or a broken id, and is quarantined."""


@dataclass(frozen=True, eq=False)
class Persons:
    """Who is who.

    Attributes:
        identities: every id seen so far and its person, the identities table, sorted.
        merges: persons joined since the identities before, the person-merges table, sorted.

    Invariants: unchanged by the order of what was seen; a person before is a person after, or is in `merges`, or is
        quarantined.
    """

    identities: pa.Table
    merges: pa.Table

    def of(self, events: pa.Table) -> tuple[pa.Array, BoolArray]:
        """The person of each event, null where it carries no id, and whether that id is quarantined."""
        nodes = self.identities[c.IDENTITY].combine_chunks()
        ends = _ends(events, nodes)
        at = np.where(ends[c.USER_ID] >= 0, ends[c.USER_ID], ends[c.ANONYMOUS_ID])
        place = pa.array(at, mask=at < 0)
        person = self.identities[c.PERSON_ID].combine_chunks().take(place)
        shared = self.identities[c.QUARANTINED].combine_chunks().take(place)
        return person, pc.fill_null(shared, False).to_numpy(zero_copy_only=False)

    def by_id(self, column: str) -> pa.Table:
        """Person and quarantine of each `anonymous_id` or `user_id`, in a column of that name."""
        kind = _KINDS[column]
        own = self.identities.filter(pc.starts_with(self.identities[c.IDENTITY], kind))
        ids = pc.utf8_slice_codeunits(own[c.IDENTITY], start=len(kind))
        return pa.table(
            [ids, own[c.PERSON_ID], own[c.QUARANTINED]], [column, c.PERSON_ID, c.QUARANTINED]
        )


def find_persons(
    pairs: pa.Table, config: IdentityConfig, *, before: pa.Table | None = None
) -> Persons:
    """Name the connected components of ids that were seen together.

    Args:
        pairs: `anonymous_id`, `user_id` and `time`; of a pair that occurs more than once the earliest time counts.
        config: size cap.
        before: the identities of the last run, which keep their persons; None = first run.
    """
    known = IDENTITIES.schema.empty_table() if before is None else before
    nodes = _nodes(pairs, known)
    ends = _ends(pairs, nodes)
    component = _components(ends, nodes, known)
    first_seen = _first_seen(pairs, ends, nodes, known)
    shared = _shared(component, nodes, known, config)
    person, merges = _names(component, first_seen, shared, nodes, known)
    identities = pa.table(
        [nodes, person, pa.array(first_seen).cast(TIMESTAMP), pa.array(shared)],
        schema=IDENTITIES.schema,
    )
    return Persons(_checked(identities, IDENTITIES), _checked(merges, PERSON_MERGES))


def current_person(persons: pa.Array | pa.ChunkedArray, merges: pa.Table) -> pa.Array:
    """The person that stands for each person now: what was decided for an old id follows the oldest.

    Args:
        persons: person ids of an earlier run.
        merges: the person-merges table since then.
    """
    values = persons.combine_chunks() if isinstance(persons, pa.ChunkedArray) else persons
    at = pc.index_in(values, value_set=merges[c.PERSON_ID].combine_chunks())
    return pc.coalesce(merges[c.MERGED_INTO].combine_chunks().take(at), values)


def all_merges(before: pa.Table, merges: pa.Table) -> pa.Table:
    """The merges of all runs: whoever was merged earlier follows the merges since.

    Args:
        before: the person-merges table so far.
        merges: that of the run after it.
    """
    into = current_person(before[c.MERGED_INTO], merges)
    followed = pa.table([before[c.PERSON_ID], into], schema=PERSON_MERGES.schema)
    return pa.concat_tables([followed, merges]).sort_by(c.PERSON_ID)


def _nodes(events: pa.Table, known: pa.Table) -> pa.Array:
    """Every id seen so far, sorted: a node's number is its place."""
    found = [known[c.IDENTITY].combine_chunks()]
    found += [_identities(pc.unique(events[name]), kind) for name, kind in _KINDS.items()]
    distinct = pc.unique(pa.concat_arrays(found)).drop_null()
    return distinct.take(pc.sort_indices(distinct))


def _identities(ids: pa.Array, kind: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(kind), ids, "")


def _ends(events: pa.Table, nodes: pa.Array) -> dict[str, IntArray]:
    """Per kind of id the node of each event, -1 = it carries none."""
    return {name: _positions(events[name], kind, nodes) for name, kind in _KINDS.items()}


def _positions(ids: pa.ChunkedArray, kind: str, nodes: pa.Array) -> IntArray:
    encoded = ids.combine_chunks().dictionary_encode()
    place = pc.index_in(_identities(encoded.dictionary, kind), value_set=nodes)
    found = pc.fill_null(place.take(encoded.indices), _NONE)
    positions: IntArray = found.to_numpy(zero_copy_only=False).astype(np.int64)
    return positions


def _components(ends: dict[str, IntArray], nodes: pa.Array, known: pa.Table) -> IntArray:
    n = len(nodes)
    both = (ends[c.ANONYMOUS_ID] >= 0) & (ends[c.USER_ID] >= 0)
    one, other = ends[c.ANONYMOUS_ID][both], ends[c.USER_ID][both]
    was_one, was_other = _chains(nodes, known)
    rows, columns = np.concatenate([one, was_one]), np.concatenate([other, was_other])
    edges = sp.coo_matrix((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
    found = connected_components(edges.astype(np.bool_).tocsr(), directed=False)[1]
    labels: IntArray = found.astype(np.int64)
    return labels


def _chains(nodes: pa.Array, known: pa.Table) -> tuple[IntArray, IntArray]:
    """Edges that hold the ids of each person before together."""
    place = _places(nodes, known)
    person = known[c.PERSON_ID].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((place, person))
    same = person[order][1:] == person[order][:-1]
    return place[order][:-1][same], place[order][1:][same]


def _first_seen(
    events: pa.Table, ends: dict[str, IntArray], nodes: pa.Array, known: pa.Table
) -> IntArray:
    first = np.full(len(nodes), np.iinfo(np.int64).max, np.int64)
    time = events[c.TIME].cast(pa.int64()).to_numpy()
    for positions in ends.values():
        seen = positions >= 0
        np.minimum.at(first, positions[seen], time[seen])
    np.minimum.at(first, _places(nodes, known), known[c.FIRST_SEEN].cast(pa.int64()).to_numpy())
    return first


def _places(nodes: pa.Array, known: pa.Table) -> IntArray:
    """The node of each id before."""
    found: IntArray = pc.index_in(known[c.IDENTITY], value_set=nodes).to_numpy().astype(np.int64)
    return found


def _shared(
    component: IntArray, nodes: pa.Array, known: pa.Table, config: IdentityConfig
) -> BoolArray:
    """Ids of components above the cap; what is joined to a quarantined id is quarantined with it."""
    components = int(component.max(initial=-1)) + 1
    broken = np.bincount(component, minlength=components) > config.max_identities
    was = known[c.QUARANTINED].to_numpy().astype(np.bool_)
    broken[component[_places(nodes, known)[was]]] = True
    found: BoolArray = broken[component]
    return found


def _names(
    component: IntArray,
    first_seen: IntArray,
    shared: BoolArray,
    nodes: pa.Array,
    known: pa.Table,
) -> tuple[pa.Array, pa.Table]:
    """The person of each node: the oldest person before, else one named after the id seen first.

    A quarantined id is joined to nothing: it stays the person it was, or is one of its own.
    """
    n = len(nodes)
    group = np.where(shared, n + np.arange(n), component)
    leads = _leads(group, first_seen, np.arange(n))
    place, before = _places(nodes, known), known[c.PERSON_ID].combine_chunks()
    age = known[c.FIRST_SEEN].cast(pa.int64()).to_numpy()
    oldest = _leads(group[place], age, pc.rank(before, tiebreaker="min").to_numpy())
    at = np.empty(2 * n, np.int64)  # of each group, its name's place in `names`
    at[group[leads]] = np.arange(len(leads))
    at[group[place[oldest]]] = len(leads) + oldest
    names = pa.chunked_array([*_new_names(nodes, leads), before], pa.string()).combine_chunks()
    now = names.take(pa.array(at[group[place]]))
    moved = pa.table([before, now], schema=PERSON_MERGES.schema).filter(pc.not_equal(before, now))
    merges = moved.group_by(PERSON_MERGES.schema.names, use_threads=False).aggregate([])
    return names.take(pa.array(at[group])), merges.sort_by(c.PERSON_ID)


def _new_names(nodes: pa.Array, leads: IntArray) -> Iterator[pa.Array]:
    """Names of the persons led by these nodes, a part at a time: texts are small in Arrow and large in Python."""
    for start in range(0, len(leads), _NAMED_AT_ONCE):
        part = nodes.take(pa.array(leads[start : start + _NAMED_AT_ONCE])).to_pylist()
        yield pa.array([_name(text) for text in part], pa.string())


def _leads(group: IntArray, age: IntArray, rank: IntArray) -> IntArray:
    """The row of each group with the least age, of equal ones with the least rank."""
    order = np.lexsort((rank, age, group))
    return order[np.r_[True, np.diff(group[order]) != 0]] if len(order) else order


def _name(identity: str) -> str:
    return "p" + hashlib.blake2b(identity.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def _checked(table: pa.Table, contract: TableContract) -> pa.Table:
    if not table.num_rows:
        return contract.schema.empty_table()
    return check(table, contract, source=contract.name)
