"""What was decided and what came of it, row by row: the only thing that policies and estimators learn effects from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from serving.proof.sight import Matrix


@dataclass(frozen=True, eq=False)
class Decided:
    """n rows, one per person about whom a lot decided between contact and no contact.

    Attributes:
        person: number.
        moment: number of the decision.
        features: shape (n, n_columns), of the person and of the item that was or would have been shown.
        treated: contacted.
        probability: of being contacted.
        chosen: the policy wanted the contact, and the lot only held some out; otherwise pilot or exploration.
        sold: 1 = the item that was or would have been shown was ordered in the week after, contact or not.
        others: 1 = anything else was.
        worth: margin of the item that was or would have been shown, as feed and books tell it.
        margin: money earned in the week after, contact or not.
        cost: money paid for impressions.
        effect: exact expected change of `margin` by the contact, for comparison only: nothing learns from it.
        price: exact expected cost of the contact, for comparison only.
    """

    person: IntArray
    moment: IntArray
    features: Matrix
    treated: BoolArray
    probability: FloatArray
    chosen: BoolArray
    sold: FloatArray
    others: FloatArray
    worth: FloatArray
    margin: FloatArray
    cost: FloatArray
    effect: FloatArray
    price: FloatArray

    @classmethod
    def together(cls, parts: Sequence[Decided]) -> Decided:
        """The rows of all parts."""
        return cls(
            **{
                of.name: np.concatenate([getattr(part, of.name) for part in parts])
                for of in fields(cls)
            }
        )

    def where(self, keep: BoolArray) -> Decided:
        """The rows where `keep` is true."""
        return Decided(**{name: column[keep] for name, column in vars(self).items()})
