"""Visits to pages against the feed: what fails, what is not judged, how often, and whose it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from features import columns as c
from features.catalog.page_checks import PageChecksConfig, check_pages, same_page
from features.config import validate
from features.errors import ConfigError
from features.feed_tables import FEED_ITEMS, ITEM_SUPPRESSIONS, PAGE_OBSERVATIONS

AS_OF = datetime(2026, 3, 10, tzinfo=UTC)
LINK = "https://shop.example/p?id=1"
ITEM = {"price": 10.0, "currency": "EUR", "availability": "in_stock", "link": LINK}
GOOD = {
    "price": 10.0, "currency": "EUR", "availability": "in_stock", "status_code": 200, "load_seconds": 1.0, "final_url": LINK,
}  # fmt: skip


def items(*rows):
    full = [{"item_id": f"i{n}", "category": "k", **ITEM, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=FEED_ITEMS.schema)


def seen(*rows):
    full = [
        {"item_id": "i0", "observed_at": AS_OF - timedelta(hours=1), **GOOD, **row} for row in rows
    ]
    return pa.Table.from_pylist(full, schema=PAGE_OBSERVATIONS.schema)


def config(**keys):
    return validate(PageChecksConfig, keys, subject="test")


def codes(item, observation, **keys):
    found = check_pages(items(item), seen(observation), config(**keys), as_of=AS_OF)
    return found.suppressions[c.REASON_CODE].to_pylist()


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        ({}, []),
        ({"price": 10.01}, ["price_mismatch"]),
        ({"price": 10.004}, []),
        ({"currency": "USD"}, ["price_mismatch"]),
        ({"currency": None}, []),
        ({"price": None, "currency": "USD"}, []),
        ({"availability": "out_of_stock"}, ["availability_mismatch"]),
        ({"availability": None}, []),
        ({"load_seconds": 4.01}, ["page_slow"]),
        ({"load_seconds": 4.0}, []),
        ({"final_url": "https://shop.example/"}, ["page_mismatch"]),
        ({"status_code": 404, "price": 1.0, "final_url": "x", "load_seconds": 9.0}, ["page_not_found"]),
        ({"status_code": 500}, ["page_not_found"]),
        ({"status_code": 399}, []),
        ({"status_code": None}, []),
        (
            {"price": 9.0, "availability": "preorder", "load_seconds": 9.0, "final_url": "x"},
            ["page_mismatch", "price_mismatch", "availability_mismatch", "page_slow"],
        ),
    ],
)  # fmt: skip
def test_what_holds_an_item_back(observation, expected):
    assert codes({}, observation) == expected


def test_the_price_in_force_when_the_page_was_seen_counts():
    sale = {
        "sale_price": 8.0,
        "sale_starts": AS_OF - timedelta(days=9),
        "sale_ends": AS_OF - timedelta(minutes=30),
    }
    assert codes(sale, {"price": 8.0}) == []
    assert codes(sale, {"price": 10.0}) == ["price_mismatch"]


def test_an_item_that_states_nothing_is_not_compared():
    found = check_pages(
        items({"price": None, "availability": None, "link": None}), seen({}), config(), as_of=AS_OF
    )
    assert [rate.compared for rate in found.rates] == [1, 0, 0, 0, 1]
    assert np.isnan([rate.rate for rate in found.rates]).tolist() == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert found.alerts == ()


def test_only_the_latest_fresh_observation_before_the_moment_counts():
    def ago(hours, **row):
        return {"observed_at": AS_OF - timedelta(hours=hours), **row}

    observations = seen(
        ago(0, price=1.0),
        ago(2),
        ago(3, price=1.0),
        ago(48, item_id="i1", price=1.0),
        ago(48.01, item_id="i2", price=1.0),
        ago(1, item_id="gone"),
    )
    found = check_pages(items({}, {}, {}), observations, config(), as_of=AS_OF)
    assert found.suppressions[c.ITEM_ID].to_pylist() == ["i1"]
    assert (found.visited, found.stale, found.unknown) == (2, 1, 1)


def test_a_rate_above_its_threshold_is_an_alert_with_owner():
    table = items(*[{}] * 10)
    rows = [{"item_id": f"i{n}", "price": 9.0 if n < 2 else 10.0} for n in range(10)]
    found = check_pages(table, seen(*rows), config(), as_of=AS_OF)
    (alert,) = found.alerts
    low, high = proportion_confint(2, 10, method="wilson")
    assert (alert.rate, alert.low, alert.high) == pytest.approx((2 / 10, low, high))
    assert str(alert) == (
        "price_mismatch: 2 of 10 items (20.0%, 95 % interval 5.7% to 51.0%); owner merchandising"
    )
    quiet = config(price_mismatch={"owner": "pricing team", "max_rate": 0.2})
    again = check_pages(table, seen(*rows), quiet, as_of=AS_OF)
    assert again.alerts == ()
    assert again.suppressions[c.OWNER].to_pylist() == ["pricing team"] * 2


def test_masks_for_the_eligibility_rules():
    found = check_pages(items({}, {}), seen({"item_id": "i1", "price": 1.0}), config(), as_of=AS_OF)
    masks = found.suppressed(pa.array(["i1", "other", "i0"]))
    assert masks["price_mismatch"].tolist() == [True, False, False]
    assert not masks["page_slow"].any()


@pytest.mark.parametrize("owner", ["", "  "])
def test_a_check_without_owner_is_refused(owner):
    with pytest.raises(ConfigError, match=r"'page_slow\.owner'"):
        config(page_slow={"owner": owner})


def test_nothing_seen_is_no_error():
    empty = PAGE_OBSERVATIONS.schema.empty_table()
    for table in (items({}), FEED_ITEMS.schema.empty_table()):
        found = check_pages(table, empty, config(), as_of=AS_OF)
        assert found.suppressions.schema == ITEM_SUPPRESSIONS.schema
        assert (found.visited, found.alerts) == (0, ())


@pytest.mark.parametrize(
    ("link", "final", "same"),
    [
        ("http://Shop.example/p/", "https://www.shop.example/p#reviews", True),
        ("https://shop.example/p?id=7", "https://shop.example/p?utm=a&id=7", True),
        ("https://shop.example/p?id=7", "https://shop.example/p?id=8", False),
        ("https://shop.example/p?id=7", "https://shop.example/p", False),
        ("https://shop.example/P", "https://shop.example/p", False),
        ("https://shop.example/p", "https://other.example/p", False),
        ("https://shop.example/p", "https://[broken", False),
    ],
)
def test_which_pages_are_the_same(link, final, same):
    assert same_page(link, final) is same


_seen = st.fixed_dictionaries(
    {
        "item_id": st.sampled_from(["i0", "i1", "gone"]),
        "price": st.sampled_from([None, 9.0, 10.0]),
        "status_code": st.sampled_from([None, 200, 404]),
    }
)


@given(st.lists(_seen, max_size=6), st.randoms())
def test_order_does_not_matter_and_counts_are_consistent(rows, random):
    rows = [{**row, "observed_at": AS_OF - timedelta(hours=1 + n)} for n, row in enumerate(rows)]
    shuffled = random.sample(rows, len(rows))
    one, other = (
        check_pages(items({}, {}), seen(*r), config(), as_of=AS_OF) for r in (rows, shuffled)
    )
    assert one.suppressions.equals(other.suppressions)
    for rate in one.rates:
        assert 0 <= rate.failed <= rate.compared <= one.visited
