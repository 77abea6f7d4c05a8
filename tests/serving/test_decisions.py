"""Prices in decisions: as in the catalog, or left out where the feed is too old for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from serving.people import People


@pytest.mark.parametrize(
    ("feed", "hidden"),
    [
        pytest.param(None, False, id="no feed: prices are what sales show"),
        pytest.param({"freshness": {"hide_prices": False}}, False, id="fresh"),
        pytest.param({"freshness": {"hide_prices": True}}, True, id="stale"),
    ],
)
def test_an_old_feed_hides_its_prices(feed, hidden):
    people = SimpleNamespace(ingested=SimpleNamespace(manifest={"figures": {"feed": feed}}))
    assert People.prices_hidden.fget(people) is hidden
