"""Labels derived here, as a table, and as the supplemental feed that carries them to Merchant Center."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.parsed import ID
from features.catalog.rules.texts import CUSTOM_LABELS
from features.feed_tables import FEED_ITEMS, FEED_LABELS

SUPPLEMENT: Final = "feed_supplement.tsv"

_UNSAFE: Final = r"^[=+@\-]|[\x00-\x1f\x7f\"]"
"""Texts that a spreadsheet would run, or that would break a line of the file."""


@dataclass(frozen=True)
class Supplement:
    """A supplemental feed.

    Attributes:
        text: the file, tab-delimited: `id` and the labels, one item per line, sorted by id; "" = there are no labels.
        left_out: items whose id no spreadsheet-safe file can carry unchanged.
    """

    text: str
    left_out: int


def derived_labels(before: pa.Table, after: pa.Table) -> pa.Table:
    """The labels that stand in `after` and not in `before`, as the feed-labels table, by slot, then item.

    Args:
        before: the feed-items table as it was delivered.
        after: the same items, with free label slots filled.
    """
    parts = [FEED_LABELS.schema.empty_table()]
    for slot in CUSTOM_LABELS:
        new = pc.and_(pc.is_null(before[slot]), pc.is_valid(after[slot]))
        rows = after.filter(new)
        names = pa.array([slot] * rows.num_rows, pa.string())
        parts.append(pa.table([rows[c.ITEM_ID], names, rows[slot]], schema=FEED_LABELS.schema))
    return pa.concat_tables(parts)


def with_labels(items: pa.Table, labels: pa.Table) -> pa.Table:
    """Delivered items with the derived labels in their slots: what an export of the feed starts from."""
    for slot in pc.unique(labels[c.ATTRIBUTE]).to_pylist():
        rows = labels.filter(pc.equal(labels[c.ATTRIBUTE], slot))
        at = pc.index_in(items[c.ITEM_ID], value_set=rows[c.ITEM_ID].combine_chunks())
        derived = rows[c.ATTRIBUTE_VALUE].combine_chunks().take(at.combine_chunks())
        place = items.schema.get_field_index(slot)
        filled = pc.coalesce(items[slot], derived)
        items = items.set_column(place, FEED_ITEMS.schema.field(slot), filled)
    return items


def supplement(items: pa.Table, labels: pa.Table, slots: Sequence[str]) -> Supplement:
    """The derived labels as a supplemental feed: it adds labels to items and changes nothing else about them.

    An item without a label in a slot has an empty cell.

    Args:
        items: the feed-items table as it was delivered.
        labels: the feed-labels table.
        slots: slots to write, those the merchant leaves free.
    """
    if not slots:
        return Supplement("", 0)
    labelled = with_labels(items, labels)
    safe = pc.invert(pc.match_substring_regex(items[c.ITEM_ID], _UNSAFE))
    rows = labelled.filter(safe).sort_by(c.ITEM_ID)
    columns = [rows[c.ITEM_ID], *(pc.fill_null(rows[slot], "") for slot in slots)]
    lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
    header = "\t".join([ID, *slots])
    text = "".join(f"{line}\n" for line in [header, *lines])
    return Supplement(text, items.num_rows - rows.num_rows)
