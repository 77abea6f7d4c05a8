"""The whole shop as of a few moments, counted part by part of the persons and added up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from features.arrays import IntArray
from features.assignment import uniform
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.similarity import CoOccurrence
from features.builders.spend import SpendCounts
from features.config import BaseConfig
from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, Histories


class SimilarityConfig(BaseConfig):
    """From what it is learned which items go together."""

    window_days: float = Field(default=28, gt=0)
    """Purchases older than this do not count."""

    person_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the persons it is learned from, by stable hash: pairs of items grow with the square of a history."""

    min_persons: float = Field(default=3, ge=1)
    """Pairs that fewer persons bought do not go together."""


@dataclass(frozen=True, eq=False)
class ShopCounts:
    """What some persons did, as of one moment. Counts of two parts with different persons add up.

    Attributes:
        spend: orders and money.
        items: what happened to each item; None = not asked for.
        pairs: which items the same persons bought; None = not asked for.
    """

    spend: SpendCounts
    items: ItemCounts | None
    pairs: CoOccurrence | None

    def __add__(self, other: ShopCounts) -> ShopCounts:
        """The counts over the persons of both parts; the same moment and the same kinds of counts."""
        items = None if self.items is None or other.items is None else self.items + other.items
        pairs = None if self.pairs is None or other.pairs is None else self.pairs + other.pairs
        return ShopCounts(self.spend + other.spend, items, pairs)


def count_shop(
    part: Histories,
    moments: Sequence[int],
    similarity: SimilarityConfig | None = None,
    *,
    items: bool = True,
) -> list[ShopCounts]:
    """Counts of a part of the persons, as of each moment.

    Args:
        part: whole histories of some persons.
        moments: microseconds since 1970 UTC.
        similarity: which pairs of items to count; None = none.
        items: whether to count items too.
    """
    found = []
    for moment in moments:
        everyone = part.as_of(np.arange(part.n_persons), moment)
        pairs = None
        if similarity is not None:
            draw = uniform(part.person_ids.tolist(), salt="similarity")
            teachers = np.flatnonzero(draw < similarity.person_share)
            # nobody of this part: an unknown person, who has no event, counts nothing
            history = part.as_of(teachers if len(teachers) else [NO_CODE], moment)
            pairs = CoOccurrence.of(history, window_days=similarity.window_days)
        counts = ItemCounts.of(everyone) if items else None
        found.append(ShopCounts(SpendCounts.of(everyone), counts, pairs))
    return found


def know_shop(
    parts: Iterable[Histories],
    moments: Sequence[int],
    attributes: ItemAttributes,
    similarity: SimilarityConfig | None = None,
    *,
    items: bool = True,
) -> dict[int, Knowledge]:
    """The whole shop as of each moment.

    Args:
        parts: all persons, in parts.
        moments: microseconds since 1970 UTC.
        attributes: what the catalog says, known at or before the earliest moment.
        similarity: which items go together; None = not known.
        items: whether what happened to items is to be known too; person features alone do not need it.

    Raises:
        InputError: there is no person.

    Invariants: counts are the same however the persons are parted; unchanged by events and refunds at or after a moment.
    """
    totals: list[ShopCounts] = []
    for part in parts:
        counts = count_shop(part, moments, similarity, items=items)
        totals = [a + b for a, b in zip(totals, counts, strict=True)] if totals else counts
    if not totals and moments:
        raise InputError(
            "events",
            "no person has one",
            rule="the shop is known from its persons",
            next_step="Check the ingestion.",
        )
    by_moment = dict(zip(moments, totals, strict=True))
    return know_from_counts(by_moment, attributes, similarity)


def know_from_counts(
    totals: Mapping[int, ShopCounts],
    attributes: ItemAttributes,
    similarity: SimilarityConfig | None = None,
) -> dict[int, Knowledge]:
    """The whole shop as of each moment, from the counts of all persons; as `know_shop`."""
    known = {}
    for moment, total in totals.items():
        likeness = (
            total.pairs.cosine(min_persons=similarity.min_persons)
            if total.pairs is not None and similarity is not None
            else None
        )
        known[moment] = Knowledge.of(
            counts=total.items, attributes=attributes, similarity=likeness, spend=total.spend
        )
    return known


def knowledge_moments(times: IntArray, *, every_days: int) -> IntArray:
    """For each row the moment at or before its time at which the shop is looked at: whole multiples of days since 1970.

    Rows at many moments then share a few looks at the shop, none of them later than the row.
    """
    step = every_days * MICROSECONDS_PER_DAY
    return times // step * step
