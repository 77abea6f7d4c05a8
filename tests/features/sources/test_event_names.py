"""Names of events: presets as shipped, a client's own on top, and a reason for all others."""

from typing import get_args

import pyarrow as pa
import pytest

from features.config import validate
from features.errors import ConfigError
from features.sources.event_names import (
    FIELDS,
    EventNames,
    EventNamesConfig,
    Preset,
    read_event_names,
)
from features.tables import EVENT_NAMES


def translate(*names, **options):
    config = validate(EventNamesConfig, options, subject="test")
    return (
        EventNames(config).translate(pa.chunked_array([pa.array(names, pa.string())])).to_pylist()
    )


@pytest.mark.parametrize(
    ("preset", "names", "events"),
    [
        ("ga4", ["view_item", "add_to_cart", "purchase", "generate_lead"], ["view", "cart_add", "purchase", "lead"]),
        ("segment", ["Product Viewed", "product added", "Order Refunded"], ["view", "cart_add", "refund"]),
        ("meta", ["ViewContent", "InitiateCheckout", "Lead"], ["view", "checkout", "lead"]),
        ("criteo", ["viewBasket", "trackTransaction"], ["cart_view", "purchase"]),
        ("retail", ["detail-page-view", "purchase-complete"], ["view", "purchase"]),
        ("personalize", ["View", "Purchase"], ["view", "purchase"]),
        ("snowplow", ["list_click", "transaction"], ["select", "purchase"]),
    ],
)  # fmt: skip
def test_presets(preset, names, events):
    assert translate(*names, preset=preset) == events


def test_every_preset_has_a_view_and_a_purchase():
    presets = read_event_names()
    assert set(presets) == set(get_args(Preset))
    for names in presets.values():
        assert {"view", "purchase"} <= set(names.values())


def test_without_a_preset_our_own_names_stand():
    assert translate(*EVENT_NAMES) == list(EVENT_NAMES)


def test_a_clients_own_names_win_over_the_preset():
    options = {
        "preset": "segment",
        "names": {"Order Cancelled": "cancel", "Product Clicked": "view"},
    }
    assert translate("Order Cancelled", "product clicked", "Cart Viewed", **options) == [
        "cancel", "view", "cart_view",
    ]  # fmt: skip


def test_other_names_have_no_translation_and_a_reason():
    config = EventNamesConfig(preset="ga4", ignored=("scroll", "VIEW_CART"))
    names = EventNames(config)
    assert (
        translate(
            "scroll", "mystery", None, "view_cart", preset="ga4", ignored=["scroll", "VIEW_CART"]
        )
        == [None] * 4
    )
    reasons = [names.reason(name) for name in ("Scroll", "mystery", None, "view_cart")]
    assert reasons == ["ignored_event", "unknown_event", "unknown_event", "ignored_event"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": {"x": "veiw"}}, "names"),
        ({"preset": "ga5"}, "preset"),
        ({"names": {"x": "view"}, "ignored": ["X"]}, "'x': is both mapped and ignored"),
    ],
)
def test_a_config_that_cannot_hold_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        translate("x", **options)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("ga4,a,veiw,C,", "line 2: 'veiw' is not in the vocabulary"),
        ("ga4,a,view,C,\nga4,A,select,C,", "line 3: 'A' stands there twice"),
        ("ga4,a", "line 2: its columns are not"),
    ],
)
def test_a_broken_table_names_its_line(tmp_path, row, message):
    path = tmp_path / "event_names.csv"
    path.write_text(f"{','.join(FIELDS)}\n{row}\n")
    with pytest.raises(ConfigError, match=message):
        read_event_names(path)
