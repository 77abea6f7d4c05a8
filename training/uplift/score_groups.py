"""How large the effect is among rows of a similar score, as measured on rows that no model has seen.

No learner here gives an honest interval for the effect on a single row: its error is mostly that of the shape it assumes,
which no resampling shows. What can be measured is the mean effect of the rows of a group; that interval each row gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from features.arrays import FloatArray, IntArray
from training.metrics.uplift import DecileEffect


@dataclass(frozen=True)
class ScoreGroups:
    """Groups of neighbouring scores, highest first.

    Attributes:
        least: smallest score of each group, falling.
        effect: mean effect of its test rows.
        low, high: 95 % interval of `effect`; NaN where too few rows responded for one.
    """

    least: tuple[float, ...]
    effect: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @classmethod
    def of(cls, bins: Sequence[DecileEffect]) -> ScoreGroups:
        """The score bins of an evaluation as groups for any score."""
        return cls(
            tuple(found.score_low for found in bins),
            tuple(found.effect.value for found in bins),
            tuple(found.effect.low for found in bins),
            tuple(found.effect.high for found in bins),
        )

    def place(self, score: FloatArray) -> IntArray:
        """Group of each score, shape (n_rows,), 0 = highest; below all groups is the last."""
        above = np.searchsorted(-np.array(self.least), -score, side="left")
        return np.minimum(above, len(self.least) - 1)

    def intervals(self, score: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ends of the 95 % interval of the mean effect of each score's group, each of shape (n_rows,).

        For scores of rows that the model has not learned from. The interval is of the group's mean, not of the row.
        """
        place = self.place(score)
        return np.array(self.low)[place], np.array(self.high)[place]

    def as_dict(self) -> dict[str, Any]:
        """The groups as plain JSON content."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ScoreGroups:
        """The inverse of `as_dict`."""
        return cls(
            **{
                name: tuple(float("nan") if value is None else float(value) for value in values)
                for name, values in content.items()
            }
        )
