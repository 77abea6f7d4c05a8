"""What a contact with a person and an item is expected to earn, learned from lots drawn so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.arrays import FloatArray, IntArray
from serving.proof.decided import Decided
from serving.proof.sight import Matrix
from serving.proof.stage import View
from training.uplift.base import TrialRows
from training.uplift.learners.base import UpliftLearner
from training.uplift.learners.registry import LEARNERS, UpliftLearnerConfig

_CAP: Final = 0.995
"""Quantile of the margins above 0 beyond which one counts as that large in learning: a few orders are very dear."""


@dataclass(frozen=True, eq=False)
class Earnings:
    """A fitted uplift model of the week's margin.

    Attributes:
        learner: of the margin.
        cost: mean cost of a contact so far.
        with_items: whether what is shown is among the features.
    """

    learner: UpliftLearner[Any]
    cost: float
    with_items: bool

    @classmethod
    def learn(cls, decided: Decided, config: UpliftLearnerConfig, *, with_items: bool) -> Earnings:
        """Learn from everything decided so far."""
        earned = decided.margin[decided.margin > 0]
        most = float(np.quantile(earned, _CAP)) if len(earned) else 0.0
        rows = TrialRows(
            matrix=_matrix(decided.features, with_items=with_items).astype(np.float64),
            outcome=np.minimum(decided.margin, most),
            treated=decided.treated,
            probability=decided.probability,
            kind="continuous",
            groups=decided.person,
        )
        learner = LEARNERS[config.kind].fit(rows, config)
        return cls(learner, float(decided.cost[decided.treated].mean()), with_items)

    def expected(self, features: Matrix) -> FloatArray:
        """Expected incremental margin of a contact, shape (n,), from rows of `row_features`."""
        return self.learner.predict(
            _matrix(features, with_items=self.with_items).astype(np.float64)
        )


ITEM_COLUMNS: Final = 5


def row_features(view: View, contacts: IntArray, person: IntArray, place: IntArray) -> Matrix:
    """Features of persons and of what each would be shown.

    Args:
        view: of the decision.
        contacts: shape (n_persons,), that reached in the 28 days before.
        person: shape (n,), numbers.
        place: shape (n,), which candidate; it must hold an item.
    """
    sight = view.sight
    return np.column_stack(
        [
            sight.person[person],
            contacts[person],
            view.liking[person, place],
            view.uptake[person, place],
            sight.pair[person, place, 3],
            sight.pair[person, place, 4],
            sight.pair[person, place, 6],
        ]
    ).astype(np.float32)


def _matrix(features: Matrix, *, with_items: bool) -> Matrix:
    return features if with_items else features[:, :-ITEM_COLUMNS]
