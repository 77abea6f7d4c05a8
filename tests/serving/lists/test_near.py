"""Listings near a person: by region, by default, or nowhere; everything else is near everybody."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.catalog.listings import ListingsConfig, PlaceConfig
from features.feed_tables import LISTINGS
from serving.lists.near import Near

BERLIN, HAMBURG = (
    PlaceConfig(latitude=52.52, longitude=13.405),
    PlaceConfig(latitude=53.5511, longitude=9.9937),
)
PLACES = {"boot": BERLIN, "cap": HAMBURG, "clog": None}


def listings():
    rows = [
        {
            **dict.fromkeys(LISTINGS.schema.names),
            c.ITEM_ID: item,
            c.LATITUDE: place and place.latitude,
            c.LONGITUDE: place and place.longitude,
        }
        for item, place in PLACES.items()
    ]
    return pa.Table.from_pylist([*rows, {**rows[0], c.ITEM_ID: "gone"}], schema=LISTINGS.schema)


def reached(shelf, near):
    return [sorted(set(PLACES) & set(shelf.item_ids[near.reach[place]])) for place in near.place]


def test_listings_are_near_by_region(shelf):
    """255 km from Berlin to Hamburg."""
    regions = pa.array(["north", "east", None, "unheard of"])
    config = ListingsConfig(
        radius_km=200, regions={"east": BERLIN, "north": HAMBURG}, default=BERLIN
    )
    near = Near.of(shelf, listings(), regions, config)
    assert reached(shelf, near) == [
        ["cap", "clog"],
        ["boot", "clog"],
        ["boot", "clog"],
        ["boot", "clog"],
    ]
    assert near.by_default.tolist() == [False, False, True, True]
    assert near.reach[:, shelf.codes(np.array(["fast"], dtype=object))].all()
    wide = Near.of(shelf, listings(), regions, config.model_copy(update={"radius_km": 260}))
    assert reached(shelf, wide)[0] == ["boot", "cap", "clog"]
    assert reached(shelf, near.take([1, 0])) == [["boot", "clog"], ["cap", "clog"]]


def test_without_a_default_no_listing_is_near(shelf):
    near = Near.of(
        shelf,
        listings(),
        pa.chunked_array([[None, "east"]], pa.string()),
        ListingsConfig(regions={"east": BERLIN}),
    )
    assert reached(shelf, near) == [["clog"], ["boot", "clog"]]
    assert not near.by_default.any()
    assert near.limited
    assert not Near.everything(shelf, 2).limited
