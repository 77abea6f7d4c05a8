"""The learner whose settings are found by trials: what may be chosen, and how many settings are tried."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig, validate
from training.search.space import EntryName, SearchSpace, read_search_space
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import BaseModelConfig
from training.uplift.learners.auto import with_threads
from training.uplift.learners.simple import SimpleConfig

_BOOSTER: Final = {
    "n_trees": {"low": 10, "high": 200, "log": True},
    "n_leaves": {"low": 2, "high": 15, "log": True},
    "min_child_rows": {"low": 100, "high": 2_000, "log": True},
}
_PENALTY: Final = {"low": 10, "high": 100_000, "log": True}
_LINEAR: Final = {"kind": "linear", "penalty": 100}
_BOOSTED: Final = {"kind": "lightgbm"}

DEFAULT_SEARCH_SPACE: Final[Mapping[str, Mapping[str, Any]]] = {
    "t_linear": {"kind": "t_learner", "base": {"kind": "linear"}, "base.penalty": _PENALTY},
    "t_boosted": {
        "kind": "t_learner",
        "base": _BOOSTED,
        **{f"base.{key}": value for key, value in _BOOSTER.items()},
    },
    "s_boosted": {
        "kind": "s_learner",
        "base": _BOOSTED,
        **{f"base.{key}": value for key, value in _BOOSTER.items()},
    },
    "x_boosted": {
        "kind": "x_learner",
        "base": _LINEAR,
        "effect": _BOOSTED,
        **{f"effect.{key}": value for key, value in _BOOSTER.items()},
    },
    "dr_linear": {
        "kind": "dr_learner",
        "base": _LINEAR,
        "effect": {"kind": "linear"},
        "effect.penalty": _PENALTY,
    },
}
"""Linear and boosted base models, trees from stumps to deep ones: who is right depends on the data."""


class SearchedLearner(BaseConfig):
    """One learner; its errors name the key of the search space."""

    search_space: SimpleConfig


class TunedConfig(BaseConfig):
    """Learners and settings chosen by trials inside the training rows; the best setting of each entry of the search space
    then becomes a candidate of `auto`, which combines, shrinks and recalibrates them. One entry = one tuned learner.
    """

    kind: Literal["tuned"]

    trials: int = Field(default=15, ge=1)
    """Settings tried per entry; the same for all, so that none wins by being tuned harder."""

    search_space: dict[EntryName, dict[str, Any]] = Field(
        default={name: dict(entry) for name, entry in DEFAULT_SEARCH_SPACE.items()}, min_length=1
    )
    """Entries: key -> {low, high, log, step}, {choices}, or a fixed value, as in a tune.yaml."""

    outcome: BaseModelConfig = BoostedConfig()
    """Model of the outcome behind the doubly robust scores."""

    n_folds: int = Field(default=5, ge=2, le=50)
    """Folds of the training rows; a setting that falls behind after some of them is not tried on the rest."""

    seed: int = Field(default=0, ge=0)
    """Seed of the folds and of the suggestions."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads of every boosted model, in place of what the search space says."""

    @property
    def keeps_monotone(self) -> bool:
        """Whether any entry does; only those are then tried."""
        return any(entry_keeps_monotone(space) for space in self.spaces())

    @model_validator(mode="after")
    def _every_end_of_every_range_is_valid(self) -> Self:
        self.spaces()
        return self

    def spaces(self) -> tuple[SearchSpace[SimpleConfig], ...]:
        """The search space, entry by entry, by name.

        Raises:
            ConfigError: an entry names no learner, or a range or choice does not fit it.
        """
        return tuple(
            read_search_space(
                name, content, build=partial(self._typed, name), subject=_subject(name)
            )
            for name, content in sorted(self.search_space.items())
        )

    def _typed(self, name: str, setting: Mapping[str, Any]) -> SimpleConfig:
        entry = validate(SearchedLearner, {"search_space": setting}, subject=_subject(name))
        return with_threads(entry.search_space, self.n_jobs)


def entry_keeps_monotone(space: SearchSpace[SimpleConfig]) -> bool:
    """Whether every setting of an entry can hold its uplift monotone."""
    return all(config.keeps_monotone for config in space.corners())


def _subject(entry: str) -> str:
    return f"learner.search_space.{entry}"
