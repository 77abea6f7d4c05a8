"""Where persons are, and which items are near: listings have a place, other items are near everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.catalog.listings import ListingsConfig, distance_km
from serving.lists.shelf import Shelf


@dataclass(frozen=True, eq=False)
class Near:
    """Places of n persons and what is near each place.

    Attributes:
        reach: shape (n_places, n_items), the item is near the place.
        place: shape (n,), row of `reach` for each person.
        by_default: shape (n,), the place is the default, since the person's region is not known.
        limited: whether places are looked at at all.
    """

    reach: BoolArray
    place: IntArray
    by_default: BoolArray
    limited: bool

    @classmethod
    def everything(cls, shelf: Shelf, n: int) -> Self:
        """Place does not matter."""
        return cls(
            np.ones((1, len(shelf)), np.bool_),
            np.zeros(n, np.int64),
            np.zeros(n, np.bool_),
            limited=False,
        )

    @classmethod
    def of(
        cls,
        shelf: Shelf,
        listings: pa.Table,
        regions: pa.ChunkedArray | pa.Array,
        config: ListingsConfig,
    ) -> Self:
        """Each person is where the config places their region, else at the default, else nowhere: near no listing.

        Args:
            shelf: the items.
            listings: the listings table.
            regions: region of each person, shape (n,), may be null.
            config: radius and places.
        """
        at = shelf.codes(listings[c.ITEM_ID].to_numpy().astype(object))
        held = at >= 0
        north, east = (
            pc.fill_null(listings[name], float("nan")).to_numpy()[held]
            for name in (c.LATITUDE, c.LONGITUDE)
        )
        places = [*config.regions.values(), config.default]
        reach = np.ones((len(places), len(shelf)), np.bool_)
        for row, place in enumerate(places):
            if place is None:
                reach[row, at[held]] = np.isnan(north) | np.isnan(east)
            else:
                far = distance_km(place.latitude, place.longitude, north, east) > config.radius_km
                reach[row, at[held]] = ~far
        names = pa.array(list(config.regions), pa.string())
        found = pc.fill_null(pc.index_in(regions, value_set=names, skip_nulls=True), len(names))
        index = (
            found.to_numpy(zero_copy_only=False)
            if isinstance(found, pa.Array)
            else found.to_numpy()
        )
        by_default = (index == len(names)) & (config.default is not None)
        return cls(reach, index.astype(np.int64), by_default, limited=True)

    def take(self, rows: npt.ArrayLike) -> Near:
        """The chosen persons, in that order."""
        index = np.asarray(rows)
        return Near(self.reach, self.place[index], self.by_default[index], self.limited)
