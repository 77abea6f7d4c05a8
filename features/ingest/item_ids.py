"""Do the item ids of events exist in the feed? The rate, the ids that do not, and the repair that would help most.

Ids drift apart silently: a tag sends `wc_post_id_1953`, the feed says `1953`. Audiences fill all the same, but no item can
be shown. So the rate is a gate, and a gate that names the way through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.distinct import map_distinct
from features.errors import GateError

TOP_UNMATCHED: Final = 10
MIN_GAIN: Final = 0.01
"""A repair is suggested when it matches at least this share of item events more."""

_MAX_SAMPLE: Final = 5_000
_MIN_SUPPORT: Final = 2


class ItemIdConfig(BaseConfig):
    """How the item ids of events are turned into those of the feed, and how many must be found."""

    strip_prefix: str = ""
    """Taken off the front of an event's id, where it stands."""

    strip_suffix: str = ""
    """Taken off the end of an event's id, where it stands."""

    add_prefix: str = ""
    """Put in front of an event's id."""

    ignore_case: bool = False
    """Whether `sku-1` and `SKU-1` are one id."""

    match_on: Literal["id", "item_group_id"] = "id"
    """Which id of the feed events carry; a group stands for its first item."""

    match_pages: bool = False
    """Whether a page view without item id is a view of the item whose landing page it is: for articles, courses, features."""

    min_match_rate: float = Field(default=0.9, ge=0, le=1)
    """Share of item events whose id must be in the feed."""


@dataclass(frozen=True, eq=False)
class MatchReport:
    """How well the ids of events match the feed.

    Attributes:
        rates: `level` (all, event_name, source, day), `value`, `events` (with an item id), `matched`.
        unmatched: (id as sent, events), the most frequent first.
        repair: the config that would match most; None = none helps.
        repaired_rate: match rate with that repair.
    """

    rates: pa.Table
    unmatched: tuple[tuple[str, int], ...]
    repair: ItemIdConfig | None
    repaired_rate: float

    @property
    def rate(self) -> float:
        """Share of item events whose id is in the feed, in [0, 1]; 1 where no event has an item."""
        whole = self.rates.slice(0, 1).to_pylist()[0]
        return float(whole["matched"] / whole["events"]) if whole["events"] else 1.0

    def require(self, config: ItemIdConfig) -> None:
        """Stop here when too few ids match.

        Raises:
            GateError: with the commonest unmatched ids and the repair to paste into the config.
        """
        if self.rate >= config.min_match_rate:
            return
        ids = ", ".join(f"'{name}' ({events})" for name, events in self.unmatched[:3])
        advice = "Compare the ids the tag sends with those of the feed."
        if self.repair is not None:
            advice = (
                f"With this in the config {self.repaired_rate:.1%} match:\n{paste(self.repair)}"
            )
        raise GateError(
            "item ids",
            f"{self.rate:.1%} of item events have an id of the feed; unmatched: {ids}",
            rule=f"at least {config.min_match_rate:.1%} must have one",
            next_step=advice,
        )


def feed_ids(ids: pa.ChunkedArray, items: pa.Table, config: ItemIdConfig) -> pa.ChunkedArray:
    """The feed's item id of each event's id, shape (n,); null where the event has none or the feed lacks it.

    Args:
        ids: item ids as events carry them.
        items: feed items, with `item_id` and `item_group_id`.
        config: repair.
    """
    known = _known(items, config)
    return map_distinct(ids, lambda text: known.get(_repaired(text, config)), pa.string())


def match_items(events: pa.Table, items: pa.Table, config: ItemIdConfig) -> MatchReport:
    """Compare the item ids of events with the feed.

    Args:
        events: events with name, time and source; those without item id do not count.
        items: feed items, with `item_id` and `item_group_id`.
        config: the repair in force.

    Invariants: unchanged by the order of events; events and matched of each level sum to those of the whole.
    """
    chosen = events.filter(pc.is_valid(events[c.ITEM_ID]))
    matched = pc.is_valid(feed_ids(chosen[c.ITEM_ID], items, config)).cast(pa.int64())
    facts = pa.table(
        {
            "all": pa.array(["all"] * chosen.num_rows, pa.string()),
            c.EVENT_NAME: chosen[c.EVENT_NAME],
            c.SOURCE: chosen[c.SOURCE],
            "day": chosen[c.TIME].cast(pa.date32()).cast(pa.string()),
            "matched": matched,
        }
    )
    levels = ("all", c.EVENT_NAME, c.SOURCE, "day")
    parts = [_rates(facts, level) for level in levels]
    if not chosen.num_rows:
        parts[0] = pa.table({"level": ["all"], "value": ["all"], "events": [0], "matched": [0]})
    lost = _counts(chosen[c.ITEM_ID].filter(pc.equal(matched, 0)))
    found, total = int(pc.sum(matched).as_py() or 0), chosen.num_rows
    repair, repaired = _best_repair(_counts(chosen[c.ITEM_ID]), lost, items, config)
    worth = repaired - found > 0 and (repaired - found) / total >= MIN_GAIN
    return MatchReport(
        rates=pa.concat_tables(parts),
        unmatched=tuple(lost[:TOP_UNMATCHED]),
        repair=repair if worth else None,
        repaired_rate=(repaired if worth else found) / total if total else 1.0,
    )


def _counts(ids: pa.ChunkedArray) -> list[tuple[str, int]]:
    """Events per id, the most frequent first."""
    found = {entry["values"]: entry["counts"] for entry in ids.value_counts().to_pylist()}
    return sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))


def paste(repair: ItemIdConfig) -> str:
    """A repair as the YAML to paste into the config: only what differs from the defaults."""
    changed = repair.model_dump(exclude_defaults=True, exclude={"min_match_rate"})
    return "item_ids:\n" + "\n".join(f"  {key}: {_yaml(value)}" for key, value in changed.items())


def _yaml(value: object) -> str:
    return (
        str(value).lower()
        if isinstance(value, bool)
        else f"'{str(value).replace(chr(39), chr(39) * 2)}'"
    )


def _rates(facts: pa.Table, level: str) -> pa.Table:
    grouped = facts.group_by(level, use_threads=False).aggregate(
        [([], "count_all"), ("matched", "sum")]
    )
    ordered = grouped.sort_by(level)
    names = pa.array([level] * ordered.num_rows, pa.string())
    return pa.table(
        {
            "level": names,
            "value": ordered[level],
            "events": ordered["count_all"].cast(pa.int64()),
            "matched": ordered["matched_sum"].cast(pa.int64()),
        }
    )


def _known(items: pa.Table, config: ItemIdConfig) -> dict[str, str]:
    """Feed id as events would carry it -> item id; of several the first."""
    column = c.ITEM_ID if config.match_on == "id" else c.ITEM_GROUP_ID
    pairs = zip(items[column].to_pylist(), items[c.ITEM_ID].to_pylist(), strict=True)
    known: dict[str, str] = {}
    for written, item in sorted(pair for pair in pairs if pair[0] is not None):
        known.setdefault(written.casefold() if config.ignore_case else written, item)
    return known


def _repaired(text: str, config: ItemIdConfig) -> str:
    bare = text.removeprefix(config.strip_prefix).removesuffix(config.strip_suffix)
    whole = f"{config.add_prefix}{bare}"
    return whole.casefold() if config.ignore_case else whole


def _best_repair(
    sent: list[tuple[str, int]],
    lost: list[tuple[str, int]],
    items: pa.Table,
    config: ItemIdConfig,
) -> tuple[ItemIdConfig | None, int]:
    """The change with which most events match, and how many do: what it breaks counts against it."""
    sample = [name for name, _ in lost[:_MAX_SAMPLE]]
    best: tuple[int, ItemIdConfig | None] = (0, None)
    for change in _changes(sample, items, config):
        candidate = config.model_copy(update=change)
        known = _known(items, candidate)
        matched = sum(events for name, events in sent if _repaired(name, candidate) in known)
        if matched > best[0]:
            best = (matched, candidate)
    return best[1], best[0]


def _changes(
    sample: list[str], items: pa.Table, config: ItemIdConfig
) -> Iterable[dict[str, object]]:
    """Single changes worth trying, simplest first."""
    ids = set(items[c.ITEM_ID].to_pylist())
    yield {"ignore_case": True}
    if config.match_on == "id":
        yield {"match_on": "item_group_id"}
    for key, found in {
        "strip_prefix": _commonest(
            name[:cut] for name in sample for cut in _cuts(name) if name[cut:] in ids
        ),
        "strip_suffix": _commonest(
            name[cut:] for name in sample for cut in _cuts(name) if name[:cut] in ids
        ),
        "add_prefix": _commonest(_missing_fronts(set(sample), ids)),
    }.items():
        if found is not None:
            yield {key: found}


def _cuts(name: str) -> list[int]:
    """Places where an id may be cut: not inside a number."""
    return [n for n in range(1, len(name)) if not (name[n - 1].isdigit() and name[n].isdigit())]


def _missing_fronts(sample: set[str], ids: set[str]) -> Iterable[str]:
    return (name[:cut] for name in ids for cut in _cuts(name) if name[cut:] in sample)


def _commonest(found: Iterable[str]) -> str | None:
    counts = Counter(found)
    if not counts:
        return None
    text, support = min(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return text if support >= _MIN_SUPPORT else None
