"""What refunds and cancellations take back: each finds its purchases, or goes to the reconciliation list."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray
from features.config import BaseConfig
from features.contracts import check
from features.ingest.rejects import refused
from features.tables import REVERSALS

UNKNOWN_TRANSACTION: Final = "unknown_transaction"

TAKES_BACK: Final = ("refund", "cancel")
"""Events that undo purchases."""

_ENOUGH: Final = 1e-9


class RefundConfig(BaseConfig):
    """How a refund finds its purchase."""

    match: Literal["transaction", "person_item"] = "transaction"
    """`transaction`: the purchase of the same transaction id, and of the same item if the refund names one.
    `person_item`: the person's latest earlier purchases of the item, for shops whose credit notes have numbers of their
    own."""


@dataclass(frozen=True, eq=False)
class Reversed:
    """What was taken back.

    Attributes:
        events: all events but refunds of unknown purchases.
        reversals: how much of which purchase each refund takes back, the reversals table.
        rejects: refunds that fit no earlier purchase, `unknown_transaction`: the reconciliation list.
        unmatched_quantity: units of matched refunds beyond what was bought.

    Invariants: events in = events + rejects; no more of a purchase is taken back than was bought.
    """

    events: pa.Table
    reversals: pa.Table
    rejects: pa.Table
    unmatched_quantity: float


def reverse(events: pa.Table, config: RefundConfig) -> Reversed:
    """Match every refund and cancellation with purchases at or before its time.

    A purchase without quantity is one unit. A refund without quantity takes back all that is left of its purchases. Money
    is taken back in proportion to units; it is null where the purchase has none.

    Args:
        events: clean events with persons.
        config: how a refund finds its purchase.
    """
    name = events[c.EVENT_NAME]
    takes_back = pc.is_in(name, value_set=pa.array(TAKES_BACK)).to_numpy()
    purchase = pc.equal(name, "purchase").to_numpy()
    ledger = _Ledger(events, np.flatnonzero(purchase), np.flatnonzero(takes_back), config)
    unknown = np.zeros(len(events), np.bool_)
    unknown[[row for row in ledger.refunds if not ledger.take_back(row)]] = True
    return Reversed(
        events=events.filter(pa.array(~unknown)),
        reversals=ledger.table(),
        rejects=refused(
            events.filter(pa.array(unknown)), UNKNOWN_TRANSACTION, shown=c.TRANSACTION_ID
        ),
        unmatched_quantity=ledger.unmatched,
    )


@dataclass
class _Ledger:
    """Purchases that a refund may touch, with what is left of each."""

    events: pa.Table
    purchases: npt.NDArray[np.int64]
    candidates: npt.NDArray[np.int64]
    config: RefundConfig
    unmatched: float = 0.0
    entries: list[tuple[int, int, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.time = self.events[c.TIME].cast(pa.int64()).to_numpy()
        self.quantity: FloatArray = pc.fill_null(self.events[c.QUANTITY], np.nan).to_numpy()
        self.ids = self.events[c.EVENT_ID].to_numpy()
        self.item = self.events[c.ITEM_ID].to_numpy()
        by = c.TRANSACTION_ID if self.config.match == "transaction" else c.PERSON_ID
        self.owner = self.events[by].to_numpy()
        self.refunds = sorted(
            self.candidates.tolist(), key=lambda row: (self.time[row], self.ids[row])
        )
        wanted = {self.owner[row] for row in self.refunds} - {None}
        self.left: dict[int, float] = {}
        self.bought: dict[Any, list[int]] = defaultdict(list)
        for row in self.purchases.tolist():
            if self.owner[row] in wanted:
                self.left[row] = 1.0 if np.isnan(self.quantity[row]) else float(self.quantity[row])
                self.bought[self.owner[row]].append(row)
                self.bought[self.owner[row], self.item[row]].append(row)
        for rows in self.bought.values():  # latest first
            rows.sort(key=lambda row: (-self.time[row], self.ids[row]))

    def take_back(self, refund: int) -> bool:
        """Enter one refund; False when it fits no purchase."""
        rows = self._fitting(refund)
        if not rows:
            return False
        wanted = float(self.quantity[refund])
        open_ = np.inf if np.isnan(wanted) else wanted
        for row in rows:
            taken = min(open_, self.left[row])
            if taken > _ENOUGH:
                self.left[row] -= taken
                open_ -= taken
                self.entries.append((refund, row, taken))
        if np.isfinite(open_):
            self.unmatched += open_ if open_ > _ENOUGH else 0.0
        return True

    def _fitting(self, refund: int) -> list[int]:
        owner, item = self.owner[refund], self.item[refund]
        if owner is None or (item is None and self.config.match == "person_item"):
            return []
        rows = self.bought.get(owner if item is None else (owner, item), [])
        return [row for row in rows if self.time[row] <= self.time[refund]]

    def table(self) -> pa.Table:
        if not self.entries:
            return REVERSALS.schema.empty_table()
        refund, row, taken = (np.array(values) for values in zip(*self.entries, strict=True))
        bought = np.where(np.isnan(self.quantity[row]), 1.0, self.quantity[row])
        value = self.events[c.VALUE].take(pa.array(row))
        columns = [
            pa.array(self.ids[refund], pa.string()),
            pa.array(self.ids[row], pa.string()),
            pa.array(taken),
            pc.multiply(value, pa.array(taken / bought)),
        ]
        table = pa.table(columns, schema=REVERSALS.schema)
        return check(table, REVERSALS, source="refunds").sort_by(
            [(c.REFUND_EVENT_ID, "ascending"), (c.EVENT_ID, "ascending")]
        )
