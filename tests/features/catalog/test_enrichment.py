"""Margin tiers, best sellers and seasons from what was known before; labels only where the merchant has none."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.catalog import enrichment
from features.catalog.enrichment import EnrichmentConfig, enrich, margin_share
from features.catalog.limits import read_limits
from features.config import validate
from features.errors import ConfigError
from features.feed_tables import FEED_ITEMS, ITEM_ENRICHMENT

YEAR = 365  # a moment one year after the first day of the events


def items(*rows):
    full = [{"item_id": f"i{n}", "category": "k", **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=FEED_ITEMS.schema)


def config(**keys):
    return validate(EnrichmentConfig, keys, subject="test")


@pytest.fixture
def enriched(make_events, day):
    def run(table, *rows, at=YEAR, **keys):
        return enrich(table, make_events(*rows), config(**keys), as_of=day(at))

    return run


def sold(item, times, *, on=YEAR - 1):
    return [("p", on, item, f"{item}{n}", 1.0) for n in range(times)]


@pytest.mark.parametrize(
    ("row", "tier"),
    [
        ({"price": 10.0, "cost_of_goods_sold": 8.01}, "low"),
        ({"price": 10.0, "cost_of_goods_sold": 8.0}, "medium"),  # 2 / 10 = the boundary
        ({"price": 1.1, "cost_of_goods_sold": 0.66}, "high"),  # 0.44 / 1.1 = 0.4, but not in floats
        ({"price": 10.0, "cost_of_goods_sold": 12.0}, "low"),
        ({"price": 10.0, "cost_of_goods_sold": 0.0}, "high"),
        ({"price": 10.0}, "unknown"),
        ({"cost_of_goods_sold": 8.0}, "unknown"),
        ({"price": 0.0, "cost_of_goods_sold": 8.0}, "unknown"),
        ({"price": 10.0, "sale_price": 7.0, "cost_of_goods_sold": 5.6}, "medium"),  # 1.4 / 7
    ],
)
def test_margin_tiers(enriched, row, tier):
    found = enriched(items(row))
    assert found.facts[c.MARGIN_TIER].to_pylist() == [tier]
    assert found.items[c.CUSTOM_LABEL_2].to_pylist() == [tier]


def test_the_margin_follows_the_sale_period(day):
    row = {"price": 10.0, "sale_price": 5.0, "cost_of_goods_sold": 4.0}
    table = items({**row, "sale_starts": day(10), "sale_ends": day(20)})
    assert margin_share(table, as_of=day(9)).tolist() == [(10 - 4) / 10]
    assert margin_share(table, as_of=day(10)).tolist() == [(5 - 4) / 5]


def test_best_sellers_are_the_top_share_of_their_category(enriched):
    table = items(*[{"category": "a"}] * 10, *[{"category": "b"}] * 3)
    rows = [*sold("i4", 5), *sold("i5", 4), *sold("i11", 2), *sold("i0", 3)]
    found = enriched(table, *rows, best_seller={"top_share": 0.2})
    best = [n for n, flag in enumerate(found.facts[c.BEST_SELLER].to_pylist()) if flag]
    assert best == [4, 5, 11]  # two of ten in a; one of three, rounded up, in b
    labels = found.items[c.CUSTOM_LABEL_3].to_pylist()
    assert [labels[4], labels[0]] == ["best_seller", None]
    assert found.figures["best_sellers"] == 3


def test_equal_sales_share_a_place_and_too_few_sales_win_none(enriched):
    table = items({}, {}, {}, {})
    tied = enriched(table, *sold("i0", 3), *sold("i1", 3), *sold("i2", 2))
    assert tied.facts[c.BEST_SELLER].to_pylist() == [True, True, False, False]
    few = enriched(table, *sold("i0", 1))
    assert not any(few.facts[c.BEST_SELLER].to_pylist())


def test_only_purchases_of_the_window_count(enriched):
    rows = [
        *sold("i0", 2, on=YEAR - 28),
        *sold("i1", 5, on=YEAR - 28.01),
        *sold("i1", 5, on=YEAR),
        *[("p", YEAR - 1, "i1", None, None, "view")] * 4,
        *sold("gone", 2),
    ]
    found = enriched(items({}, {}), *rows)
    assert found.facts[c.UNITS_SOLD].to_pylist() == [2.0, 0.0]
    assert found.figures["sales_of_unknown_items"] == 2


def test_a_season_is_judged_against_its_share_of_the_days(enriched):
    """As of 2 January: 30 of 40 units of k in winter, where 90 of 365 days lie; of m, none."""
    rows = [*sold("i0", 30, on=YEAR - 5), *sold("i0", 10, on=180), *sold("i1", 20, on=180)]
    rows.append(("p", 0, "i0", "first", 1.0))
    found = enriched(items({}, {"category": "m"}, {"category": "rare"}), *rows)
    share = 31 / 41  # the first day, 1 January, is winter too
    assert found.facts[c.SEASON_SHARE].to_pylist() == [pytest.approx(share), 0.0, None]
    assert found.facts[c.SEASON_INDEX][0].as_py() == pytest.approx(share / (90 / 365))
    assert found.facts[c.SEASONALITY].to_pylist() == ["in_season", "off_season", "unknown"]
    assert found.items[c.CUSTOM_LABEL_4].to_pylist() == ["in_season", "off_season", "unknown"]


def test_even_sales_are_no_season(enriched):
    rows = [("p", n, "i0", f"t{n}", 1.0) for n in range(YEAR)]
    assert enriched(items({}), *rows).facts[c.SEASONALITY].to_pylist() == ["all_year"]


def test_less_than_a_year_says_nothing_about_seasons(enriched):
    rows = sold("i0", 50, on=100)
    found = enriched(items({}), *rows)
    assert found.facts[c.SEASONALITY].to_pylist() == ["unknown"]
    known = enriched(items({}), *rows, season={"min_days": 200})
    assert known.facts[c.SEASONALITY].to_pylist() == ["off_season"]


def test_a_slot_that_the_merchant_uses_is_left_alone(enriched):
    table = items({"custom_label_2": "summer sale"}, {"price": 10.0, "cost_of_goods_sold": 1.0})
    found = enriched(table)
    assert found.items[c.CUSTOM_LABEL_2].to_pylist() == ["summer sale", None]
    (issue,) = found.issues.to_pylist()
    assert issue[c.ISSUE_CODE] == "label_slot_taken"
    assert issue[c.SEVERITY] == "warning"
    assert issue[c.ATTRIBUTE] == "custom_label_2"
    assert issue[c.OWNER] == "marketing operations"
    assert issue[c.RAW_VALUE] == "1 items use it, so margin_tier is not written"
    assert found.figures["slots_not_written"] == 1


def test_a_label_longer_than_platforms_read_is_not_written(enriched):
    limit = read_limits()["google_merchant.item.custom_label.characters"].limit
    tiers = {"tiers": ["x" * (limit + 1), "high"], "boundaries": [0.5]}
    found = enriched(items({"price": 10.0, "cost_of_goods_sold": 9.0}), margin=tiers)
    assert found.items[c.CUSTOM_LABEL_2].to_pylist() == [None]
    (issue,) = found.issues.to_pylist()
    assert issue[c.ISSUE_CODE] == "label_slot_over_limit"
    assert f"a value of {limit + 1} characters, at most {limit} are read" in issue[c.RAW_VALUE]


def test_labels_that_platforms_would_ignore_are_not_written(enriched):
    """The merchant's labels leave room for two values: margin tier fits, season would be one too many."""
    limit = read_limits()["google_merchant.account.custom_labels.distinct_values"].limit
    row = {"price": 10.0, "cost_of_goods_sold": 1.0}
    table = items(*[{**row, "custom_label_0": f"v{n}"} for n in range(limit - 1)])
    found = enriched(table)
    assert found.items[c.CUSTOM_LABEL_2].null_count == 0
    assert found.items[c.CUSTOM_LABEL_4].null_count == limit - 1
    (issue,) = found.issues.to_pylist()
    assert issue[c.ATTRIBUTE] == "custom_label_4"
    assert f"{limit + 1} distinct values in all labels, at most {limit}" in issue[c.RAW_VALUE]


def test_no_items_and_no_events_are_no_error(enriched):
    found = enriched(FEED_ITEMS.schema.empty_table())
    assert found.facts.schema == ITEM_ENRICHMENT.schema
    assert found.items.num_rows == found.facts.num_rows == found.issues.num_rows == 0


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"margin": {"boundaries": [0.2]}}, "one boundary fewer than tiers"),
        ({"margin": {"boundaries": [0.4, 0.2]}}, "boundaries rise"),
        ({"margin": {"tiers": ["low", "low", "unknown"]}}, "none is 'unknown'"),
        ({"season": {"calendar": {"always": [1, 2]}}}, "belongs to exactly one season"),
        ({"labels": {"custom_label_7": "margin_tier"}}, "custom_label_7"),
        ({"labels": {"custom_label_0": "margin"}}, "custom_label_0"),
        ({"owner": ""}, "owner"),
    ],
)
def test_configs_that_cannot_be_meant(keys, words):
    with pytest.raises(ConfigError, match=words):
        config(**keys)


_labels = st.sampled_from([None, "own"])
_row = st.fixed_dictionaries(
    {
        "category": st.sampled_from(["a", "b"]),
        "price": st.sampled_from([None, 4.0, 10.0]),
        "cost_of_goods_sold": st.sampled_from([None, 3.0]),
        "custom_label_2": _labels,
        "custom_label_3": _labels,
    }
)
_event = st.tuples(
    st.just("p"),
    st.integers(1, 400),
    st.sampled_from(["i0", "i1", "i2", "gone"]),
    st.none(),
    st.just(1.0),
)


@settings(max_examples=40)
@given(st.lists(_row, max_size=4), st.lists(_event, max_size=20))
def test_nothing_later_counts_and_no_label_changes(make_events, day, rows, events):
    table, as_of = items(*rows), day(YEAR)
    every = make_events(*events)
    found = enrich(table, every, EnrichmentConfig(), as_of=as_of)
    known = [moment < as_of for moment in every[c.TIME].to_pylist()]
    past = every.filter(pa.array(known, pa.bool_()))
    assert enrich(table, past, EnrichmentConfig(), as_of=as_of).items.equals(found.items)
    for name in table.column_names:
        before, after = table[name].to_pylist(), found.items[name].to_pylist()
        assert all(b == a for b, a in zip(before, after, strict=True) if b is not None)
    unlabelled = [n for n in table.column_names if n not in enrichment.CUSTOM_LABELS]
    assert found.items.select(unlabelled).equals(table.select(unlabelled))


def test_the_day_of_the_moment_is_still_its_season(enriched, day):
    """As of 1 March 00:00 the last day known is 28 February, winter."""
    rows = [("p", 0, "i0", "first", 1.0), *sold("i0", 30, on=420)]
    found = enriched(items({}), *rows, at=31 + 28 + YEAR, season={"min_days": 300})
    assert day(31 + 28 + YEAR) - timedelta(days=1) > day(420)
    assert found.facts[c.SEASONALITY].to_pylist() == ["in_season"]
