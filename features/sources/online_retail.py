"""Online Retail (UCI): a year of invoices of a British gift shop, as dirty as a shop's books are.

Source: Chen, D. (2015), Online Retail, UCI Machine Learning Repository.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.files.opening import FileLimits
from features.files.rejects import RejectLog
from features.sources.event_names import EventNames, EventNamesConfig
from features.sources.raw_events import MISSING, RawEvents, RawEventsConfig, TimeConfig, to_events
from features.sources.text_rows import read_columns

_INVOICE, _STOCK, _QUANTITY, _DATE, _PRICE, _CUSTOMER = (
    "invoice", "stock", "quantity_", "date", "unit_price", "customer",
)  # fmt: skip
_FILE_COLUMNS: Final = {
    _INVOICE: "InvoiceNo",
    _STOCK: "StockCode",
    _QUANTITY: "Quantity",
    _DATE: "InvoiceDate",
    _PRICE: "UnitPrice",
    _CUSTOMER: "CustomerID",
}
_NUMBER: Final = r"^-?[0-9]{1,12}(\.[0-9]{1,9})?$"
_CANCELLED: Final = "^[Cc]"


class OnlineRetailConfig(RawEventsConfig):
    """The file as published, as CSV or Parquet."""

    kind: Literal["online_retail"] = "online_retail"

    file: str
    """Path, relative to the config."""

    time: TimeConfig = TimeConfig(zone="Europe/London")
    """The shop's clock."""

    currency: str | None = "GBP"
    """Money of the shop."""

    product_code: str = r"^[0-9]{5}"
    """Pattern of codes that are products; postage, fees, vouchers and corrections have others."""

    guests: Literal["anonymous", "reject"] = "anonymous"
    """An invoice without customer: an anonymous person of its own, or rejected as `no_identity`."""

    limits: FileLimits = FileLimits()
    """How much of the file is believed."""


def read_online_retail(config: OnlineRetailConfig, path: Path, *, name: str) -> RawEvents:
    """Unchecked purchases, and refunds for cancelled invoices (their number starts with C).

    The rows of the file call their source `name`.

    Rejected: `non_product_code`; `stock_adjustment` (goods written off or found: no cancellation, yet a quantity below
    zero, or no price and no customer); `negative_price`; `no_identity` (only with `guests: reject`).

    A cancellation does not say which purchase it takes back: its transaction id is its own invoice number.
    """
    log = RejectLog(name, private=True)
    raw = read_columns(path, _FILE_COLUMNS, log=log, limits=config.limits)
    rows = raw.num_rows + len(log)
    cancelled = pc.fill_null(pc.match_substring_regex(raw[_INVOICE], _CANCELLED), False)
    quantity, price = _number(raw[_QUANTITY]), _number(raw[_PRICE])
    guest = _is_guest(raw[_CUSTOMER])
    refused = {
        "non_product_code": (
            pc.invert(pc.match_substring_regex(raw[_STOCK], config.product_code)), _STOCK,
        ),
        "stock_adjustment": (
            pc.or_(
                pc.and_(pc.less(quantity, 0), pc.invert(cancelled)),
                pc.and_(pc.equal(price, 0), guest),
            ),
            _QUANTITY,
        ),
        "negative_price": (pc.less(price, 0), _PRICE),
        "no_identity": (pc.and_(guest, pa.scalar(config.guests == "reject")), _CUSTOMER),
    }  # fmt: skip
    good = np.ones(raw.num_rows, np.bool_)
    for code, (found, shown) in refused.items():
        bad = good & pc.fill_null(found, False).to_numpy()
        at = np.flatnonzero(bad)
        entries = zip(
            raw[c.LINE].take(at).to_pylist(), raw[shown].take(at).to_pylist(), strict=True
        )
        for line, value in entries:
            log.add(code, line=line, value=value, identity=shown == _CUSTOMER)
        good &= ~bad
    texts = pa.table(
        {
            c.LINE: raw[c.LINE],
            c.EVENT_NAME: pc.if_else(cancelled, "refund", "purchase"),
            c.TIME: raw[_DATE],
            c.USER_ID: pc.if_else(guest, None, raw[_CUSTOMER]),
            c.ANONYMOUS_ID: pc.if_else(
                guest, pc.binary_join_element_wise("guest", raw[_INVOICE], "-"), None
            ),
            c.ITEM_ID: raw[_STOCK],
            c.QUANTITY: _size(quantity, raw[_QUANTITY]),
            c.VALUE: _size(pc.round(pc.multiply(quantity, price), 6), raw[_PRICE]),
            c.TRANSACTION_ID: raw[_INVOICE],
        }
    ).filter(pa.array(good))
    return to_events(texts, names=EventNames(EventNamesConfig()), config=config, log=log, rows=rows)


def _number(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    readable = pc.match_substring_regex(texts, _NUMBER)
    return pc.if_else(readable, texts, None).cast(pa.float64())


def _is_guest(customer: pa.ChunkedArray) -> pa.ChunkedArray:
    named = pc.utf8_lower(pc.utf8_trim_whitespace(pc.fill_null(customer, "")))
    return pc.is_in(named, value_set=pa.array(["", *MISSING]))


def _size(number: pa.ChunkedArray, written: pa.ChunkedArray) -> pa.ChunkedArray:
    """A number without its sign as text; a text that is no number stays, to be rejected."""
    return pc.coalesce(pc.abs(number).cast(pa.string()), written)
