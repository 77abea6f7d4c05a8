"""Listings that end, begin, or lie somewhere: which items may still be shown, and to whom they are near.

Every function returns masks by reason code, True = hold back, for the eligibility rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.catalog.parsed import mask
from features.config import BaseConfig
from features.tables import TIMESTAMP

EXPIRED: Final = "listing_expired"
BEGUN: Final = "listing_begun"
TOO_FAR: Final = "listing_too_far"
NO_PLACE: Final = "person_without_place"

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius of the Earth (IUGG)."""


class PlaceConfig(BaseConfig):
    """A point on the map."""

    latitude: float = Field(ge=-90, le=90)
    """Degrees north."""

    longitude: float = Field(ge=-180, le=180)
    """Degrees east."""


class ListingsConfig(BaseConfig):
    """How near a listing has to be."""

    radius_km: float = Field(default=30.0, gt=0)
    """Largest distance between person and listing, great circle."""

    regions: dict[str, PlaceConfig] = Field(default={})
    """Place that stands for a region, for persons whose own place is not known."""

    default: PlaceConfig | None = None
    """Place for persons of no known region; left out = local listings are held back from them."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where persons are taken to be.

    Attributes:
        latitude, longitude: degrees, shape (n,); NaN = not known.
        by_default: the place is that of the region or the default, not the person's own, shape (n,).
    """

    latitude: FloatArray
    longitude: FloatArray
    by_default: BoolArray


def ended(listings: pa.Table, *, as_of: datetime) -> dict[str, BoolArray]:
    """Listings that are over or whose thing has begun, at or before `as_of`; masks of shape (n_listings,).

    A listing without end does not expire; one without start date does not begin.
    """
    now = pa.scalar(as_of, TIMESTAMP)
    return {
        EXPIRED: mask(pc.less_equal(listings[c.EXPIRATION_DATE], now)),
        BEGUN: mask(pc.less_equal(listings[c.START_DATE], now)),
    }


def places(
    latitude: FloatArray, longitude: FloatArray, region: pa.ChunkedArray, config: ListingsConfig
) -> Places:
    """Each person's own place, else that of the region, else the default.

    Args:
        latitude: degrees north, shape (n,); NaN = the own place is not known.
        longitude: degrees east, shape (n,); NaN = the own place is not known.
        region: region of each person, shape (n,), may be null.
        config: places of regions.
    """
    own = ~(np.isnan(latitude) | np.isnan(longitude))
    stands_for = [*config.regions.values(), config.default]
    names = pa.array(list(config.regions), pa.string())
    at = pc.fill_null(pc.index_in(region, value_set=names, skip_nulls=True), len(names)).to_numpy()
    north, east = (
        np.array([np.nan if place is None else getattr(place, name) for place in stands_for])[at]
        for name in ("latitude", "longitude")
    )
    return Places(
        np.where(own, latitude, north), np.where(own, longitude, east), ~own & ~np.isnan(north)
    )


def out_of_reach(
    listings: pa.Table,
    candidates: npt.NDArray[np.integer],
    people: Places,
    config: ListingsConfig,
) -> dict[str, BoolArray]:
    """Which candidates lie too far from their person; masks of the shape of `candidates`.

    A listing without a place is near everybody. For a person without a place every listing with one is held back.

    Args:
        listings: the listings table.
        candidates: rows of `listings`, shape (n_persons, k), -1 = no candidate or one that is no listing.
        people: n_persons places.
        config: the radius.
    """
    north, east = (_floats(listings[name]) for name in (c.LATITUDE, c.LONGITUDE))
    north, east = np.append(north, np.nan), np.append(east, np.nan)  # -1 takes the last: no place
    there_north, there_east = north[candidates], east[candidates]
    local = ~(np.isnan(there_north) | np.isnan(there_east))
    here_north, here_east = people.latitude[:, None], people.longitude[:, None]
    unknown = np.isnan(here_north) | np.isnan(here_east)
    distance = distance_km(here_north, here_east, there_north, there_east)
    return {
        NO_PLACE: local & unknown,
        TOO_FAR: local & ~unknown & (distance > config.radius_km),
    }


def within_radius(
    listings: pa.Table, place: PlaceConfig, *, as_of: datetime, config: ListingsConfig
) -> IntArray:
    """Rows of the live listings near one place, nearest first (then by row)."""
    north, east = (_floats(listings[name]) for name in (c.LATITUDE, c.LONGITUDE))
    distance = distance_km(place.latitude, place.longitude, north, east)
    near = distance <= config.radius_km
    for over in ended(listings, as_of=as_of).values():
        near &= ~over
    rows = np.flatnonzero(near)
    nearest: IntArray = rows[np.argsort(distance[rows], kind="stable")]
    return nearest


def distance_km(
    north: npt.ArrayLike, east: npt.ArrayLike, other_north: npt.ArrayLike, other_east: npt.ArrayLike
) -> FloatArray:
    """Great-circle distance in km between points in degrees, broadcast; NaN where a coordinate is NaN.

    The Earth is taken as a sphere: off by up to 0.5 %.

    Source: R. W. Sinnott, Virtues of the haversine, Sky and Telescope 68 (1984), 159.

    Invariants: symmetric; 0 between a point and itself; at most half the circumference.

    Example:
        >>> round(float(distance_km(52.5200, 13.4050, 53.5511, 9.9937)))   # Berlin to Hamburg
        255
    """
    one, other = np.radians(north), np.radians(other_north)
    across = np.sin(np.radians(np.subtract(other_east, east)) / 2) ** 2
    up = np.sin((other - one) / 2) ** 2
    half = np.minimum(up + np.cos(one) * np.cos(other) * across, 1.0)
    distance: FloatArray = np.asarray(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half)))
    return distance


def _floats(values: pa.ChunkedArray) -> FloatArray:
    filled: FloatArray = pc.fill_null(values, float("nan")).to_numpy()
    return filled
