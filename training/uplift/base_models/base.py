"""What a base model can do: be trained on some of the rows, predict, live in a text file."""

from __future__ import annotations

from typing import Protocol

from features.arrays import BoolArray, FloatArray
from training.uplift.base import OutcomeKind


class BaseModel(Protocol):
    """A fitted model of the mean of a target given the features."""

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Expected target per row, shape (n_rows,); a probability for a binary target."""
        ...

    def text(self) -> str:
        """The model as the content of a text file."""
        ...


class Trainer(Protocol):
    """Trains models on subsets of the same rows; what can be shared (bins, columns) is prepared once."""

    def train(
        self,
        target: FloatArray,
        *,
        kind: OutcomeKind,
        rows: BoolArray | None = None,
        weight: FloatArray | None = None,
    ) -> BaseModel:
        """Fit one model.

        Args:
            target: shape (n_rows,), finite; 0 or 1 when the kind is binary.
            kind: binary gives probabilities, continuous means.
            rows: rows to learn from, shape (n_rows,); None = all.
            weight: positive weights, shape (n_rows,); None = all one.
        """
        ...
