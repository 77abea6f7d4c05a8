"""Every recommender that stands alone, by its `kind`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from training.recommenders.als import Als, AlsConfig
from training.recommenders.base import Recommender
from training.recommenders.basket_share import BasketShare, BasketShareConfig
from training.recommenders.bpr import Bpr, BprConfig
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.category_best_sellers import (
    CategoryBestSellers,
    CategoryBestSellersConfig,
)
from training.recommenders.co_purchase import (
    Complements,
    ComplementsConfig,
    Substitutes,
    SubstitutesConfig,
)
from training.recommenders.content import Content, ContentConfig
from training.recommenders.ease import Ease, EaseConfig
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.recommenders.last_viewed import LastViewed, LastViewedConfig
from training.recommenders.next_basket import NextBasket, NextBasketConfig
from training.recommenders.open_cart import OpenCart, OpenCartConfig
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.recommenders.reminders import Reminders, RemindersConfig
from training.recommenders.sequential_rules import SequentialRules, SequentialRulesConfig
from training.recommenders.session_neighbours import SessionNeighbours, SessionNeighboursConfig

AnySingleConfig = (
    RecentPopularConfig
    | LastViewedConfig
    | OpenCartConfig
    | CategoryBestSellersConfig
    | BuyAgainConfig
    | RemindersConfig
    | BasketShareConfig
    | NextBasketConfig
    | ItemNeighboursConfig
    | SessionNeighboursConfig
    | SequentialRulesConfig
    | ComplementsConfig
    | SubstitutesConfig
    | ContentConfig
    | AlsConfig
    | BprConfig
    | EaseConfig
)

SingleConfig = Annotated[AnySingleConfig, Field(discriminator="kind")]

SINGLE_RECOMMENDERS: Final[dict[str, type[Recommender[Any]]]] = {
    "recent_popular": RecentPopular,
    "last_viewed": LastViewed,
    "open_cart": OpenCart,
    "category_best_sellers": CategoryBestSellers,
    "buy_again": BuyAgain,
    "reminders": Reminders,
    "basket_share": BasketShare,
    "next_basket": NextBasket,
    "item_neighbours": ItemNeighbours,
    "session_neighbours": SessionNeighbours,
    "sequential_rules": SequentialRules,
    "complements": Complements,
    "substitutes": Substitutes,
    "content": Content,
    "als": Als,
    "bpr": Bpr,
    "ease": Ease,
}


def build_single(config: AnySingleConfig) -> Recommender[Any]:
    """An unfitted model for a config."""
    return SINGLE_RECOMMENDERS[config.kind](config)
