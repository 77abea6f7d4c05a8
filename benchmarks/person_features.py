"""Person features as of many moments, against pandas: running totals, `merge_asof`, a groupby per moment."""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.case import Case
from benchmarks.shop import EVENTS, Shop, make_shop
from features.builders.person import FEATURES, person_features
from features.histories.histories import MICROSECONDS_PER_DAY

WEEKS = 18
WINDOWS = (7, 28, 91)
COLUMNS = [feature.name for feature in FEATURES]


def case(scale: float = 1.0) -> Case[pd.DataFrame]:
    """Everybody's features at 18 weekly moments: about 45,000 rows at full scale."""
    shop = make_shop(events=int(EVENTS * scale))
    weeks = shop.end - np.arange(WEEKS, 0, -1) * 7 * MICROSECONDS_PER_DAY
    persons = np.arange(shop.histories.n_persons)
    rows = pd.DataFrame({"person": np.tile(persons, WEEKS), "time": np.repeat(weeks, len(persons))})

    def ours() -> pd.DataFrame:
        view = shop.histories.as_of(rows["person"].to_numpy(), rows["time"].to_numpy())
        found: pd.DataFrame = person_features(view).to_pandas()
        return found

    return Case(
        task=f"person features: {len(rows):,} as-of rows over {len(shop.frame):,} events",
        rows=len(rows),
        ours=ours,
        peer_name="pandas merge_asof",
        peer=lambda: _with_pandas(shop, rows),
        require_equal=lambda one, other: pd.testing.assert_frame_equal(
            one, other, rtol=1e-6, atol=1e-6
        ),
    )


def _with_pandas(shop: Shop, rows: pd.DataFrame) -> pd.DataFrame:
    """Totals up to a moment, minus the totals up to the start of each window; both ends strict."""
    orders = (
        shop.frame.groupby(["person", "transaction", "time"], sort=False)["value"]
        .agg(["sum", "size"])
        .reset_index()
        .sort_values("time")
    )
    of_person = orders.groupby("person")
    totals = pd.DataFrame(
        {
            "person": orders["person"],
            "time": orders["time"],
            "last": orders["time"],
            "first": of_person["time"].transform("min"),
            "orders": of_person.cumcount() + 1.0,
            "spend": of_person["sum"].cumsum(),
            "lines": of_person["size"].cumsum().astype(float),
        }
    )
    ever = _totals_before(totals, rows, days=0)
    inside = {
        days: ever[_COUNTED].fillna(0) - _totals_before(totals, rows, days=days)[_COUNTED].fillna(0)
        for days in WINDOWS
    }
    long = inside[WINDOWS[-1]]
    recency = (rows["time"] - ever["last"]) / MICROSECONDS_PER_DAY
    gap = (ever["last"] - ever["first"]) / MICROSECONDS_PER_DAY / (ever["orders"] - 1)
    gap = gap.where(ever["orders"] > 1)
    ordered = long["orders"] > 0
    found = {
        "recency_days": recency,
        "tenure_days": (rows["time"] - ever["first"]) / MICROSECONDS_PER_DAY,
        **{f"orders_{days}d": inside[days]["orders"] for days in WINDOWS},
        **{f"spend_{days}d": inside[days]["spend"] for days in WINDOWS[1:]},
        "order_value": (long["spend"] / long["orders"]).where(ordered),
        "lines_per_order": (long["lines"] / long["orders"]).where(ordered),
        "gap_days": gap,
        "gap_ratio": recency / gap,
        "spend_trend": (inside[28]["spend"] / (long["spend"] * 28 / 91)).where(ordered),
        "distinct_items_91d": _distinct_items(shop, rows, days=91),
    }
    return pd.DataFrame(found)[COLUMNS]


def _distinct_items(shop: Shop, rows: pd.DataFrame, *, days: int) -> pd.Series[float]:
    """A count of different items has no running total: one groupby per moment."""
    time, found = shop.frame["time"], []
    for moment in np.unique(rows["time"].to_numpy()).tolist():
        window = (time < moment) & (time >= moment - days * MICROSECONDS_PER_DAY)
        count = shop.frame[window].groupby("person")["item"].nunique()
        asked = rows["person"][rows["time"] == moment]
        found.append(asked.map(count).fillna(0).astype(np.float64))
    in_order: pd.Series[float] = pd.concat(found).sort_index()
    return in_order


_COUNTED = ["orders", "spend", "lines"]


def _totals_before(totals: pd.DataFrame, rows: pd.DataFrame, *, days: int) -> pd.DataFrame:
    """A person's running totals strictly before each row's time less some days, in the order of the rows."""
    moments = rows.assign(time=rows["time"] - days * MICROSECONDS_PER_DAY)
    return pd.merge_asof(moments, totals, on="time", by="person", allow_exact_matches=False)
