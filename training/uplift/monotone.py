"""Uplift that may only rise, or only fall, with a feature: what was asked for, as signs of matrix columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Literal

import pyarrow as pa

from features.errors import ConfigError
from training.uplift.encoding import FeatureEncoding, is_text

Direction = Literal["increasing", "decreasing"]


def require_monotone_features(features: pa.Table, monotone: Mapping[str, Direction]) -> None:
    """Refuse directions for columns that have none.

    Args:
        features: all feature columns, before any is dropped.
        monotone: direction by feature.

    Raises:
        ConfigError: no such feature, or text.
    """
    for name in monotone:
        if name not in features.column_names:
            near = difflib.get_close_matches(name, features.column_names, n=1, cutoff=0.5)
            raise ConfigError(
                f"monotone.{name}",
                "is no feature",
                rule="a direction belongs to a feature",
                next_step=f"Did you mean '{near[0]}'?" if near else "Correct 'monotone'.",
            )
        if is_text(features[name].type):
            raise ConfigError(
                f"monotone.{name}",
                "is text",
                rule="only numbers rise and fall",
                next_step="Deliver the column as numbers in their order, or leave it out of 'monotone'.",
            )


def monotone_signs(encoding: FeatureEncoding, monotone: Mapping[str, Direction]) -> tuple[int, ...]:
    """+1, -1 or 0 for every matrix column; () without any direction."""
    signs = {"increasing": 1, "decreasing": -1}
    found = tuple(signs[monotone[name]] if name in monotone else 0 for name in encoding.names)
    return found if any(found) else ()
