"""Who is behind the events: bots, ids that got stuck, and two sources that tell the same."""

from __future__ import annotations

from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import IntArray
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.files.rejects import masked
from features.quality.check import ANALYTICS, Detail, Owner, QualityCheck, not_available
from features.quality.observed import Observed

BOTS: Final = "bot_like_persons"
STUCK: Final = "stuck_ids"
POSSIBLE_DUPLICATES: Final = "possible_duplicates"
SHOWN: Final = 20

_MICROSECONDS_PER_SECOND: Final = 1_000_000


class TrafficConfig(BaseConfig):
    """Which traffic is not believed to be people."""

    owner: Owner = ANALYTICS
    """Who acts on bots and stuck ids."""

    duplicates_owner: Owner = MARKETING_OPERATIONS
    """Who acts when two sources tell the same."""

    max_actions_per_hour: int = Field(default=300, ge=1)
    """More actions of one person within a clock hour are not a person's; an order with all its lines is one action."""

    monotonous_actions: int = Field(default=300, ge=2)
    """So many actions of one person, all with the same event, item and page, are not a person's either."""

    max_bot_share: float = Field(default=0.05, ge=0, le=1)
    """Share of events of bot-like persons above which it is a warning."""

    max_id_share: float = Field(default=0.05, gt=0, le=1)
    """Share of all events that no single anonymous or user id plausibly has."""

    min_id_events: int = Field(default=1_000, ge=1)
    """Ids with fewer events are never stuck: in a small sample one busy person is a large share."""

    duplicate_seconds: float = Field(default=60.0, ge=0)
    """Reports of two sources so close together may be one event."""

    max_duplicate_share: float = Field(default=0.01, ge=0, le=1)
    """Share of events that may be duplicates above which it is a warning."""


def check_traffic(observed: Observed, config: TrafficConfig) -> tuple[QualityCheck, ...]:
    """`bot_like_persons`, `stuck_ids`, `possible_duplicates`: counted and reported, nothing is removed.

    Invariants: unchanged by the order of events.
    """
    return (
        _check_bots(observed, config),
        _check_stuck(observed, config),
        _check_duplicates(observed, config),
    )


def _check_bots(observed: Observed, config: TrafficConfig) -> QualityCheck:
    bots = _bots(observed, config).to_pylist()
    total = observed.events.num_rows
    if not total:
        return not_available(BOTS, config.owner, "there is no event")
    events = sum(row[c.EVENTS] for row in bots)
    share = events / total
    warned = share > config.max_bot_share
    return QualityCheck(
        BOTS,
        config.owner,
        "warn" if warned else "pass",
        f"{len(bots):,} persons look like bots; {events:,} of {total:,} events ({share:.1%}) are theirs",
        "Filter this traffic at the tag, or leave these persons out." if warned else "",
        figure=share,
        threshold=config.max_bot_share,
        details=(
            Detail(
                "Bot-like persons, most events first",
                tuple({**row, c.PERSON_ID: masked(row[c.PERSON_ID])} for row in bots[:SHOWN]),
            ),
        ),
    )


def _bots(observed: Observed, config: TrafficConfig) -> pa.Table:
    """Person, events, actions of the busiest hour, different actions; most events first."""
    columns = (
        c.PERSON_ID, c.HOUR, c.EVENT_NAME, c.ITEM_ID, c.PAGE, c.TRANSACTION_ID, c.EVENT_ID, c.TIME,
    )  # fmt: skip
    # only who has so many events at all can be a bot: the others need no closer look
    least = min(config.max_actions_per_hour + 1, config.monotonous_actions)
    counts = observed.events[c.PERSON_ID].value_counts()
    busy = counts.filter(pc.greater_equal(pc.struct_field(counts, [1]), least))
    chosen = observed.engine.table(pa.table({c.PERSON_ID: pc.struct_field(busy, [0])}))
    events = observed.expression(*columns).semi_join(chosen, c.PERSON_ID)
    events = events.mutate(
        action=ibis.coalesce(events[c.TRANSACTION_ID], events[c.EVENT_ID]),
        kind=ibis.coalesce(events[c.ITEM_ID], "") + "\x1f" + ibis.coalesce(events[c.PAGE], ""),
    )
    hourly = (
        events.group_by([c.PERSON_ID, c.HOUR])
        .aggregate(in_hour=events["action"].nunique())
        .group_by(c.PERSON_ID)
        .aggregate(actions_in_an_hour=lambda t: t["in_hour"].max())
    )
    whole = events.group_by(c.PERSON_ID).aggregate(
        **{c.EVENTS: events.count()},
        actions=events["action"].nunique(),
        kinds=(events[c.EVENT_NAME] + "\x1f" + events["kind"]).nunique(),
    )
    joined = whole.join(hourly, c.PERSON_ID)
    fast = joined["actions_in_an_hour"] > config.max_actions_per_hour
    monotonous = (joined["actions"] >= config.monotonous_actions) & (joined["kinds"] == 1)
    found = joined.filter(fast | monotonous).select(
        c.PERSON_ID, c.EVENTS, "actions_in_an_hour", "kinds"
    )
    order = [(c.EVENTS, "descending"), (c.PERSON_ID, "ascending")]
    return observed.engine.collect(found).sort_by(order)


def _check_stuck(observed: Observed, config: TrafficConfig) -> QualityCheck:
    total = observed.events.num_rows
    if not total:
        return not_available(STUCK, config.owner, "there is no event")
    counts = [
        (entry["counts"], name, entry["values"])
        for name in (c.ANONYMOUS_ID, c.USER_ID)
        for entry in _commonest(observed.events[name], least=config.max_id_share * total)
    ]
    counts.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    large = [entry for entry in counts if entry[0] >= config.min_id_events]
    stuck = [entry for entry in large if entry[0] / total > config.max_id_share]
    largest = large[0][0] / total if large else 0.0
    return QualityCheck(
        STUCK,
        config.owner,
        "alert" if stuck else "pass",
        f"{len(stuck)} ids have {config.min_id_events:,} events or more and above {config.max_id_share:.0%} "
        f"of all; the largest share of an id that size is {largest:.1%}",
        "Look whether the tag sends a constant instead of an id, and set the id aside."
        if stuck
        else "",
        figure=largest,
        threshold=config.max_id_share,
        details=(
            Detail(
                "Stuck ids",
                tuple(
                    {"kind": kind, "id": masked(name), c.EVENTS: n, "share": n / total}
                    for n, kind, name in stuck[:SHOWN]
                ),
            ),
        ),
    )


def _commonest(ids: pa.ChunkedArray, *, least: float) -> list[dict[str, Any]]:
    """Value and counts of ids with more than `least` events, and of the commonest in any case."""
    counts = ids.drop_null().value_counts()
    events = pc.struct_field(counts, [1])
    kept = pc.or_(pc.greater(events, least), pc.equal(events, pc.max(events)))
    found: list[dict[str, Any]] = counts.filter(kept).to_pylist()
    return found


def _check_duplicates(observed: Observed, config: TrafficConfig) -> QualityCheck:
    sources = observed.events[c.SOURCE].unique()
    if len(sources) < 2:  # noqa: PLR2004 - two tell the same
        return not_available(
            POSSIBLE_DUPLICATES, config.duplicates_owner, "there is only one source of events"
        )
    pairs = _pairs(observed, config)
    total = observed.events.num_rows
    found = sum(row[c.EVENTS] for row in pairs)
    share = found / total
    warned = share > config.max_duplicate_share
    largest = f", most of them {pairs[0][c.EVENT_NAME]} of {pairs[0]['sources']}" if pairs else ""
    return QualityCheck(
        POSSIBLE_DUPLICATES,
        config.duplicates_owner,
        "warn" if warned else "pass",
        f"{found:,} of {total:,} events ({share:.1%}) follow the same event of another source within "
        f"{config.duplicate_seconds:g} s under another event id{largest}",
        "Send one event id from both sources, or read that event from one of them."
        if warned
        else "",
        figure=share,
        threshold=config.max_duplicate_share,
        details=(Detail("Possible duplicates", tuple(pairs[:SHOWN])),),
    )


def _pairs(observed: Observed, config: TrafficConfig) -> list[dict[str, Any]]:
    """Neighbouring reports of the same event name, person and item by two sources, per name and sources."""
    events = observed.events.filter(pc.is_valid(observed.events[c.ITEM_ID]))
    code = {name: _codes(events[name]) for name in (c.EVENT_NAME, c.PERSON_ID, c.ITEM_ID, c.SOURCE)}
    time = events[c.TIME].cast(pa.int64()).to_numpy()
    order = np.lexsort(
        (code[c.SOURCE], time, code[c.ITEM_ID], code[c.PERSON_ID], code[c.EVENT_NAME])
    )
    first, second = order[:-1], order[1:]
    close = time[second] - time[first] <= config.duplicate_seconds * _MICROSECONDS_PER_SECOND
    pair = close & (code[c.SOURCE][first] != code[c.SOURCE][second])
    for name in (c.EVENT_NAME, c.PERSON_ID, c.ITEM_ID):
        pair &= code[name][first] == code[name][second]
    one, other = (events.take(pa.array(rows[pair])) for rows in (first, second))
    sources = pc.binary_join_element_wise(
        pc.min_element_wise(one[c.SOURCE], other[c.SOURCE]),
        pc.max_element_wise(one[c.SOURCE], other[c.SOURCE]),
        " and ",
    )
    grouped = pa.table({c.EVENT_NAME: one[c.EVENT_NAME], "sources": sources}).group_by(
        [c.EVENT_NAME, "sources"], use_threads=False
    )
    counted = grouped.aggregate([([], "count_all")]).rename_columns(
        [c.EVENT_NAME, "sources", c.EVENTS]
    )
    by = [(c.EVENTS, "descending"), (c.EVENT_NAME, "ascending"), ("sources", "ascending")]
    rows: list[dict[str, Any]] = counted.sort_by(by).to_pylist()
    return rows


def _codes(values: pa.ChunkedArray) -> IntArray:
    """A number per distinct text, in order of the alphabet: the order of rows changes nothing."""
    encoded = values.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    rank = np.empty(len(encoded.dictionary), np.int64)
    rank[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(rank))
    codes: IntArray = rank[encoded.indices.to_numpy()]
    return codes
