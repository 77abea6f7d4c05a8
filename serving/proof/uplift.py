"""What a contact with a person and an item is expected to earn, learned from lots drawn so far.

A contact may sell the item shown, and may cost orders of anything else. The two are learned apart: hardly anybody orders just
that item by themselves, so what is sold stands out of far less noise than orders as a whole. Losses are a share of the
orders there would be; those of the item shown are added to what is seen to be sold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import FloatArray, IntArray
from serving.proof.config import LearningConfig
from serving.proof.decided import Decided
from serving.proof.losses import Losses
from serving.proof.sight import (
    FUNNEL_COLUMNS,
    OWN_COLUMNS,
    PAIR_COLUMNS,
    PERSON_COLUMNS,
    Matrix,
)
from serving.proof.stage import View
from training.uplift.base import TrialRows
from training.uplift.base_models.base import BaseModel, Trainer
from training.uplift.base_models.registry import trainer
from training.uplift.doubly_robust import DoublyRobustScores, doubly_robust_scores

ITEM_COLUMNS: Final = ("liking", "in_cart", "bought_days", "price")
"""Columns of `row_features` that are about the item shown; they stand last."""

ROW_COLUMNS: Final = (*PERSON_COLUMNS, *FUNNEL_COLUMNS, *OWN_COLUMNS, "contacts", *ITEM_COLUMNS)

_LEAST_CHANCE: Final = 0.004  # of an order: what is rarer does not weigh more
_CHEAP: Final = 1 / 3  # of the ordinary price; what is cheaper sells no better


@dataclass(frozen=True, eq=False)
class Earnings:
    """What is sold, what is lost, and what both are worth.

    Attributes:
        sales: effect on the chance that the item shown is ordered in the week.
        losses: share of other orders that a contact costs.
        cost: mean cost of a contact so far.
        usual: mean margin of a week with an order.
        ordinary: median price of what was shown.
        with_items: whether the model knows more of the item shown than its price.
    """

    sales: BaseModel
    losses: Losses
    cost: float
    usual: float
    ordinary: float
    with_items: bool

    @classmethod
    def learn(
        cls, decided: Decided, config: LearningConfig, *, with_items: bool, seed: int
    ) -> Earnings:
        """Learn from everything decided so far.

        Args:
            decided: rows of any weeks.
            config: the models.
            with_items: False = relevance stays unknown.
            seed: of the folds.
        """
        ordinary = float(np.median(_column(decided.features, "price")))
        spread = decided.probability * (1 - decided.probability)
        visits = _column(decided.features, "visits_per_day")
        shared = trainer(config.outcomes, decided.features.astype(np.float64), categorical=())
        losses = Losses.learn(
            visits,
            _scores(decided, decided.others, config, seed, shared),
            weight=spread,
            unchosen=~decided.chosen,
            prior=config.loss_prior,
        )
        sold = _scores(decided, decided.sold, config, seed, shared)
        columns = _sale_columns(decided.features, ordinary=ordinary, with_items=with_items)
        chance = np.maximum(sold.control, _LEAST_CHANCE)
        sales = trainer(config.sales, columns, categorical=()).train(
            sold.effect + losses.share(visits) * sold.control,
            kind="continuous",
            weight=spread / chance,
        )
        bought = decided.margin > 0
        return cls(
            sales,
            losses,
            float(decided.cost[decided.treated].mean()),
            float(decided.margin[bought].mean()) if bought.any() else 0.0,
            ordinary,
            with_items,
        )

    def expected(self, features: Matrix, worth: FloatArray, order: FloatArray) -> FloatArray:
        """Expected incremental margin of a contact, shape (n,).

        Args:
            features: rows of `row_features`.
            worth: margin of each row's item.
            order: chance that the person orders in the week by themselves.
        """
        columns = _sale_columns(features, ordinary=self.ordinary, with_items=self.with_items)
        lost = self.losses.share(_column(features, "visits_per_day"))
        return self.sales.predict(columns) * worth - lost * order * self.usual


def row_features(view: View, contacts: IntArray, person: IntArray, place: IntArray) -> Matrix:
    """Features of persons and of what each would be shown, `ROW_COLUMNS`; of persons as logarithms, for linear models too.

    Args:
        view: of the decision.
        contacts: shape (n_persons,), that reached in the 28 days before.
        person: shape (n,), numbers.
        place: shape (n,), which candidate; it must hold an item.
    """
    pair = view.sight.pair[person, place]
    return np.column_stack(
        [
            np.log1p(view.sight.person[person]),
            contacts[person],
            view.liking[person, place],
            *(pair[:, PAIR_COLUMNS.index(name)] for name in ("in_cart", "bought_days", "price")),
        ]
    ).astype(np.float32)


def _scores(
    decided: Decided, outcome: FloatArray, config: LearningConfig, seed: int, shared: Trainer
) -> DoublyRobustScores:
    return doubly_robust_scores(
        TrialRows(
            matrix=decided.features.astype(np.float64),
            outcome=outcome,
            treated=decided.treated,
            probability=decided.probability,
            kind="binary",
            groups=decided.person,
        ),
        config=config.outcomes,
        n_folds=config.n_folds,
        seed=seed,
        shared=shared,
    )


def _sale_columns(features: Matrix, *, ordinary: float, with_items: bool) -> FloatArray:
    """What a sale depends on, shape (n, n_columns): account, cart, liking, contacts so far; dearer items sell less often."""
    account = np.expm1(_column(features, "account"))
    contacts = _column(features, "contacts")
    cart = (
        _column(features, "in_cart")
        if with_items
        else (~np.isnan(_column(features, "cart_hours"))).astype(np.float64)
    )
    columns = [np.ones(len(features)), account, account * cart, account * contacts, cart]
    if with_items:
        liking = _column(features, "liking")
        columns += [liking, account * liking]
    cheapness = ordinary / np.maximum(_column(features, "price"), _CHEAP * ordinary)
    return np.column_stack(columns) * cheapness[:, None]


def _column(features: Matrix, name: str) -> FloatArray:
    return features[:, ROW_COLUMNS.index(name)].astype(np.float64)
