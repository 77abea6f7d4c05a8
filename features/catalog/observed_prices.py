"""A catalog for shops whose data hold sales but no feed: price and availability are what sales show.

Price is the median unit price paid in the window before the snapshot. An item sold in that window is `in_stock`; of any
other item nothing is known, so its price and availability are null (and eligibility refuses unknown availability).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.engines.local import LocalEngine
from features.ingest.events import in_utc
from features.provenance import content_hash
from features.tables import CATALOG, TIMESTAMP

_PRICE_DECIMALS = 2


def observed_catalog(
    items: Any,
    events: pa.Table,
    engine: LocalEngine,
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
            c.PRICE: known.price.round(_PRICE_DECIMALS),
            c.CURRENCY: in_stock.ifelse(currency, None),
            c.AVAILABILITY: in_stock.ifelse("in_stock", None),
            c.LAST_SOLD: known[c.LAST_SOLD],
        }
    ).order_by(c.ITEM_ID)
    return _with_snapshot_id(in_utc(engine.collect(rows)), as_of)


def _sales(events: pa.Table, *, as_of: datetime, since: datetime, engine: LocalEngine) -> Any:
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
    return sales.group_by(c.ITEM_ID).aggregate(
        **{c.PRICE: sales.unit_price.median(), c.LAST_SOLD: sales[c.TIME].max()}
    )


def _with_snapshot_id(rows: pa.Table, as_of: datetime) -> pa.Table:
    body = rows.append_column(c.GENERATED_AT, pa.array([as_of] * len(rows), TIMESTAMP))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, body.schema) as writer:
        writer.write_table(body.combine_chunks())
    snapshot = content_hash(sink.getvalue().to_pybytes())
    column = pa.array([snapshot] * len(rows), pa.string())
    return body.append_column(c.SNAPSHOT_ID, column).select(CATALOG.schema.names)
