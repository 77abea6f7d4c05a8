"""Every recommender by its `kind`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from features.errors import InputError
from training.bundle import read_bundle
from training.recommenders.als import Als, AlsConfig
from training.recommenders.base import Recommender
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig

RecommenderConfig = Annotated[
    RecentPopularConfig | BuyAgainConfig | ItemNeighboursConfig | AlsConfig,
    Field(discriminator="kind"),
]

RECOMMENDERS: Final[dict[str, type[Recommender[Any]]]] = {
    "recent_popular": RecentPopular,
    "buy_again": BuyAgain,
    "item_neighbours": ItemNeighbours,
    "als": Als,
}


def build(config: RecommenderConfig) -> Recommender[Any]:
    """An unfitted model for a config."""
    return RECOMMENDERS[config.kind](config)


def load(folder: Path) -> Recommender[Any]:
    """A fitted model from its bundle.

    Raises:
        InputError: not an intact bundle, or of a kind that is no recommender.
    """
    kind = read_bundle(folder).kind
    if kind not in RECOMMENDERS:
        raise InputError(
            str(folder),
            f"holds a model of kind '{kind}'",
            rule=f"recommenders are {', '.join(sorted(RECOMMENDERS))}",
            next_step="Check which bundle the folder holds.",
        )
    return RECOMMENDERS[kind].load(folder)
