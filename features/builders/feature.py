"""What a feature column is, and the few steps every builder shares."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features.arrays import FloatArray
from features.histories.histories import MICROSECONDS_PER_DAY

WINDOW_DAYS: Final = (1, 3, 7, 14, 30, 90)
"""Windows of counts and sums; a window of d days before t holds the moments from t - d days up to, not with, t."""

WINDOWS: Final = np.array(WINDOW_DAYS) * MICROSECONDS_PER_DAY
"""The same in microseconds."""


@dataclass(frozen=True)
class Feature:
    """A feature column.

    Attributes:
        name: column name.
        unit: what one unit of the value is.
        missing: when the value is NaN.
    """

    name: str
    unit: str
    missing: str


def feature_table(features: Sequence[Feature], columns: Iterable[FloatArray]) -> pa.Table:
    """One float64 column per feature, in that order.

    Raises:
        ValueError: there are more or fewer columns than features.
    """
    pairs = zip(features, columns, strict=True)
    return pa.table({feature.name: np.asarray(values, np.float64) for feature, values in pairs})


def ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Top / bottom; NaN where bottom is not positive."""
    result = np.full(np.shape(bottom), np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def days_between(earlier: FloatArray, later: FloatArray | int) -> FloatArray:
    """Days from one moment in microseconds to another; NaN where either is NaN."""
    days: FloatArray = (later - earlier) / MICROSECONDS_PER_DAY
    return days
