"""The price a buyer pays at a moment: the sale price while its period lasts, else the price."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.histories.histories import microseconds


def offer_price(items: pa.Table, *, at: datetime | IntArray) -> FloatArray:
    """Price in force of each item, shape (n,), in its own currency; NaN where it has none.

    Args:
        items: the feed-items table, n rows.
        at: one moment, or microseconds since 1970 UTC per item, shape (n,). A sale price without period is always in
            force; a period includes its start and not its end.
    """
    moment = microseconds(at) if isinstance(at, datetime) else at
    sale, price = (_floats(items[name]) for name in (c.SALE_PRICE, c.PRICE))
    starts = pc.fill_null(items[c.SALE_STARTS].cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    ends = pc.fill_null(items[c.SALE_ENDS].cast(pa.int64()), np.iinfo(np.int64).max).to_numpy()
    on_sale = ~np.isnan(sale) & (starts <= moment) & (moment < ends)
    found: FloatArray = np.where(on_sale, sale, price)
    return found


def _floats(values: pa.ChunkedArray) -> FloatArray:
    filled: FloatArray = pc.fill_null(values, float("nan")).to_numpy()
    return filled
