"""Do rows to score look like the rows a model was trained on? A profile per feature, kept with the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.arrays import FloatArray, IntArray
from features.sources.flat_table import text_values
from training.uplift.encoding import FeatureEncoding

ALARM: Final = 0.25
"""A stability index above this is a shift worth stopping for; .1 to .25 is worth a look."""

_BINS: Final = 10
_FLOOR: Final = 1e-4
"""Least share of a bin, so that an empty one does not count infinitely."""


@dataclass(frozen=True)
class FeatureProfile:
    """How the training rows spread over each feature.

    Attributes:
        edges: inner edges of the bins of a number, per feature; none for text (its levels are the bins).
        shares: training share of each bin, then of missing values (for text: missing or unknown), per feature.
    """

    edges: Mapping[str, tuple[float, ...]]
    shares: Mapping[str, tuple[float, ...]]

    @classmethod
    def fit(cls, matrix: FloatArray, encoding: FeatureEncoding) -> FeatureProfile:
        """The profile of encoded rows, shape (n_rows, n_features)."""
        edges: dict[str, tuple[float, ...]] = {}
        shares: dict[str, tuple[float, ...]] = {}
        for place, name in enumerate(encoding.names):
            values = matrix[:, place]
            known = values[~np.isnan(values)]
            if name not in encoding.levels:
                edges[name] = _deciles(known)
            n_bins = len(encoding.levels[name]) if name in encoding.levels else len(edges[name]) + 1
            count = np.bincount(_bins(values, edges.get(name), n_bins), minlength=n_bins + 1)
            shares[name] = tuple((count / max(1, len(values))).tolist())
        return cls(edges, shares)

    def as_dict(self) -> dict[str, Any]:
        """The profile as plain JSON content."""
        return {
            "edges": {name: list(values) for name, values in self.edges.items()},
            "shares": {name: list(values) for name, values in self.shares.items()},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureProfile:
        """The inverse of `as_dict`."""
        return cls(
            {name: tuple(values) for name, values in content["edges"].items()},
            {name: tuple(values) for name, values in content["shares"].items()},
        )


@dataclass(frozen=True)
class FeatureDrift:
    """One feature of rows to score, beside the training rows.

    Attributes:
        feature: the column.
        stability_index: sum over bins of (share - training share) ln(share / training share); 0 = the same.
        missing, missing_in_training: share of missing values (for text: missing or unknown).
        unknown: share of texts that the training did not know; 0 for numbers.
        drifted: the index is above .25.
    """

    feature: str
    stability_index: float
    missing: float
    missing_in_training: float
    unknown: float
    drifted: bool


def measure_drift(
    table: pa.Table, matrix: FloatArray, encoding: FeatureEncoding, profile: FeatureProfile
) -> list[FeatureDrift]:
    """Each feature of the rows to score against the profile, largest shift first.

    Args:
        table: the rows, before encoding; for texts the model does not know.
        matrix: the rows, encoded, shape (n_rows, n_features), at least one row.
        encoding: of the model.
        profile: of its training rows.

    Source: population stability index, bins by deciles of the training rows.
    """
    found = []
    for place, name in enumerate(encoding.names):
        before = np.array(profile.shares[name])
        n_bins = len(before) - 1
        place_of = _bins(matrix[:, place], profile.edges.get(name), n_bins)
        now = np.bincount(place_of, minlength=n_bins + 1) / len(matrix)
        old, new = np.maximum(before, _FLOOR), np.maximum(now, _FLOOR)
        index = float(np.sum((new - old) * np.log(new / old)))
        unknown = 0.0
        if name in encoding.levels:
            given = [text is not None for text in text_values(table[name])]
            unknown = float(np.mean(np.isnan(matrix[:, place]) & np.array(given)))
        found.append(
            FeatureDrift(name, index, float(now[-1]), float(before[-1]), unknown, index > ALARM)
        )
    return sorted(found, key=lambda drift: -drift.stability_index)


def _deciles(known: FloatArray) -> tuple[float, ...]:
    if len(known) == 0:
        return ()
    return tuple(np.unique(np.quantile(known, np.arange(1, _BINS) / _BINS)).tolist())


def _bins(values: FloatArray, edges: tuple[float, ...] | None, n_bins: int) -> IntArray:
    """Bin of each value; missing ones have the bin after the last."""
    missing = np.isnan(values)
    known = np.where(missing, 0.0, values)
    place = known if edges is None else np.searchsorted(np.array(edges), known, side="right")
    return np.where(missing, n_bins, place).astype(np.int64)
