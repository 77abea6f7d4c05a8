"""A feed's text columns together with what they parse to; each is parsed once, when a rule first asks for it."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.moments import PERIOD, parse_moment, parse_period
from features.catalog.money import MONEY, parse_money
from features.catalog.profiles import Profile
from features.catalog.taxonomy import Taxonomy
from features.distinct import map_distinct
from features.tables import TIMESTAMP

OTHER: Final = "other"
"""Category of an item whose own category is in no taxonomy."""

SALE_PERIOD: Final = "sale_price_effective_date"
ID: Final = "id"

_WHOLE: Final = 2**31
_QUARTER: Final = 90
_ANGLE: Final = re.compile(r"-?[0-9]{1,3}(\.[0-9]{1,12})?")


class ParsedFeed:
    """Unchecked rows, seen as texts, money, moments and categories.

    Args:
        items: unchecked rows with Merchant attribute names, blanks already null.
        profile: what an item of this vertical must have.
        as_of: the moment of validation.
        taxonomy: known categories; None = any category is believed.
    """

    def __init__(
        self, items: pa.Table, *, profile: Profile, as_of: datetime, taxonomy: Taxonomy | None
    ) -> None:
        self.items, self.profile, self.as_of, self.taxonomy = items, profile, as_of, taxonomy

    def __len__(self) -> int:
        return int(self.items.num_rows)

    def text(self, attribute: str) -> pa.ChunkedArray:
        """The texts of an attribute, all null when the feed does not have it; `category` is the derived one."""
        if attribute == c.CATEGORY:
            return self.category
        if attribute in self.items.column_names and attribute != c.LINE:
            return self.items[attribute]
        return pa.chunked_array([pa.nulls(len(self), pa.string())])

    def present(self, attribute: str) -> BoolArray:
        """Where an item has the attribute, shape (n,)."""
        return mask(pc.is_valid(self.text(attribute)))

    def matches(self, attribute: str, pattern: str) -> BoolArray:
        """Where an attribute's text holds an RE2 pattern, shape (n,); False where it is missing."""
        return mask(pc.match_substring_regex(self.text(attribute), pattern))

    def length(self, attribute: str) -> npt.NDArray[np.int64]:
        """Characters of an attribute's text, shape (n,); 0 where it is missing."""
        lengths = pc.fill_null(pc.utf8_length(self.text(attribute)), 0)
        found: npt.NDArray[np.int64] = lengths.to_numpy().astype(np.int64)
        return found

    def money(self, attribute: str) -> pa.StructArray:
        """An attribute as `MONEY` rows."""
        return self._parsed(attribute, parse_money, MONEY)

    def moment(self, attribute: str) -> pa.Array:
        """An attribute as moments; null where it is missing or cannot be read."""
        return self._parsed(attribute, parse_moment, TIMESTAMP)

    def whole(self, attribute: str) -> pa.Array:
        """An attribute as whole numbers >= 0; null where it is missing or is none."""
        return self._parsed(attribute, _whole, pa.int64())

    def degrees(self, attribute: str) -> pa.Array:
        """`latitude` or `longitude` as numbers; null where it is missing or is no such angle."""
        largest = _QUARTER if attribute == c.LATITUDE else 2 * _QUARTER
        return self._parsed(attribute, partial(_angle, largest), pa.float64())

    @cached_property
    def sale_period(self) -> pa.StructArray:
        """`sale_price_effective_date` as `PERIOD` rows."""
        return self._parsed(SALE_PERIOD, parse_period, PERIOD)

    @cached_property
    def known_category(self) -> pa.ChunkedArray:
        """Full taxonomy path of `google_product_category`; null where missing or unknown."""
        written = self.text(c.GOOGLE_PRODUCT_CATEGORY)
        return map_distinct(written, self.taxonomy.path, pa.string()) if self.taxonomy else written

    @cached_property
    def category(self) -> pa.ChunkedArray:
        """The taxonomy path, else `other` for an unknown one, else the merchant's `product_type`; null = none of these."""
        written = self.text(c.GOOGLE_PRODUCT_CATEGORY)
        unknown = pc.and_(pc.is_valid(written), pc.is_null(self.known_category))
        category = pc.if_else(unknown, OTHER, self.known_category)
        return pc.coalesce(category, self.text(c.PRODUCT_TYPE))

    @cached_property
    def _cache(self) -> dict[str, Any]:
        return {}

    def _parsed(self, attribute: str, parse: Any, type_: pa.DataType) -> Any:
        if attribute not in self._cache:
            values = map_distinct(self.text(attribute), parse, type_)
            self._cache[attribute] = values.combine_chunks()
        return self._cache[attribute]


def mask(values: pa.ChunkedArray | pa.Array) -> BoolArray:
    """Arrow booleans as numpy, null as False."""
    filled: BoolArray = pc.fill_null(values, False).to_numpy(zero_copy_only=False).astype(np.bool_)
    return filled


def _whole(written: str) -> int | None:
    if not (written.isascii() and written.isdigit()):
        return None
    number = int(written[:11])
    return number if number < _WHOLE and len(written) <= len(str(_WHOLE)) else None


def _angle(largest: int, written: str) -> float | None:
    if _ANGLE.fullmatch(written) is None:
        return None
    angle = float(written)
    return angle if abs(angle) <= largest else None
