"""Every recommender by its `kind`: those that stand alone, and the blend of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from features.errors import InputError
from training.bundle import read_bundle
from training.recommenders.base import Recommender
from training.recommenders.blend import Blend, BlendConfig
from training.recommenders.single import SINGLE_RECOMMENDERS, AnySingleConfig

RecommenderConfig = Annotated[AnySingleConfig | BlendConfig, Field(discriminator="kind")]

RECOMMENDERS: Final[dict[str, type[Recommender[Any]]]] = {**SINGLE_RECOMMENDERS, "blend": Blend}


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
