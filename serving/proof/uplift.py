"""What a contact with a person and an item is expected to earn, learned from lots drawn so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.arrays import FloatArray, IntArray
from serving.proof.decided import Decided
from serving.proof.sight import PAIR_COLUMNS, Matrix
from serving.proof.stage import View
from training.uplift.base import TrialRows
from training.uplift.learners.base import UpliftLearner
from training.uplift.learners.registry import LEARNERS, UpliftLearnerConfig


@dataclass(frozen=True, eq=False)
class Earnings:
    """A fitted uplift model of orders, and what orders are worth.

    Attributes:
        learner: of the chance of an order in the week.
        cost: mean cost of a contact so far.
        usual: mean margin of a week with an order.
        with_items: whether what is shown is among the features.
    """

    learner: UpliftLearner[Any]
    cost: float
    usual: float
    with_items: bool

    @classmethod
    def learn(cls, decided: Decided, config: UpliftLearnerConfig, *, with_items: bool) -> Earnings:
        """Learn from everything decided so far."""
        rows = TrialRows(
            matrix=_matrix(decided.features, with_items=with_items).astype(np.float64),
            outcome=decided.ordered,
            treated=decided.treated,
            probability=decided.probability,
            kind="binary",
            groups=decided.person,
        )
        learner = LEARNERS[config.kind].fit(rows, config)
        bought = decided.ordered > 0
        usual = float(decided.margin[bought].mean()) if bought.any() else 0.0
        return cls(learner, float(decided.cost[decided.treated].mean()), usual, with_items)

    def expected(self, features: Matrix, worth: FloatArray) -> FloatArray:
        """Expected incremental margin of a contact, shape (n,).

        An order won is one of the item shown, an order lost is one like those people place.

        Args:
            features: rows of `row_features`.
            worth: margin of each row's item.
        """
        uplift = self.learner.predict(
            _matrix(features, with_items=self.with_items).astype(np.float64)
        )
        return np.where(uplift > 0, uplift * worth, uplift * self.usual)


ITEM_COLUMNS: Final = 7
"""Columns of `row_features` that are about the item shown; they stand last."""


def row_features(view: View, contacts: IntArray, person: IntArray, place: IntArray) -> Matrix:
    """Features of persons and of what each would be shown, counts and ages as logarithms, for linear models too.

    Args:
        view: of the decision.
        contacts: shape (n_persons,), that reached in the 28 days before.
        person: shape (n,), numbers.
        place: shape (n,), which candidate; it must hold an item.
    """
    sight = view.sight
    account = sight.column("account")[person]
    liking, uptake = view.liking[person, place], view.uptake[person, place]
    pair = sight.pair[person, place]
    in_cart, bought, price = (
        pair[:, PAIR_COLUMNS.index(name)] for name in ("in_cart", "bought_days", "price")
    )
    return np.column_stack(
        [
            np.log1p(sight.person[person]),
            contacts[person],
            liking,
            uptake,
            in_cart,
            np.log1p(bought),
            1 / price,
            account * liking,
            account * in_cart,
        ]
    ).astype(np.float32)


def _matrix(features: Matrix, *, with_items: bool) -> Matrix:
    return features if with_items else features[:, :-ITEM_COLUMNS]
