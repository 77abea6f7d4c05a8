"""Prices, availability, dates and places: what a person would pay, when, and where it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.limits import Limit, Limits, Severity
from features.catalog.parsed import SALE_PERIOD, ParsedFeed, mask
from features.catalog.rules.rule import MERCHANDISING, FeedRule, Rule
from features.tables import AVAILABILITIES, TIMESTAMP

CONDITIONS: Final = ("new", "refurbished", "used")
WHOLE_NUMBERS: Final = (c.INVENTORY, c.MIN_HANDLING_TIME, c.MAX_HANDLING_TIME)
_LATER: Final = ("preorder", "backorder")


def _problem(attribute: str, kind: str | None, feed: ParsedFeed) -> BoolArray:
    problem = feed.money(attribute).field("problem")
    return mask(pc.is_valid(problem) if kind is None else pc.equal(problem, kind))


def _unlisted(attribute: str, values: tuple[str, ...], feed: ParsedFeed) -> BoolArray:
    listed = mask(pc.is_in(feed.text(attribute), value_set=pa.array(values)))
    return feed.present(attribute) & ~listed


def sale_not_below_price(feed: ParsedFeed) -> BoolArray:
    """A sale price in the price's currency that saves nothing."""
    price, sale = feed.money(c.PRICE), feed.money(c.SALE_PRICE)
    return mask(pc.greater_equal(sale.field("amount"), price.field("amount")))


def sale_in_other_currency(feed: ParsedFeed) -> BoolArray:
    """A sale price that cannot be compared with the price."""
    price, sale = feed.money(c.PRICE), feed.money(c.SALE_PRICE)
    return mask(pc.not_equal(sale.field("currency"), price.field("currency")))


def unread_sale_period(feed: ParsedFeed) -> BoolArray:
    """A period that cannot be read or ends before it starts."""
    return feed.present(SALE_PERIOD) & mask(pc.is_null(feed.sale_period.field("starts")))


def _needs_date(feed: ParsedFeed) -> BoolArray:
    return mask(pc.is_in(feed.text(c.AVAILABILITY), value_set=pa.array(_LATER)))


def _unread_moment(attribute: str, feed: ParsedFeed) -> BoolArray:
    return feed.present(attribute) & mask(pc.is_null(feed.moment(attribute)))


def _too_far(attribute: str, limit: Limit) -> Rule:
    def breaks(feed: ParsedFeed) -> BoolArray:
        last = pa.scalar(feed.as_of + timedelta(days=limit.limit), TIMESTAMP)
        return mask(pc.greater(feed.moment(attribute), last))

    return Rule(
        f"{attribute}_too_far", attribute, limit.severity, MERCHANDISING, breaks, limit=limit
    )


def _bad_angle(attribute: str) -> Rule:
    return Rule(
        f"{attribute}_invalid", attribute, Severity.WARNING, MERCHANDISING,
        lambda feed: feed.present(attribute) & mask(pc.is_null(feed.degrees(attribute))),
    )  # fmt: skip


def _past(attribute: str, feed: ParsedFeed) -> BoolArray:
    return mask(pc.less_equal(feed.moment(attribute), pa.scalar(feed.as_of, TIMESTAMP)))


def _bad_number(attribute: str) -> Rule:
    return Rule(
        f"{attribute}_invalid", attribute, Severity.WARNING, MERCHANDISING,
        lambda feed: feed.present(attribute) & mask(pc.is_null(feed.whole(attribute))),
    )  # fmt: skip


def _several_currencies(feed: ParsedFeed) -> str | None:
    found = sorted(pc.unique(feed.money(c.PRICE).field("currency")).drop_null().to_pylist())
    return ", ".join(found) if len(found) > 1 else None


def rules(limits: Limits) -> tuple[Rule, ...]:
    """The rules about offers, with the platforms' limits."""
    error, warning, owner = Severity.ERROR, Severity.WARNING, MERCHANDISING
    days = limits.under("google_merchant.item", unit="days_ahead")
    return (
        Rule("price_syntax", c.PRICE, error, owner, lambda f: _problem(c.PRICE, "syntax", f)),
        Rule("price_currency", c.PRICE, error, owner, lambda f: _problem(c.PRICE, "currency", f)),
        Rule(
            "price_not_positive", c.PRICE, error, owner,
            lambda f: _problem(c.PRICE, "not_positive", f),
        ),
        Rule(
            "sale_price_invalid", c.SALE_PRICE, warning, owner,
            lambda f: _problem(c.SALE_PRICE, None, f),
        ),
        Rule("sale_price_not_below_price", c.SALE_PRICE, warning, owner, sale_not_below_price),
        Rule("sale_price_other_currency", c.SALE_PRICE, warning, owner, sale_in_other_currency),
        Rule("sale_period_invalid", SALE_PERIOD, warning, owner, unread_sale_period),
        Rule(
            "sale_period_without_sale", SALE_PERIOD, Severity.ADVICE, owner,
            lambda f: f.present(SALE_PERIOD) & ~f.present(c.SALE_PRICE),
        ),
        Rule(
            "cost_invalid", c.COST_OF_GOODS_SOLD, warning, owner,
            lambda f: _problem(c.COST_OF_GOODS_SOLD, None, f),
        ),
        Rule(
            "availability_invalid", c.AVAILABILITY, error, owner,
            lambda f: _unlisted(c.AVAILABILITY, AVAILABILITIES, f), fixed=True,
        ),
        Rule(
            "availability_date_missing", c.AVAILABILITY_DATE, error, owner,
            lambda f: _needs_date(f) & ~f.present(c.AVAILABILITY_DATE),
        ),
        Rule(
            "availability_date_invalid", c.AVAILABILITY_DATE, error, owner,
            lambda f: _unread_moment(c.AVAILABILITY_DATE, f),
        ),
        Rule(
            "availability_date_past", c.AVAILABILITY_DATE, warning, owner,
            lambda f: _needs_date(f) & _past(c.AVAILABILITY_DATE, f),
        ),
        Rule(
            "expiration_date_invalid", c.EXPIRATION_DATE, error, owner,
            lambda f: _unread_moment(c.EXPIRATION_DATE, f),
        ),
        Rule("expired", c.EXPIRATION_DATE, warning, owner, lambda f: _past(c.EXPIRATION_DATE, f)),
        Rule(
            "condition_invalid", c.CONDITION, error, owner,
            lambda f: _unlisted(c.CONDITION, CONDITIONS, f), fixed=True,
        ),
        *(_too_far(attribute, limit) for attribute, limit in days.items()),
        *(_bad_number(attribute) for attribute in WHOLE_NUMBERS),
        Rule(
            "start_date_invalid", c.START_DATE, warning, owner,
            lambda f: _unread_moment(c.START_DATE, f),
        ),
        *(_bad_angle(attribute) for attribute in (c.LATITUDE, c.LONGITUDE)),
    )  # fmt: skip


FEED_RULES: Final = (
    FeedRule("mixed_currencies", c.PRICE, Severity.WARNING, MERCHANDISING, _several_currencies),
)
