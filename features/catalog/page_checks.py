"""What visits to landing pages found, against the feed: mismatch rates, alerts with an owner, items to hold back.

The latest observation of each item counts, if it was made before `as_of` and is not too old. A rate is taken over the
items that could be compared, with a 95 % Wilson interval; it speaks for the catalog as far as the visited pages do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, StringConstraints
from scipy.stats import binomtest

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.catalog.offer_price import offer_price
from features.catalog.parsed import mask
from features.catalog.rules.rule import CREATIVE, MARKETING_OPERATIONS, MERCHANDISING
from features.config import BaseConfig
from features.contracts import check
from features.feed_tables import ITEM_SUPPRESSIONS
from features.histories.histories import microseconds

PageCheck = Literal[
    "page_not_found", "page_mismatch", "price_mismatch", "availability_mismatch", "page_slow"
]
"""Reason codes, in the order they are listed for an item."""

_CONFIDENCE: Final = 0.95
_FIRST_ERROR: Final = 400
_MICROSECONDS_PER_HOUR: Final = 3_600_000_000
_Owner = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]


class CheckConfig(BaseConfig):
    """One check: who mends it, and when it becomes an alert."""

    owner: _Owner
    """Team that mends it."""

    max_rate: float = Field(default=0.02, ge=0, le=1)
    """Share of compared items above which there is an alert."""

    gate: bool = False
    """Whether a rate above it stops the run instead."""


class PageChecksConfig(BaseConfig):
    """How pages are compared with the feed."""

    max_age_hours: float = Field(default=48.0, gt=0)
    """Oldest observation that counts."""

    price_tolerance: float = Field(default=0.005, ge=0)
    """Largest difference of prices that is none, in the currency of the item."""

    max_load_seconds: float = Field(default=4.0, gt=0)
    """Longest time a page may take to load."""

    page_not_found: CheckConfig = CheckConfig(owner=MARKETING_OPERATIONS)
    """The page answered with a status of 400 or above."""

    page_mismatch: CheckConfig = CheckConfig(owner=MARKETING_OPERATIONS)
    """The visit ended on another page than the item's link, after redirects."""

    price_mismatch: CheckConfig = CheckConfig(owner=MERCHANDISING)
    """The page shows another price or currency than the one in force."""

    availability_mismatch: CheckConfig = CheckConfig(owner=MERCHANDISING)
    """The page shows another availability."""

    page_slow: CheckConfig = CheckConfig(owner=CREATIVE)
    """The page took too long."""


@dataclass(frozen=True)
class MismatchRate:
    """How often one check failed.

    Attributes:
        check: reason code.
        owner: team that mends it.
        compared: items whose page told enough to judge.
        failed: those of them that failed.
        rate: failed / compared, NaN when nothing was compared.
        low, high: 95 % Wilson interval of the rate, NaN when nothing was compared.
        max_rate: the threshold.
        alert: the rate is above the threshold.
        gate: an alert stops the run.
    """

    check: PageCheck
    owner: str
    compared: int
    failed: int
    rate: float
    low: float
    high: float
    max_rate: float
    alert: bool
    gate: bool

    def __str__(self) -> str:
        return (
            f"{self.check}: {self.failed} of {self.compared} items ({self.rate:.1%}, 95 % interval "
            f"{self.low:.1%} to {self.high:.1%}); owner {self.owner}"
        )


@dataclass(frozen=True, eq=False)
class PageChecks:
    """What came of the visits.

    Attributes:
        suppressions: items to hold back, the item-suppressions table, sorted by item, then in the order of the checks.
        rates: one per check, in that order.
        visited: items with an observation that counts.
        stale: items whose latest observation is too old.
        unknown: observations of items that are not in the feed.
    """

    suppressions: pa.Table
    rates: tuple[MismatchRate, ...]
    visited: int
    stale: int
    unknown: int

    @property
    def alerts(self) -> tuple[MismatchRate, ...]:
        """The checks that failed too often."""
        return tuple(rate for rate in self.rates if rate.alert)

    def suppressed(self, item_ids: pa.Array | pa.ChunkedArray) -> dict[str, BoolArray]:
        """Which of the items each check holds back: one mask of shape (n,) per reason code."""
        by_reason = {}
        for rate in self.rates:
            held = pc.equal(self.suppressions[c.REASON_CODE], rate.check)
            chosen = self.suppressions.filter(held)[c.ITEM_ID].combine_chunks()
            by_reason[str(rate.check)] = mask(pc.is_in(item_ids, value_set=chosen))
        return by_reason


def check_pages(
    items: pa.Table, observations: pa.Table, config: PageChecksConfig, *, as_of: datetime
) -> PageChecks:
    """Compare the feed with what visits to its pages found.

    A page that was not found is judged for nothing else. What an observation does not tell (null) is not compared.

    Args:
        items: accepted items, the feed-items table.
        observations: checked page observations, in any order.
        config: tolerances, owners and thresholds.
        as_of: moment of use; only observations strictly before it count.

    Invariants: unchanged by the order of observations; failed <= compared <= visited.
    """
    now = microseconds(as_of)
    at = observations[c.OBSERVED_AT].cast(pa.int64()).to_numpy()
    rows = pc.index_in(observations[c.ITEM_ID], value_set=items[c.ITEM_ID].combine_chunks())
    item = pc.fill_null(rows, -1).to_numpy().astype(np.int64)
    visible = at < now
    latest = _latest(item, at, among=visible & (item >= 0))
    fresh = latest[at[latest] >= now - config.max_age_hours * _MICROSECONDS_PER_HOUR]
    judged = _judge(items.take(item[fresh]), observations.take(fresh), config)
    found = items[c.ITEM_ID].take(item[fresh])
    rates = tuple(
        _rate(code, getattr(config, code), compared, failed)
        for code, (compared, failed) in judged.items()
    )
    return PageChecks(
        suppressions=_suppressions(found, judged, config),
        rates=rates,
        visited=len(fresh),
        stale=len(latest) - len(fresh),
        unknown=int((visible & (item < 0)).sum()),
    )


def _latest(item: IntArray, at: IntArray, *, among: BoolArray) -> IntArray:
    """Position of the last observation of each item, by item."""
    candidates = np.flatnonzero(among)
    order = candidates[np.lexsort((at[candidates], item[candidates]))]
    last = np.ones(len(order), np.bool_)
    last[:-1] = item[order][1:] != item[order][:-1]
    positions: IntArray = order[last]
    return positions


def _judge(
    items: pa.Table, seen: pa.Table, config: PageChecksConfig
) -> dict[PageCheck, tuple[BoolArray, BoolArray]]:
    """Per check, which rows could be compared and which failed; item and observation stand in the same row."""
    status, load = (_floats(seen[name]) for name in (c.STATUS_CODE, c.LOAD_SECONDS))
    missing = status >= _FIRST_ERROR
    at = seen[c.OBSERVED_AT].cast(pa.int64()).to_numpy()
    expected, price = offer_price(items, at=at), _floats(seen[c.PRICE])
    other_currency = mask(pc.not_equal(items[c.CURRENCY], seen[c.CURRENCY]))
    other_price = np.abs(price - expected) > config.price_tolerance
    final, link = seen[c.FINAL_URL], items[c.LINK]
    judged: dict[PageCheck, tuple[BoolArray, BoolArray]] = {
        "page_not_found": (~np.isnan(status), missing),
        "page_mismatch": (_both(final, link), _other_page(link, final)),
        "price_mismatch": (~np.isnan(price) & ~np.isnan(expected), other_price | other_currency),
        "availability_mismatch": (
            _both(items[c.AVAILABILITY], seen[c.AVAILABILITY]),
            mask(pc.not_equal(items[c.AVAILABILITY], seen[c.AVAILABILITY])),
        ),
        "page_slow": (~np.isnan(load), load > config.max_load_seconds),
    }
    for code, (compared, failed) in judged.items():
        told = compared if code == "page_not_found" else compared & ~missing
        judged[code] = (told, told & failed)
    return judged


def _other_page(link: pa.ChunkedArray, final: pa.ChunkedArray) -> BoolArray:
    differs = mask(pc.not_equal(link, final))
    for row in np.flatnonzero(differs):
        differs[row] = not same_page(link[row].as_py(), final[row].as_py())
    return differs


def same_page(link: str, final: str) -> bool:
    """Whether a visit to `link` that ended at `final` ended on the same page.

    Scheme, a leading `www.`, letter case of the host, a closing slash and the fragment do not matter; parameters may be
    added but none of the link's may be missing or changed.

    Example:
        >>> same_page("http://shop.example/p?id=7", "https://www.shop.example/p/?id=7&gclid=x")
        True
        >>> same_page("https://shop.example/p?id=7", "https://shop.example/")
        False
    """
    try:
        wanted, reached = urlsplit(link), urlsplit(final)
    except ValueError:
        return False
    host = (wanted.hostname or "").removeprefix("www.")
    if host != (reached.hostname or "").removeprefix("www."):
        return False
    if wanted.path.rstrip("/") != reached.path.rstrip("/"):
        return False
    return set(parse_qsl(wanted.query, keep_blank_values=True)) <= set(
        parse_qsl(reached.query, keep_blank_values=True)
    )


def _rate(
    code: PageCheck, config: CheckConfig, compared: BoolArray, failed: BoolArray
) -> MismatchRate:
    n, bad = int(compared.sum()), int(failed.sum())
    rate, low, high = float("nan"), float("nan"), float("nan")
    if n:
        interval = binomtest(bad, n).proportion_ci(_CONFIDENCE, method="wilson")
        rate, low, high = bad / n, float(interval.low), float(interval.high)
    limit = config.max_rate
    return MismatchRate(
        code, config.owner, n, bad, rate, low, high, limit, alert=rate > limit, gate=config.gate
    )


def _suppressions(
    found: pa.ChunkedArray,
    judged: dict[PageCheck, tuple[BoolArray, BoolArray]],
    config: PageChecksConfig,
) -> pa.Table:
    parts = []
    for code, (_, failed) in judged.items():
        ids = found.filter(pa.array(failed)).to_pylist()
        owner = getattr(config, code).owner
        parts += [(item, code, owner) for item in ids]
    order: dict[Any, int] = {code: place for place, code in enumerate(judged)}
    parts.sort(key=lambda row: (row[0], order[row[1]]))
    names = ITEM_SUPPRESSIONS.schema.names
    rows = [dict(zip(names, row, strict=True)) for row in parts]
    table = pa.Table.from_pylist(rows, schema=ITEM_SUPPRESSIONS.schema)
    return check(table, ITEM_SUPPRESSIONS, source="page checks") if parts else table


def _both(one: pa.ChunkedArray, other: pa.ChunkedArray) -> BoolArray:
    return mask(pc.and_(pc.is_valid(one), pc.is_valid(other)))


def _floats(values: pa.ChunkedArray) -> FloatArray:
    filled: FloatArray = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy()
    return filled
