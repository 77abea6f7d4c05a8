"""Every kind of segment by hand, the order between them, and nothing from after the moment."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.config import validate
from features.contracts import check
from features.errors import ConfigError
from features.histories.histories import Histories
from features.segments.config import SegmentsConfig
from features.segments.members import find_members, find_tiers
from features.segments.value import ValueConfig, person_values, value_cuts
from features.tables import EVENT_NAMES, PERSON_TIERS, SEGMENTS


def shop_of(histories, at):
    items = pa.table(
        {
            c.ITEM_ID: ["x", "y"],
            c.CATEGORY: ["tea", "tea"],
            c.PRICE: [1.0, 1.0],
            c.AVAILABILITY: ["in_stock", "in_stock"],
        }
    )
    attributes = ItemAttributes.from_items(items, known_at=at)
    return Knowledge.of(counts=ItemCounts.of(histories.everyone(at)), attributes=attributes)


def config_of(**definitions):
    content = {"definitions": definitions, "priority": list(definitions)}
    return validate(SegmentsConfig, content, subject="features.yaml")


def members(histories, facts, **definition):
    table = find_members(histories, config_of(s=definition), facts)
    return table[c.PERSON_ID].to_pylist()


@pytest.fixture
def site(make_histories):
    return make_histories(
        ("buyer", 8, "x", None, 5.0, "view"),
        ("buyer", 9, "x", "t1", 5.0),
        ("carter", 7, "x", None, 5.0, "view"),
        ("carter", 8, "x", None, 5.0, "cart_add"),
        ("carter", 8, "y", None, 7.0, "cart_add"),
        ("keeper", 8, "x", None, 5.0, "cart_add"),
        ("keeper", 9, "x", None, 5.0, "cart_remove"),
        ("keeper", 9, "z", None, 5.0, "view"),
        ("old", 1, "x", None, 5.0, "cart_add"),
        ("old", 9, "z", None, 5.0, "view"),
        ("payer", 8, "x", None, 5.0, "cart_add"),
        ("payer", 9, None, None, None, "checkout"),
        ("viewer", 6, "x", None, 5.0, "view"),
        ("viewer", 11, "x", None, 5.0, "cart_add"),
    )


WEEK = [[0, 7]]


def test_viewers_went_no_deeper_in_the_window(site, make_facts):
    assert members(site, make_facts(10), kind="viewers", windows=WEEK) == ["old", "viewer"]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(0, 9.9), st.sampled_from(EVENT_NAMES)),
        min_size=1,
        max_size=15,
    )
)
def test_a_person_with_a_cart_event_in_the_window_is_never_a_viewer(
    make_histories, make_facts, rows
):
    histories = make_histories(*((p, at, "x", None, 1.0, name) for p, at, name in rows))
    found = members(histories, make_facts(10), kind="viewers", windows=[[0, 3], [3, 7]])
    for person in found:
        recent = {name for p, at, name in rows if p == person and 10 - at <= 7}
        assert "view" in recent
        assert not recent & {"cart_add", "cart_remove", "cart_view", "checkout", "purchase"}


def test_abandoners_come_with_what_they_left(site, make_facts):
    config = config_of(
        paying={"kind": "checkout_abandoners", "windows": WEEK},
        carts={"kind": "cart_abandoners", "windows": WEEK},
    )
    table = find_members(site, config, make_facts(10))
    check(table, SEGMENTS, source="test")
    shown = [c.PERSON_ID, c.SEGMENT, c.ITEMS, c.CART_VALUE]
    assert [tuple(row.values()) for row in table.select(shown).to_pylist()] == [
        ("carter", "carts", ["x", "y"], 5 + 7.0),
        ("payer", "paying", ["x"], 5.0),
    ]


def test_membership_counts_from_the_last_qualifying_event(site, make_facts, day):
    config = config_of(carts={"kind": "cart_abandoners", "windows": [[0, 1], [1, 3], [3, 7]]})
    (row,) = find_members(site, config, make_facts(10)).to_pylist()
    assert (row[c.SINCE], row[c.WINDOW], row[c.EXPIRES]) == (day(8), "1-3", day(8 + 3))


def test_visitors_stages_and_buyers(site, make_facts):
    facts = make_facts(10)
    everybody = ["buyer", "carter", "keeper", "old", "payer", "viewer"]
    assert members(site, facts, kind="visitors", windows=WEEK) == everybody
    assert members(site, facts, kind="stage", stage="cart", windows=WEEK) == ["carter", "keeper"]
    assert members(site, facts, kind="stage", stage="browse", windows=WEEK) == ["old", "viewer"]
    assert members(site, facts, kind="post_purchase", windows=WEEK) == ["buyer"]
    assert members(site, facts, kind="post_purchase", minimum_orders=2, windows=WEEK) == []


def test_viewers_of_a_category_by_item_or_by_the_event(make_events, make_facts):
    events = make_events(
        ("a", 8, "x", None, 1.0, "view"),
        ("b", 8, "z", None, 1.0, "view"),
        ("c", 8, None, None, None, "view_list"),
        ("d", 8, None, None, None, "page_view"),
    )
    place = events.schema.get_field_index(c.CATEGORY)
    events = events.set_column(place, events.schema.field(place), [[None, None, "tea", None]])
    found = members(
        Histories.from_events(events), make_facts(10), kind="category_viewers", categories=["tea"]
    )
    assert found == ["a", "c"]


def test_viewers_of_a_feed_attribute(site, make_facts):
    items = {
        c.ITEM_ID: ["x", "z", "q"],
        c.CATEGORY: ["tea", "tea", "tea"],
        "season": ["summer", "winter", "summer"],
    }
    facts = make_facts(10, items=items)
    rule = {"kind": "feed_attribute", "attribute": "season", "windows": WEEK}
    assert members(site, facts, values=["winter"], **rule) == ["keeper", "old"]
    bought = members(site, facts, values=["summer"], events=["purchase"], **rule)
    assert bought == ["buyer"]


def test_an_unknown_feed_attribute_is_a_config_error(site, make_facts):
    with pytest.raises(ConfigError) as error:
        members(site, make_facts(10), kind="feed_attribute", attribute="seasn", values=["winter"])
    assert str(error.value) == (
        "segments: segment 's' uses the feed attribute 'seasn', which no item has; items have: category, item_id. "
        "Correct 'attribute', or declare it as a custom attribute of the feed."
    )


def test_due_items_make_a_member(make_histories, make_facts, day):
    rows = [("a", at, "x", f"t{at}", 1.0) for at in range(0, 60, 10)]
    histories = make_histories(*rows, ("b", 47, "x", "s", 1.0), ("b", 48, "y", "t", 1.0))
    shop = shop_of(histories, day(59))
    config = config_of(due={"kind": "replenishment", "lead_days": 2, "overdue_days": 5})
    found = find_members(histories, config, make_facts(59, knowledge=shop)).to_pylist()
    shown = [c.PERSON_ID, c.ITEMS, c.DUE_AT, c.EXPIRES, c.INTERVAL_SOURCE, c.RECO_KIND, c.WINDOW]
    assert [tuple(row[name] for name in shown) for row in found] == [
        ("a", ["x"], day(60), day(65), "item", "replenishment", None),
        ("b", ["x", "y"], day(57), day(58 + 5), "item", "replenishment", None),
    ]


def test_tiers_of_value_intent_and_lifecycle(site, make_facts, day):
    facts = make_facts(
        10,
        cuts=value_cuts([person_values(site, as_of=day(10))], ValueConfig()),
        scores=pa.table({c.PERSON_ID: ["carter", "viewer"], c.SCORE: [0.8, 0.01]}),
        stages=pa.table({c.PERSON_ID: ["viewer", "nobody"], c.LIFECYCLE_STAGE: ["trial", "trial"]}),
    )
    assert members(site, facts, kind="intent", tier="high") == ["carter"]
    assert members(site, facts, kind="intent", tier="unknown") == [
        "buyer",
        "keeper",
        "old",
        "payer",
    ]
    assert members(site, facts, kind="lifecycle", stage="trial") == ["viewer"]
    assert members(site, facts, kind="value", tier="zero") == [
        "carter", "keeper", "old", "payer", "viewer",
    ]  # fmt: skip
    tiers = find_tiers(site, SegmentsConfig(), facts)
    check(tiers, PERSON_TIERS, source="test")
    assert tiers[c.REVENUE].to_pylist() == [5.0, 0, 0, 0, 0, 0]
    assert tiers[c.LIFECYCLE_STAGE].to_pylist()[-1] == "trial"


def test_the_declared_order_says_which_segment_is_primary(site, make_facts):
    definitions = {
        "visitors": {"kind": "visitors"},
        "carts": {"kind": "cart_abandoners"},
    }
    for order, primary in (["carts", "visitors"], "carts"), (["visitors", "carts"], "visitors"):
        config = validate(
            SegmentsConfig, {"definitions": definitions, "priority": order}, subject="t"
        )
        table = find_members(site, config, make_facts(10))
        first = {row[c.PERSON_ID]: row[c.SEGMENT] for row in table.to_pylist() if row[c.PRIMARY]}
        assert first["carter"] == primary
        assert len(first) == len(set(table[c.PERSON_ID].to_pylist()))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"definitions": {"v": {"kind": "viewers"}}, "priority": []}, "'priority' does not name ['v']"),
        (
            {"definitions": {"v": {"kind": "viewers"}}, "priority": ["v", "w"]},
            "'priority' names ['w'], which 'definitions' does not define",
        ),
        ({"definitions": {"v": {"kind": "viewers"}}, "priority": ["v", "v"]}, "names a segment twice"),
        ({"definitions": {"v": {"kind": "stage", "stage": "basket"}}, "priority": ["v"]}, "stage"),
    ],
)  # fmt: skip
def test_no_order_or_an_undefined_stage_is_a_config_error(content, words):
    with pytest.raises(ConfigError) as error:
        validate(SegmentsConfig, content, subject="features.yaml")
    assert words in str(error.value)


def test_the_future_changes_nothing(make_events, make_facts):
    past = [
        ("a", 3, "x", None, 2.0, "cart_add"),
        ("a", 4, "y", "t1", 2.0),
        ("b", 5, "z", None, 2.0, "view"),
    ]
    future = [
        ("a", 10, "x", "t2", 2.0),
        ("b", 10, "z", None, 2.0, "cart_add"),
        ("a", 12, "x", None, 2.0, "cart_remove"),
    ]
    one, other = (
        find_members(Histories.from_events(make_events(*rows)), SegmentsConfig(), make_facts(10))
        for rows in (past, past + future)
    )
    assert one.equals(other)
    assert one.num_rows


def test_parts_of_the_persons_give_the_rows_of_the_whole(site, make_events, make_facts):
    rows = [
        (f"p{n}", 3 + n % 5, "xyz"[n % 3], None, 2.0, ("view", "cart_add", "purchase")[n % 4 % 3])
        for n in range(40)
    ]
    parts = [
        Histories.from_events(make_events(*(row for row in rows if int(row[0][1:]) % 2 == half)))
        for half in (0, 1)
    ]
    facts, order = make_facts(10), [(c.PERSON_ID, "ascending"), (c.PRIORITY, "ascending")]
    whole = find_members(Histories.from_events(make_events(*rows)), SegmentsConfig(), facts)
    apart = [find_members(part, SegmentsConfig(), facts) for part in parts]
    assert pa.concat_tables(apart).sort_by(order).equals(whole)
