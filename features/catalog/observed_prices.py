"""A catalog for shops whose data hold sales but no feed: price and availability are what sales show.

Price is the median unit price paid in the window before the snapshot. An item sold in that window is `in_stock`; of any
other item nothing is known, so its price and availability are null (and eligibility refuses unknown availability).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.engines.base import Engine
from features.provenance import content_hash
from features.tables import CATALOG, TIMESTAMP

_CENTS: Final = 100.0
_SEPARATOR: Final = "\x1f"
_NULL: Final = "\x00"


def observed_catalog(
    items: Any,
    events: pa.Table,
    engine: Engine,
    *,
    as_of: datetime,
    window_days: int,
    currency: str,
) -> pa.Table:
    """One snapshot of all items as of a moment.

    Args:
        items: Ibis table with item_id, title, category, product_type, brand; unchecked.
        events: checked events; only purchases strictly before `as_of` are looked at.
        engine: where the expressions run.
        as_of: moment of the snapshot.
        window_days: length of the window for price and availability.
        currency: currency of the events' values.

    Returns:
        A table of the catalog contract, sorted by item id. Price is rounded to cents; 0 when coupons paid it all.
    """
    sold = _sales(events, as_of=as_of, since=as_of - timedelta(days=window_days), engine=engine)
    known = items.left_join(sold, c.ITEM_ID)
    in_stock = known.price.notnull()
    rows = known.select(
        **{
            **{
                name: known[name]
                for name in (c.ITEM_ID, c.TITLE, c.CATEGORY, c.PRODUCT_TYPE, c.BRAND)
            },
            c.PRICE: known.price,
            c.CURRENCY: in_stock.ifelse(currency, None),
            c.AVAILABILITY: in_stock.ifelse("in_stock", None),
            c.LAST_SOLD: known[c.LAST_SOLD],
        }
    ).order_by(c.ITEM_ID)
    return _with_snapshot_id(_in_cents(engine.collect(rows)), as_of)


def _sales(events: pa.Table, *, as_of: datetime, since: datetime, engine: Engine) -> Any:
    before = pc.and_(
        pc.less(events[c.TIME], pa.scalar(as_of, TIMESTAMP)),
        pc.equal(events[c.EVENT_NAME], "purchase"),
    )
    visible = events.filter(before)
    recent = pc.greater_equal(visible[c.TIME], pa.scalar(since, TIMESTAMP))
    unit_price = pc.if_else(recent, pc.divide(visible[c.VALUE], visible[c.QUANTITY]), None)
    sales = engine.table(
        pa.table({c.ITEM_ID: visible[c.ITEM_ID], c.TIME: visible[c.TIME], "unit_price": unit_price})
    )
    last = sales.group_by(c.ITEM_ID).aggregate(**{c.LAST_SOLD: sales[c.TIME].max()})
    return last.left_join(_medians(sales), c.ITEM_ID).drop(f"{c.ITEM_ID}_right")


def _medians(sales: Any) -> Any:
    """The middle unit price of each item, or the mean of the two in the middle, to the bit on every engine."""
    paid = sales.filter(sales.unit_price.notnull())
    place = ibis.window(group_by=c.ITEM_ID, order_by="unit_price")
    of_item = ibis.window(group_by=c.ITEM_ID)
    ranked = paid.mutate(rank=ibis.row_number().over(place), rows=ibis._.count().over(of_item))
    middle = ranked.filter((ranked.rank * 2 + 1 - ranked.rows).abs() <= 1)
    return middle.group_by(c.ITEM_ID).aggregate(**{c.PRICE: middle.unit_price.mean()})


def _in_cents(rows: pa.Table) -> pa.Table:
    """Prices rounded to cents, half a cent up; here, because engines round halves differently."""
    cents = pc.round(pc.multiply(rows[c.PRICE], _CENTS), round_mode="half_towards_infinity")
    return rows.set_column(rows.schema.get_field_index(c.PRICE), c.PRICE, pc.divide(cents, _CENTS))


def _with_snapshot_id(rows: pa.Table, as_of: datetime) -> pa.Table:
    """Named by what the rows say, so that the same rows have the same name wherever they were computed."""
    body = rows.append_column(c.GENERATED_AT, pa.array([as_of] * len(rows), TIMESTAMP))
    texts = [_text(column) for column in body.columns]
    lines = pc.binary_join_element_wise(
        *texts, _SEPARATOR, null_handling="replace", null_replacement=_NULL
    )
    snapshot = content_hash("\n".join(lines.to_pylist()).encode())
    column = pa.array([snapshot] * len(rows), pa.string())
    return body.append_column(c.SNAPSHOT_ID, column).select(CATALOG.schema.names)


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    whole = values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values
    return whole.cast(pa.string())
