"""Whom to contact, and by which channel, under a budget: the best incremental margin per unit of cost, down to a threshold.

A person's channels form a ladder: the first rung earns most per unit of cost, each further rung is the step to a dearer channel
that earns more, at a falling rate; channels under that line (the upper concave envelope) are never worth their cost. All rungs
of all persons are taken in falling order of margin per cost until the next would break the budget. This is the greedy solution of
the multiple-choice knapsack problem: it reaches the optimum of the relaxed problem up to the one rung that did not fit.

Persons may lie in parts: a histogram of money by bucket of value per cost adds up over the parts, and tells the one bucket in which
the budget ends; only the rungs of that bucket are sorted.

Source: Kellerer, Pferschy and Pisinger, Knapsack Problems (2004), section 11.2, the linear relaxation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

import numpy as np

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray

NO_CONTACT: Final = -1
_UNIT: Final = 1e9
"""Costs are added as whole billionths, so that their sum does not depend on the order."""

_MANTISSA_BITS: Final = 44
"""Bits of a float64 below those that name its bucket: a bucket is 1/256 of a power of two wide."""


@dataclass(frozen=True, eq=False)
class Offers:
    """What contacting n persons by m channels is expected to earn and cost.

    Attributes:
        value: expected incremental margin, shape (n, m); NaN = unknown, never contacted.
        cost: expected cost, shape (n, m), > 0.
        possible: who may be contacted by what, shape (n, m).
        tie_break: numbers in [0, 1) that order equal value per cost, shape (n,).
    """

    value: FloatArray
    cost: FloatArray
    possible: BoolArray
    tie_break: FloatArray

    def of(self, part: slice) -> Self:
        """The offers of some persons."""
        return type(self)(
            self.value[part], self.cost[part], self.possible[part], self.tie_break[part]
        )


@dataclass(frozen=True, eq=False)
class Ladder:
    """Rungs of some persons, in any order.

    Attributes:
        person, channel: whose rung, and the channel it leads to.
        per_cost: margin won per unit of cost by the step, falling along a person's rungs.
        cost: of the step, in billionths.
        tie: the person's tie break.
    """

    person: IntArray
    channel: CodeArray
    per_cost: FloatArray
    cost: IntArray
    tie: FloatArray

    @classmethod
    def of(cls, offers: Offers, *, min_return: float) -> Self:
        """Every rung that returns at least `min_return` per unit of cost."""
        n, m = offers.value.shape
        usable = offers.possible & ~np.isnan(offers.value)
        at_value, at_cost, before = np.zeros(n), np.zeros(n), np.full(n, np.inf)
        rungs = []
        for _ in range(m):
            dearer = usable & (offers.cost > at_cost[:, None])
            step = np.where(dearer, offers.cost - at_cost[:, None], 1.0)
            slope = np.where(dearer, (offers.value - at_value[:, None]) / step, -np.inf)
            best = slope.max(axis=1)
            on_line = np.where(slope == best[:, None], offers.cost, -np.inf)
            channel = on_line.argmax(axis=1)
            found = np.flatnonzero((best >= min_return) & dearer.any(axis=1))
            best = np.minimum(best, before)  # rounding must not let a later rung pass an earlier
            chosen = channel[found]
            cost = offers.cost[found, chosen]
            whole = np.ceil(cost * _UNIT) - np.ceil(at_cost[found] * _UNIT)
            rungs.append((found, chosen, best[found], whole, offers.tie_break[found]))
            usable[np.setdiff1d(np.arange(n), found)] = False
            at_value[found], at_cost[found] = offers.value[found, chosen], cost
            before = best
        person, channel, per_cost, whole, tie = (
            np.concatenate(column) for column in zip(*rungs, strict=True)
        )
        return cls(person, channel.astype(np.int32), per_cost + 0.0, whole.astype(np.int64), tie)

    def take(self, chosen: BoolArray) -> Self:
        """Some of the rungs."""
        return type(self)(
            self.person[chosen],
            self.channel[chosen],
            self.per_cost[chosen],
            self.cost[chosen],
            self.tie[chosen],
        )

    def buckets(self) -> IntArray:
        """Bucket of each rung: equal or rising with value per cost."""
        bits = self.per_cost.view(np.int64)
        rising = np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)
        return rising >> _MANTISSA_BITS


class Cut(NamedTuple):
    """The first rung that is left out, by value per cost and tie break: exactly those before it are taken."""

    per_cost: float
    tie: float

    def before(self, ladder: Ladder) -> BoolArray:
        """The rungs that are taken."""
        equal = (ladder.per_cost == self.per_cost) & (ladder.tie < self.tie)
        taken: BoolArray = (ladder.per_cost > self.per_cost) | equal
        return taken


NOTHING_LEFT_OUT: Final = Cut(-np.inf, 0.0)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Cost of the rungs in each bucket of value per cost; adds up over parts of the persons.

    Attributes:
        bucket: shape (n_buckets,), falling.
        cost: shape (n_buckets,), billionths.
    """

    bucket: IntArray
    cost: IntArray

    @classmethod
    def of(cls, bucket: IntArray, cost: IntArray) -> Self:
        """Add up what lies in the same bucket."""
        found, place = np.unique(-bucket, return_inverse=True)
        total = np.zeros(len(found), np.int64)
        np.add.at(total, place, cost)
        return cls(-found, total)

    @classmethod
    def merged(cls, parts: Sequence[Self]) -> Self:
        """The histogram of all parts together."""
        bucket = np.concatenate([part.bucket for part in parts])
        return cls.of(bucket, np.concatenate([part.cost for part in parts]))

    def breaks_at(self, budget: int) -> tuple[int, int] | None:
        """The bucket in which the budget ends, and the cost of all before it; None = there is money for everything."""
        spent = np.cumsum(self.cost)
        place = int(np.searchsorted(spent, budget, side="right"))
        if place == len(spent):
            return None
        return int(self.bucket[place]), int(spent[place] - self.cost[place])


def find_cut(parts: Sequence[Ladder], *, budget: float) -> Cut:
    """Where the budget ends over all parts of the persons.

    Rungs that are equal in value per cost and tie break are taken together or not at all.

    Invariants: independent of how persons are cut into parts; what is before the cut costs at most `budget`.
    """
    whole = int(np.floor(budget * _UNIT))
    histogram = Histogram.merged([Histogram.of(part.buckets(), part.cost) for part in parts])
    end = histogram.breaks_at(whole)
    if end is None:
        return NOTHING_LEFT_OUT
    bucket, spent = end
    inside = [part.buckets() == bucket for part in parts]
    per_cost, tie, cost = (
        np.concatenate(
            [getattr(part, name)[here] for part, here in zip(parts, inside, strict=True)]
        )
        for name in ("per_cost", "tie", "cost")
    )
    order = np.lexsort((tie, -per_cost))
    per_cost, tie = per_cost[order], tie[order]
    first = np.ones(len(order), np.bool_)
    first[1:] = (per_cost[1:] != per_cost[:-1]) | (tie[1:] != tie[:-1])
    starts = np.flatnonzero(first)
    too_much = spent + np.cumsum(np.add.reduceat(cost[order], starts)) > whole
    left_out = starts[int(too_much.argmax())]
    return Cut(float(per_cost[left_out]), float(tie[left_out]))


@dataclass(frozen=True, eq=False)
class Allocation:
    """Who is contacted, and by what.

    Attributes:
        channel: shape (n,), what the policy contacts each person by, -1 = not; also of persons who are not free.
        contact: shape (n,), the free among them.
        expected_cost: money the contacts are expected to cost, at most the budget.
        expected_margin: incremental margin they are expected to earn.
        threshold: least value per cost of a step that was taken, NaN when there is none.
        shadow_price: margin that one more unit of money would earn: that of the first step left out, 0 when none was.
        first_left_out: whose step that is, None when none was.
        left_out_channel: the channel it leads to, -1 = none was left out.
    """

    channel: CodeArray
    contact: BoolArray
    expected_cost: float
    expected_margin: float
    threshold: float
    shadow_price: float
    first_left_out: int | None
    left_out_channel: int = NO_CONTACT

    @property
    def budget_binds(self) -> bool:
        """Whether a step worth its cost was left out for want of money."""
        return self.first_left_out is not None


def allocate(
    offers: Offers,
    *,
    free: BoolArray,
    budget: float,
    min_return: float,
    parts: Sequence[slice] = (slice(None),),
) -> Allocation:
    """Spend the budget on free persons; say of everybody what the same threshold would do with them.

    Args:
        offers: of n persons.
        free: who may really be contacted, shape (n,); the others are judged by the same threshold and cost nothing.
        budget: most that the contacts together may cost.
        min_return: least value per cost of a step.
        parts: the persons part by part, in order; the cut comes from the merged histogram of all parts.

    Invariants: however persons are cut into parts, the result is the same; cost within budget; no step left out for want of money earns more per cost than one taken; a larger budget
        takes no contact away; a person's own lot does not enter what the policy would do with them, but through the cut.
    """
    ladders = [Ladder.of(offers.of(part), min_return=min_return) for part in parts]
    cut = find_cut(
        [
            ladder.take(free[part][ladder.person])
            for ladder, part in zip(ladders, parts, strict=True)
        ],
        budget=budget,
    )
    channel = np.full(len(free), NO_CONTACT, np.int32)
    threshold, first_left_out, left_out_channel = np.inf, None, NO_CONTACT
    for ladder, part in zip(ladders, parts, strict=True):
        taken, paid = cut.before(ladder), free[part][ladder.person]
        # rungs come from the lowest to the highest
        channel[part][ladder.person[taken]] = ladder.channel[taken]
        threshold = min(threshold, ladder.per_cost[taken & paid].min(initial=np.inf))
        at_cut = paid & (ladder.per_cost == cut.per_cost) & (ladder.tie == cut.tie)
        if first_left_out is None and at_cut.any():
            rungs = np.flatnonzero(at_cut)
            first = rungs[ladder.person[rungs].argmin()]
            first_left_out = int(ladder.person[first]) + (part.start or 0)
            left_out_channel = int(ladder.channel[first])
    contact = free & (channel != NO_CONTACT)
    rows, chosen = np.flatnonzero(contact), channel[contact]
    return Allocation(
        channel=channel,
        contact=contact,
        expected_cost=float(offers.cost[rows, chosen].sum()),
        expected_margin=float(offers.value[rows, chosen].sum()),
        threshold=float(threshold) if np.isfinite(threshold) else float("nan"),
        shadow_price=max(cut.per_cost, 0.0),
        first_left_out=first_left_out,
        left_out_channel=left_out_channel,
    )
