"""One rule per kind of segment: from whole histories of some persons to the members among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, singledispatch
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, TextArray
from features.builders.knowledge import Knowledge
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, AsOf, Histories
from features.segments import config as kinds
from features.segments.cart import open_carts
from features.segments.intent import intent_tiers, person_scores
from features.segments.purchases import kept_purchases
from features.segments.replenishment import BY_CATEGORY, BY_ITEM, due_items
from features.segments.stage import STAGES, funnel_stage
from features.segments.value import PersonValues, ValueCuts, person_values, value_tiers
from features.segments.windows import (
    OUTSIDE,
    Windows,
    expiries,
    find_windows,
    span_days,
    window_names,
)
from features.tables import EVENT_NAMES, TIMESTAMP

REPLENISHMENT: Final = "replenishment"

_NEVER: Final = -1
_VISITS: Final = tuple(name for names in STAGES.values() for name in names)
_DEEPER: Final = (
    "cart_add", "cart_remove", "cart_view", "checkout", "lead_start", "lead", "purchase",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SegmentFacts:
    """What a rule needs beside the histories; small, the same for all parts of the persons.

    Attributes:
        as_of: the moment of decision.
        currency: of all money.
        items: item_id and one column per feed attribute.
        knowledge: the whole shop as of the moment.
        cuts: limits of the value tiers.
        scores: person_id and score; None = nobody has one.
        stages: person_id and lifecycle_stage; None = no CRM.
    """

    as_of: datetime
    currency: str
    items: pa.Table
    knowledge: Knowledge
    cuts: ValueCuts
    scores: pa.Table | None = None
    stages: pa.Table | None = None


@dataclass(frozen=True, eq=False)
class Members:
    """Members of one segment.

    Attributes:
        person: shape (n,), person rows, rising.
        since: shape (n,), microseconds of the last qualifying event; None = the segment is no window.
        expires: shape (n,), microseconds; None as `since`.
        window: shape (n,), name of the day range; None = the segment has no ranges.
        further: further columns of the segments table, n values each.
    """

    person: IntArray
    since: IntArray | None = None
    expires: IntArray | None = None
    window: TextArray | None = None
    further: dict[str, pa.Array] | None = None


class People:
    """Whole histories of some persons as of the moment of decision, and the quantities that several rules share."""

    def __init__(
        self, histories: Histories, config: kinds.SegmentsConfig, facts: SegmentFacts
    ) -> None:
        self.histories = histories
        self.config = config
        self.facts = facts
        self.history: AsOf = histories.everyone(facts.as_of)

    def __len__(self) -> int:
        return self.histories.n_persons

    @cached_property
    def values(self) -> PersonValues:
        """Worth of each person."""
        return person_values(self.histories, as_of=self.facts.as_of)

    @cached_property
    def value_tiers(self) -> npt.NDArray[np.str_]:
        """Value tier of each person."""
        return value_tiers(self.values, self.facts.cuts)

    @cached_property
    def scores(self) -> FloatArray:
        """Intent score of each person, NaN = none."""
        return person_scores(self.histories, self.facts.scores)

    @cached_property
    def intent_tiers(self) -> npt.NDArray[np.str_]:
        """Intent tier of each person."""
        return intent_tiers(self.scores, self.config.intent)

    @cached_property
    def lifecycle(self) -> pa.Array:
        """Lifecycle stage of each person, null = not in the CRM."""
        if self.facts.stages is None:
            return pa.nulls(len(self), pa.string())
        persons = pa.array(self.histories.person_ids, pa.string())
        place = pc.index_in(persons, value_set=self.facts.stages[c.PERSON_ID].combine_chunks())
        return self.facts.stages[c.LIFECYCLE_STAGE].combine_chunks().take(place)

    @cached_property
    def _events(self) -> tuple[IntArray, IntArray]:
        return self.history.events()

    def last(self, names: Sequence[str], *, items: BoolArray | None = None) -> IntArray:
        """Latest event of these names, and of these item codes, per person: microseconds, negative without."""
        row, position = self._of_names(names)
        if items is None:
            return self.latest(row, self.histories.time[position])
        return self._last_of(row, position, self.histories.item[position], items)

    def last_in_categories(self, names: Sequence[str], categories: BoolArray) -> IntArray:
        """Latest event of these names that itself names one of these category codes."""
        row, position = self._of_names(names)
        return self._last_of(row, position, self.histories.category[position], categories)

    def _of_names(self, names: Sequence[str]) -> tuple[IntArray, IntArray]:
        row, position = self._events
        wanted = np.isin(np.array(EVENT_NAMES), names)[self.histories.event[position]]
        return row[wanted], position[wanted]

    def _last_of(
        self, row: IntArray, position: IntArray, code: CodeArray, chosen: BoolArray
    ) -> IntArray:
        keep = np.append(chosen, np.False_)[code]  # no code = the last place
        return self.latest(row[keep], self.histories.time[position[keep]])

    def latest(self, row: IntArray, time: IntArray) -> IntArray:
        """Latest time of each row, negative without."""
        found = np.full(len(self), _NEVER, np.int64)
        np.maximum.at(found, row, time)
        return found

    def items_with(self, attribute: str, values: Sequence[str]) -> BoolArray:
        """Which item codes have one of these values, compared as text; shape (n_items,)."""
        texts = self.facts.items[attribute].cast(pa.string())
        chosen = self.facts.items[c.ITEM_ID].filter(
            pc.is_in(texts, value_set=pa.array(values, pa.string()))
        )
        found = np.zeros(self.histories.n_items, np.bool_)
        code = self.histories.item_codes(chosen)
        found[code[code != NO_CODE]] = True
        return found

    def within(
        self, since: IntArray, windows: Windows, further: dict[str, pa.Array] | None = None
    ) -> Members:
        """Persons whose last qualifying event falls into a range; `further` has one value per person."""
        window = find_windows(since, self.history.time, windows)
        person = np.flatnonzero(window != OUTSIDE)
        since, window = since[person], window[person]
        return Members(
            person,
            since,
            expiries(since, window, windows),
            window_names(windows)[window],
            {name: values.take(pa.array(person)) for name, values in (further or {}).items()},
        )

    def item_lists(self, row: IntArray, item: CodeArray) -> pa.Array:
        """Item ids of each person as a list; `row` never falls."""
        counts = np.bincount(row, minlength=len(self))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        ids = pa.array(self.histories.item_ids[item], pa.string())
        return pa.ListArray.from_arrays(pa.array(offsets), ids)


@singledispatch
def members_of(definition: kinds.Definition, people: People) -> Members:  # noqa: ARG001 - the rules use it
    """The members of a segment among some persons.

    Invariants: unchanged by events and refunds at or after `people.facts.as_of`; whether a person is a member depends on
    no other person but through `people.facts`.
    """
    raise TypeError(f"no rule for {type(definition).__name__}")


@members_of.register
def _visitors(definition: kinds.Visitors, people: People) -> Members:
    return people.within(people.last(_VISITS), definition.windows)


@members_of.register
def _in_stage(definition: kinds.InStage, people: People) -> Members:
    stage = funnel_stage(people.history, window_days=span_days(definition.windows))
    since = people.last(STAGES[definition.stage])
    return people.within(np.where(stage == definition.stage, since, _NEVER), definition.windows)


@members_of.register
def _viewers(definition: kinds.Viewers, people: People) -> Members:
    earliest = people.history.time - int(span_days(definition.windows) * MICROSECONDS_PER_DAY)
    since = np.where(people.last(_DEEPER) >= earliest, _NEVER, people.last(["view"]))
    return people.within(since, definition.windows)


@members_of.register
def _category_viewers(definition: kinds.CategoryViewers, people: People) -> Members:
    views = STAGES["browse"]
    categories = np.isin(people.histories.category_ids, definition.categories)
    since = people.last_in_categories(views, categories)
    if c.CATEGORY in people.facts.items.column_names:
        items = people.items_with(c.CATEGORY, definition.categories)
        since = np.maximum(since, people.last(views, items=items))
    return people.within(since, definition.windows)


@members_of.register
def _cart_abandoners(definition: kinds.CartAbandoners, people: People) -> Members:
    return _abandoners(definition.windows, people, checked_out=False)


@members_of.register
def _checkout_abandoners(definition: kinds.CheckoutAbandoners, people: People) -> Members:
    return _abandoners(definition.windows, people, checked_out=True)


def _abandoners(windows: Windows, people: People, *, checked_out: bool) -> Members:
    """Members with items left; since the last addition, or the last checkout if that came later."""
    cart = open_carts(people.history, window_days=span_days(windows))
    reached = np.zeros(len(people), np.bool_)
    reached[cart.row[cart.checked_out]] = True
    added = people.latest(cart.row, cart.added)
    since = np.maximum(added, cart.checkout) if checked_out else added
    since = np.where((added != _NEVER) & (reached == checked_out), since, _NEVER)
    worth = np.bincount(cart.row, cart.value, minlength=len(people))
    further = {
        c.ITEMS: people.item_lists(cart.row, cart.item),
        c.CART_VALUE: pa.array(worth, mask=np.isnan(worth)),
    }
    return people.within(since, windows, further)


@members_of.register
def _post_purchase(definition: kinds.PostPurchase, people: People) -> Members:
    bought = kept_purchases(people.history, window_days=span_days(definition.windows))
    since = people.latest(bought.row, people.histories.time[bought.position])
    orders = np.bincount(bought.row[bought.begins_order], minlength=len(people))
    since = np.where(orders >= definition.minimum_orders, since, _NEVER)
    kind = pa.array([definition.reco_kind] * len(people), pa.string())
    return people.within(since, definition.windows, {c.RECO_KIND: kind})


@members_of.register
def _replenishment(definition: kinds.Replenishment, people: People) -> Members:
    due = due_items(
        people.history,
        people.facts.knowledge,
        lead_days=definition.lead_days,
        overdue_days=definition.overdue_days,
    )
    person, first, several = np.unique(due.row, return_index=True, return_counts=True)
    last = first + several - 1
    lent = np.where(due.by_category[first], BY_CATEGORY, BY_ITEM)
    return Members(
        person,
        due.bought[first],
        due.due[last] + int(definition.overdue_days * MICROSECONDS_PER_DAY),
        further={
            c.ITEMS: people.item_lists(due.row, due.item).take(pa.array(person)),
            c.RECO_KIND: pa.array([REPLENISHMENT] * len(person), pa.string()),
            c.DUE_AT: pa.array(due.due[first], pa.int64()).cast(TIMESTAMP),
            c.INTERVAL_SOURCE: pa.array(lent.tolist(), pa.string()),
        },
    )


@members_of.register
def _feed_attribute(definition: kinds.FeedAttribute, people: People) -> Members:
    items = people.items_with(definition.attribute, definition.values)
    return people.within(people.last(definition.events, items=items), definition.windows)


@members_of.register
def _intent(definition: kinds.Intent, people: People) -> Members:
    since = np.where(people.intent_tiers == definition.tier, people.last(_VISITS), _NEVER)
    return people.within(since, ((0.0, people.config.intent.window_days),))


@members_of.register
def _value(definition: kinds.Value, people: People) -> Members:
    return Members(np.flatnonzero(people.value_tiers == definition.tier))


@members_of.register
def _lifecycle(definition: kinds.Lifecycle, people: People) -> Members:
    at_stage = pc.fill_null(pc.equal(people.lifecycle, definition.stage), False)
    return Members(np.flatnonzero(at_stage.to_numpy(zero_copy_only=False)))
