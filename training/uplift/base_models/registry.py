"""Every base model by its `kind`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from features.arrays import FloatArray
from training.uplift.base_models.base import BaseModel, Trainer
from training.uplift.base_models.boosted import BoostedConfig, BoostedModel, BoostedTrainer
from training.uplift.base_models.honest_forest import HonestForestConfig, HonestForestTrainer
from training.uplift.base_models.linear import LinearConfig, LinearModel, LinearTrainer

AnyBaseConfig = BoostedConfig | LinearConfig | HonestForestConfig

BaseModelConfig = Annotated[AnyBaseConfig, Field(discriminator="kind")]


def trainer(
    config: AnyBaseConfig,
    matrix: FloatArray,
    *,
    categorical: Sequence[int],
    modifier: int | None = None,
    monotone: Sequence[int] = (),
    shared: Trainer | None = None,
) -> Trainer:
    """A trainer over the rows of `matrix`.

    Args:
        config: settings of the base model.
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        categorical: matrix columns that hold codes of text levels.
        modifier: matrix column whose effect may differ by every other column; trees find that by themselves.
        monotone: per matrix column +1 where predictions may only rise with it, -1 only fall, 0 either; () = all 0.
        shared: a trainer over the same rows, whose bins are taken over where both are boosted and nothing is monotone.
    """
    if isinstance(config, LinearConfig):
        return LinearTrainer(
            matrix, categorical=categorical, config=config, modifier=modifier, monotone=monotone
        )
    if isinstance(config, HonestForestConfig):
        if any(monotone):
            raise ValueError("an honest forest has no monotone constraints")
        return HonestForestTrainer(matrix, categorical=categorical, config=config)
    bins = shared if isinstance(shared, BoostedTrainer) else None
    return BoostedTrainer(
        matrix, categorical=categorical, config=config, monotone=monotone, shared=bins
    )


def file_name(name: str, config: AnyBaseConfig) -> str:
    """Name of the file a model of that config is kept in."""
    return f"{name}.json" if isinstance(config, LinearConfig) else f"{name}.txt"


def model_from_text(text: str, *, name: str, config: AnyBaseConfig) -> BaseModel:
    """A fitted base model from its text file.

    Raises:
        InputError: the text is not a model of that kind.
    """
    if isinstance(config, LinearConfig):
        return LinearModel.from_text(text, name=name)
    return BoostedModel.from_text(text, name=name, n_jobs=config.n_jobs)
