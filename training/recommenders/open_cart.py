"""What was left in the cart, then what goes with it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
import scipy.sparse as sp
from pydantic import Field, model_validator

from features.arrays import BoolArray, CodeArray, ScoreArray
from features.interactions import EventName
from features.tables import EVENT_NAMES
from training.recommenders.baskets import basket_matrix
from training.recommenders.co_purchase import CoPurchaseConfig, complement_relation
from training.recommenders.observed import ItemEvents, Observed
from training.recommenders.relations import RelationModel, summed
from training.recommenders.top_k import Eligible, top_k_sparse


class OpenCartConfig(CoPurchaseConfig):
    """Which events fill and empty a cart, and how long it stays open."""

    kind: Literal["open_cart"] = "open_cart"

    weights: dict[EventName, Annotated[float, Field(ge=0)]] = Field(
        default={"cart_add": 1.0, "cart_remove": 1.0, "purchase": 1.0}
    )
    """Events looked at; how much they weigh does not matter here. They must hold the three kinds below."""

    fills: tuple[EventName, ...] = Field(default=("cart_add",), min_length=1)
    """Events that put an item into the cart."""

    empties: tuple[EventName, ...] = ("cart_remove", "purchase")
    """Events that take an item out of the cart."""

    bought: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """Events whose baskets say what goes together."""

    window_days: float = Field(default=30.0, gt=0)
    """An item put into the cart longer ago is no longer in it."""

    minimum_lift: float = Field(default=1.2, ge=1)
    """As for complements."""

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        both = sorted({*self.fills} & {*self.empties})
        if both:
            raise ValueError(f"{both} cannot both fill and empty the cart")
        looked_at = {name for name, weight in self.weights.items() if weight > 0}
        blind = sorted({*self.fills, *self.empties, *self.bought} - looked_at)
        if blind:
            raise ValueError(f"{blind} need a weight above 0 to be looked at")
        return self


class OpenCart(RelationModel[OpenCartConfig]):
    """Cart items score 1 + 1 / rank by recency; complements score s / (1 + s), s the sum of their relation to the cart.

    So every cart item comes before every complement. Substitutes of cart items are never complements.
    """

    config_type = OpenCartConfig

    def _fit(self, observed: Observed) -> None:
        config = self.config
        bought = observed.events.of(_named(observed.events, config.bought))
        baskets = basket_matrix(bought, gap_days=config.gap_days, n_items=observed.n_items)
        self._relation = complement_relation(baskets, config, minimum_lift=config.minimum_lift)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        cart = self._cart(observed)
        held = cart.copy()
        held.data[:] = 1
        goes_with = (held @ self._relation).tocsr()
        goes_with.data /= 1 + goes_with.data
        goes_with = goes_with - goes_with.multiply(held)
        return top_k_sparse(sp.csr_matrix(cart + goes_with), k=k, eligible=eligible)

    def _cart(self, observed: Observed) -> sp.csr_matrix:
        """Scores of the items in each row's cart."""
        events = observed.events
        moves = events.of(_named(events, (*self.config.fills, *self.config.empties)))
        position, _ = moves.newest_first()
        inside = _named(moves, self.config.fills) & (moves.age_days <= self.config.window_days)
        position = position[inside[position]]
        row = moves.rows()[position]
        rank = np.arange(len(row)) - np.searchsorted(row, row) + 1
        shape = (len(observed), observed.n_items)
        return summed(1 + 1 / rank, row, moves.item[position], shape=shape)


def _named(events: ItemEvents, names: tuple[str, ...]) -> BoolArray:
    return np.isin(events.event, [EVENT_NAMES.index(name) for name in names])
