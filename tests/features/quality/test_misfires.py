"""Tags on the wrong page: the gate, its worst pages, and what could not be checked."""

import pytest

from features.config import validate
from features.errors import ConfigError
from features.ingest.item_ids import ItemIdConfig
from features.quality.misfires import MisfireConfig, check_misfires

SITE = "https://shop.example"
PATTERNS = {
    "item_pattern": r"/product/(?P<item>[^/?#]+)",
    "confirmation_pattern": r"/checkout/thank-you",
}


def run(observed, items=None, *, item_ids=None, **changes):
    config = MisfireConfig(**(PATTERNS | changes))
    return check_misfires(observed, items, config, item_ids=item_ids or ItemIdConfig())


def test_pages_of_another_item_fail_the_gate_and_are_named(see, make_event):
    rows = [
        make_event(item_id="1", page=f"{SITE}/product/1?ref=mail&user=alice@example.com"),
        make_event(item_id="1", page=f"{SITE}/product/2?user=bob"),
        make_event("cart_add", item_id="1", page=f"{SITE}/product/2"),
        make_event(item_id="5", page=f"{SITE}/product/9"),
        make_event(item_id="1", page=None),
        make_event(item_id="1", page=f"{SITE}/cart"),
        make_event("purchase", item_id="1", page=f"{SITE}/product/3"),
    ]
    check, _ = run(see(rows))
    assert check.figure == 3 / 4
    assert (check.status, check.owner, check.threshold) == ("fail", "marketing operations", 0.05)
    assert check.words == (
        "3 of 4 compared events carry another item than their page (75.0%); worst: shop.example/product/2 (2 of 2), "
        "shop.example/product/9 (1 of 1); not checked: 1 without address, 1 on other pages"
    )
    assert check.details[0].rows == (
        {"page": "shop.example/product/2", "wrong": 2, "events": 2},
        {"page": "shop.example/product/9", "wrong": 1, "events": 1},
    )
    assert "sends the item of another page" in check.next_step
    assert run(see(rows), max_mismatch=0.75)[0].status == "pass"


def test_one_item_may_be_written_in_several_ways(see, make_event, feed):
    rows = [
        make_event(item_id="wc_1", page="/product/1"),
        make_event(item_id="1", page="/product/wc_1"),
        make_event(item_id="1", page="/product/G1"),
        make_event(item_id="a b", page="/product/a%20b"),
        make_event(item_id="2", page="/product/G1"),
    ]
    items = feed("1", "2", groups=["G1", "G2"])
    check, _ = run(see(rows), items, item_ids=ItemIdConfig(strip_prefix="wc_"))
    assert check.figure == 1 / 5
    assert run(see(rows))[0].figure == 4 / 5


def test_orders_elsewhere_than_on_the_confirmation_page(see, make_event):
    rows = [
        make_event(
            "purchase", "p1", page=f"{SITE}/checkout/thank-you?order=1", transaction_id="t1"
        ),
        make_event(
            "purchase", "p1", page=f"{SITE}/checkout/thank-you?order=1", transaction_id="t1"
        ),
        make_event("purchase", "p2", page=f"{SITE}/product/2", transaction_id="t2"),
        make_event("purchase", "p3", transaction_id="t3"),
        make_event("view", "p4", page=f"{SITE}/product/1"),
    ]
    _, check = run(see(rows))
    assert (check.figure, check.status) == (1 / 2, "fail")
    assert check.words == (
        "1 of 2 orders were sent from another page than the confirmation (50.0%); worst: shop.example/product/2 (1 of 1); "
        "not checked: 1 without address"
    )


def test_what_is_not_declared_is_not_checked(see, make_event):
    items, orders = run(see([make_event()]), item_pattern=None, confirmation_pattern=None)
    assert (items.status, orders.status) == ("not_available", "not_available")
    assert "misfires.item_pattern" in items.next_step
    assert "misfires.confirmation_pattern" in orders.next_step


def test_events_without_address_are_counted_as_not_checked(see, make_event):
    items, orders = run(see([make_event(), make_event("purchase"), make_event(page="/about")]))
    assert items.status == orders.status == "not_available"
    assert items.words == "no event to compare; not checked: 1 without address, 1 on other pages"
    assert orders.words == "no order to check; not checked: 1 without address"


@pytest.mark.parametrize(
    ("key", "pattern", "message"),
    [
        ("item_pattern", "/product/(.*)", "must have one group, named item"),
        ("item_pattern", "/(?P<shop>[a-z]+)/(?P<item>.*)", "must have one group, named item"),
        ("item_pattern", "/product/(?P<item>[", "not a pattern of RE2"),
        ("confirmation_pattern", "(?=thanks)", "not a pattern of RE2"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_a_config_error(key, pattern, message):
    with pytest.raises(ConfigError, match=f"'{key}': .*{message}"):
        validate(MisfireConfig, {key: pattern}, subject="quality.yaml")


@pytest.mark.parametrize(
    "page", ["http://[::1/product/2", "/product/2\x00\x1b[31m", "/product/" + "%" * 50, "x" * 10**5]
)
def test_a_hostile_address_is_only_text(see, make_event, page):
    check, _ = run(see([make_event(page=page), make_event(page="/product/1")]))
    assert check.status in {"pass", "fail"}
    for row in check.details[0].rows:
        assert row["page"].isprintable()
        assert len(row["page"]) < 120
