"""Feature columns as the matrix LightGBM trains on; text levels keep their codes for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import FloatArray
from features.errors import SchemaError
from features.sources.flat_table import number_values, require_columns

MAX_LEVELS: Final = 1_000
"""A text column with more levels than this is an identifier, not a feature."""


@dataclass(frozen=True)
class FeatureEncoding:
    """How feature columns become numbers.

    Attributes:
        names: feature columns, in matrix order.
        levels: per text column its levels; a level's code is its position.
    """

    names: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, table: pa.Table, *, source: str) -> FeatureEncoding:
        """The encoding of every column of `table`.

        Args:
            table: feature columns only; numbers, booleans or text (plain or dictionary).
            source: where the table comes from, for the message.

        Raises:
            SchemaError: no column at all, a column that is neither number nor text, or text with too many levels.
        """
        if not table.column_names:
            raise SchemaError(
                source,
                "has no feature column",
                rule="a model needs at least one",
                next_step="List them under 'features'.",
            )
        levels = {}
        for name in table.column_names:
            if is_text(table[name].type):
                levels[name] = _levels(table[name], name, source)
            elif number_values(table[name]) is None:
                raise SchemaError(
                    source,
                    f"feature '{name}' is {table[name].type}",
                    rule="a feature is a number or text",
                    next_step="Convert it (a time to its age in days), or leave it out.",
                )
        return cls(tuple(table.column_names), levels)

    @property
    def categorical(self) -> tuple[int, ...]:
        """Matrix columns that hold codes of text levels."""
        return tuple(place for place, name in enumerate(self.names) if name in self.levels)

    def encode(self, table: pa.Table, *, source: str) -> FloatArray:
        """The feature matrix.

        Args:
            table: any table with the feature columns, in any order.
            source: where the table comes from, for the message.

        Returns:
            Shape (n_rows, n_features), float64. Text is the code of its level; missing, infinite, or a level unknown
            to the encoding is NaN.

        Raises:
            SchemaError: a feature column is missing, or text where the model was trained on numbers (or the reverse).

        Invariants: row by row; other columns and other rows change nothing.
        """
        require_columns(table, self.names, source=source)
        matrix = np.empty((table.num_rows, len(self.names)))
        for place, name in enumerate(self.names):
            matrix[:, place] = self._encode_column(table[name], name, source)
        return matrix

    def as_dict(self) -> dict[str, Any]:
        """The encoding as plain JSON content."""
        return {"names": list(self.names), "levels": {k: list(v) for k, v in self.levels.items()}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> FeatureEncoding:
        """The inverse of `as_dict`."""
        levels = {name: tuple(values) for name, values in content["levels"].items()}
        return cls(tuple(content["names"]), levels)

    def _encode_column(self, values: pa.ChunkedArray, name: str, source: str) -> FloatArray:
        text = is_text(values.type)
        all_missing = values.null_count == len(values)
        if text != (name in self.levels) and not all_missing:
            trained = "text" if name in self.levels else "numbers"
            raise SchemaError(
                source,
                f"feature '{name}' is {'text' if text else values.type}",
                rule=f"the model was trained on {trained}",
                next_step="Deliver the column as it was in training.",
            )
        if all_missing:
            return np.full(len(values), np.nan)
        if text:
            known = pa.array(self.levels[name], pa.string())
            codes = pc.index_in(values.cast(pa.string()), value_set=known)
            return np.asarray(pc.fill_null(codes.cast(pa.float64()), float("nan")).to_numpy())
        numbers = number_values(values)
        if numbers is None:
            raise SchemaError(
                source,
                f"feature '{name}' is {values.type}",
                rule="the model was trained on numbers",
                next_step="Deliver the column as it was in training.",
            )
        return np.where(np.isfinite(numbers), numbers, np.nan)


def is_text(type_: pa.DataType) -> bool:
    """Whether a column of that type holds text, plain or as a dictionary."""
    kinds = pa.types.is_dictionary, pa.types.is_string, pa.types.is_large_string
    return any(is_kind(type_) for is_kind in kinds)


def _levels(values: pa.ChunkedArray, name: str, source: str) -> tuple[str, ...]:
    found = sorted(v for v in pc.unique(values.cast(pa.string())).to_pylist() if v is not None)
    if len(found) > MAX_LEVELS:
        raise SchemaError(
            source,
            f"feature '{name}' has {len(found):,} different texts",
            rule=f"a text feature has at most {MAX_LEVELS:,}",
            next_step="It looks like an identifier: leave it out, or group its values.",
        )
    return tuple(found)
