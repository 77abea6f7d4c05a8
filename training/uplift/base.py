"""What every uplift learner is given: rows of one treated arm and the control, encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray

OutcomeKind = Literal["binary", "continuous"]

Design = Literal["randomised", "observational"]
"""Whether a lot was drawn. Without one, figures rest on the features holding all that steered the assignment."""


@dataclass(frozen=True, eq=False)
class TrialRows:
    """Rows of one contrast.

    Attributes:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        outcome: shape (n_rows,), finite; 0 or 1 when the kind is binary.
        treated: shape (n_rows,), True = treated arm.
        probability: known probability that the row is treated, shape (n_rows,), in (0, 1).
        kind: of the outcome.
        categorical: matrix columns that hold codes of text levels.
        groups: rows of one group share a fold, shape (n_rows,); None = independent rows.
        monotone: per matrix column +1 where uplift may only rise with it, -1 only fall, 0 either; () = nothing asked.
    """

    matrix: FloatArray
    outcome: FloatArray
    treated: BoolArray
    probability: FloatArray
    kind: OutcomeKind
    categorical: tuple[int, ...] = ()
    groups: IntArray | None = None
    monotone: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.outcome)

    def subset(self, keep: BoolArray) -> TrialRows:
        """The rows where `keep` is True, shape (n_rows,)."""
        return TrialRows(
            self.matrix[keep],
            self.outcome[keep],
            self.treated[keep],
            self.probability[keep],
            self.kind,
            self.categorical,
            None if self.groups is None else self.groups[keep],
            self.monotone,
        )

    def inverse_probability(self) -> FloatArray:
        """Inverse probability of the arm received, shape (n_rows,)."""
        return np.where(self.treated, 1 / self.probability, 1 / (1 - self.probability))

    def arm_weights(self) -> FloatArray | None:
        """Weights that make each arm stand for all rows, mean one per arm; None where they would be constant."""
        weight = self.inverse_probability()
        for arm in (self.treated, ~self.treated):
            if arm.any():
                weight[arm] /= weight[arm].mean()
        return None if np.allclose(weight, 1.0, rtol=0, atol=1e-12) else weight
