"""Every recommender by its `kind`: those that stand alone, and the blend of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field

from features.errors import InputError
from training.bundle import read_bundle
from training.recommenders.base import Recommender
from training.recommenders.blend import Blend, BlendConfig
from training.recommenders.single import SINGLE_RECOMMENDERS, AnySingleConfig
from training.recommenders.two_stage import TwoStage, TwoStageConfig

RecommenderConfig = Annotated[
    AnySingleConfig | BlendConfig | TwoStageConfig, Field(discriminator="kind")
]

RECOMMENDERS: Final[dict[str, type[Recommender[Any]]]] = {
    **SINGLE_RECOMMENDERS,
    "blend": Blend,
    "two_stage": TwoStage,
}

_INNER: Final = {"blend": "members", "two_stage": "sources"}
"""Where a config holds models of its own."""


def build(config: RecommenderConfig) -> Recommender[Any]:
    """An unfitted model for a config."""
    return RECOMMENDERS[config.kind](config)


def with_interactions(
    config: RecommenderConfig, *, weights: Mapping[str, float] | None, half_life_days: float | None
) -> RecommenderConfig:
    """A config with shared event weights and half-life where it names none; so for the models inside it."""
    shared = {"weights": weights, "half_life_days": half_life_days}
    own = {
        name: value
        for name, value in shared.items()
        if value is not None and name not in config.model_fields_set
    }
    changed = config.model_copy(update=own)
    if config.kind not in _INNER:
        return changed
    parts = getattr(changed, _INNER[config.kind])
    inner = tuple(
        part.model_copy(
            update={
                "model": with_interactions(
                    part.model, weights=weights, half_life_days=half_life_days
                )
            }
        )
        for part in parts
    )
    return changed.model_copy(update={_INNER[config.kind]: inner})


def require_equal_trials(candidates: Sequence[RecommenderConfig], *, trials: int) -> None:
    """Check that every kind of model has the same number of candidates, all different.

    Raises:
        ValueError: naming the kind, or the candidate that repeats an earlier one.
    """
    kinds = [candidate.kind for candidate in candidates]
    for kind in dict.fromkeys(kinds):
        if kinds.count(kind) != trials:
            raise ValueError(
                f"{kinds.count(kind)} candidates of kind '{kind}', but trials is {trials}; "
                "every kind needs the same number"
            )
    for position, candidate in enumerate(candidates):
        if candidate in candidates[:position]:
            raise ValueError(f"candidate {position + 1} repeats an earlier one")


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
