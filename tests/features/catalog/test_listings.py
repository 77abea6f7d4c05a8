"""Listings end, begin and lie somewhere; a person without a place gets the region's, flagged."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics.pairwise import haversine_distances

from features.catalog.listings import (
    EARTH_RADIUS_KM,
    ListingsConfig,
    PlaceConfig,
    distance_km,
    ended,
    out_of_reach,
    places,
    within_radius,
)
from features.config import validate
from features.errors import ConfigError
from features.feed_tables import LISTINGS

AS_OF = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN, POTSDAM, HAMBURG = (52.52, 13.405), (52.3906, 13.0645), (53.5511, 9.9937)


def listings(*rows):
    full = [{"item_id": f"i{n}", **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema=LISTINGS.schema)


def at(place):
    return {"latitude": place[0], "longitude": place[1]}


def config(**keys):
    return validate(ListingsConfig, keys, subject="test")


def test_listings_end_and_begin_with_their_moment():
    second = timedelta(seconds=1)
    found = ended(
        listings(
            {"expiration_date": AS_OF, "start_date": AS_OF + second},
            {"expiration_date": AS_OF + second, "start_date": AS_OF},
            {},
        ),
        as_of=AS_OF,
    )
    assert found["listing_expired"].tolist() == [True, False, False]
    assert found["listing_begun"].tolist() == [False, True, False]


def test_a_person_without_a_place_gets_that_of_the_region_flagged():
    known = config(regions={"north": at(HAMBURG)}, default=at(BERLIN))
    region = pa.chunked_array([["north", "north", "south", None]])
    here = np.array([1.0, np.nan, np.nan, 2.0]), np.array([3.0, 4.0, np.nan, np.nan])
    found = places(*here, region, known)
    assert found.latitude.tolist() == [1.0, HAMBURG[0], BERLIN[0], BERLIN[0]]
    assert found.longitude.tolist() == [3.0, HAMBURG[1], BERLIN[1], BERLIN[1]]
    assert found.by_default.tolist() == [False, True, True, True]
    nowhere = places(*here, region, config())
    assert np.isnan(nowhere.latitude[1:]).all()
    assert not nowhere.by_default.any()


def test_candidates_too_far_from_their_person_are_held_back():
    table = listings(at(POTSDAM), at(HAMBURG), {})
    nan = np.nan
    people = places(
        np.array([BERLIN[0], nan]), np.array([BERLIN[1], nan]), pa.chunked_array([[None, None]], pa.string()), config()
    )  # fmt: skip
    candidates = np.array([[0, 1, 2, -1], [0, 1, 2, -1]])
    found = out_of_reach(table, candidates, people, config(radius_km=50))
    assert found["listing_too_far"].tolist() == [[False, True, False, False], [False] * 4]
    assert found["person_without_place"].tolist() == [[False] * 4, [True, True, False, False]]


def test_live_listings_near_a_place_come_nearest_first():
    table = listings(
        at(HAMBURG), at(POTSDAM), at(BERLIN), {**at(BERLIN), "expiration_date": AS_OF}, {}, at(BERLIN)
    )  # fmt: skip
    berlin = PlaceConfig(**at(BERLIN))
    assert within_radius(table, berlin, as_of=AS_OF, config=config()).tolist() == [2, 5, 1]
    wide = config(radius_km=300)
    assert within_radius(table, berlin, as_of=AS_OF, config=wide).tolist() == [2, 5, 1, 0]


def test_no_listings_are_no_error():
    empty = LISTINGS.schema.empty_table()
    berlin = PlaceConfig(**at(BERLIN))
    assert within_radius(empty, berlin, as_of=AS_OF, config=config()).tolist() == []
    assert [len(mask) for mask in ended(empty, as_of=AS_OF).values()] == [0, 0]


def test_a_quarter_of_the_way_round():
    assert distance_km(0, 0, 90, 0) == pytest.approx(np.pi / 2 * EARTH_RADIUS_KM)
    assert distance_km(0, 179, 0, -179) == pytest.approx(np.radians(2) * EARTH_RADIUS_KM)
    assert np.isnan(distance_km(np.nan, 0, 0, 0))


@pytest.mark.parametrize(
    "place", [{"latitude": 91, "longitude": 0}, {"latitude": 0, "longitude": 181}]
)
def test_a_place_outside_the_map_is_refused(place):
    with pytest.raises(ConfigError, match="default"):
        config(default=place)


_point = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(_point, _point)
def test_distances_agree_with_scikit_learn_and_are_symmetric(one, other):
    found = float(distance_km(*one, *other))
    theirs = haversine_distances(np.radians([one]), np.radians([other]))[0, 0] * EARTH_RADIUS_KM
    assert found == pytest.approx(theirs, abs=1e-3)
    assert found == pytest.approx(float(distance_km(*other, *one)), abs=1e-6)
    assert 0 <= found <= np.pi * EARTH_RADIUS_KM + 1e-9
    assert float(distance_km(*one, *one)) == 0
