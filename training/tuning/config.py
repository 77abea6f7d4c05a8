"""The config of a tuning: which training, what may be chosen, and how many trials each entry gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from features.config import BaseConfig, load_config, read_yaml, validate, with_overrides
from features.errors import ConfigError
from training.flat_recommender.config import FlatRecommenderConfig
from training.project_recommender.config import RecommenderTrainingConfig
from training.recommenders.registry import RecommenderConfig
from training.search.space import KIND, EntryName, SearchSpace, read_search_space
from training.uplift.config import UpliftTrainingConfig
from training.uplift.learners.registry import UpliftLearnerConfig

TrainingConfig = RecommenderTrainingConfig | FlatRecommenderConfig | UpliftTrainingConfig

_TRAINING: Final = "training."
_TRAININGS: Final[dict[str, type[TrainingConfig]]] = {
    "recommender": RecommenderTrainingConfig,
    "flat_recommender": FlatRecommenderConfig,
    "uplift": UpliftTrainingConfig,
}


class TuneConfig(BaseConfig):
    """What is tuned, and within which budget."""

    kind: Literal["tune"]

    training: str
    """Config of the training, beside this file: data, windows, metric. What its models are set to does not matter."""

    overrides: tuple[str, ...] = ()
    """Keys of it that are different here, each key=value."""

    trials: int = Field(default=20, ge=1)
    """Settings tried per entry of the search space; the same for all, so that none wins by being tuned harder."""

    parts: int = Field(default=5, ge=2)
    """Parts of the data a setting is tried on, one after the other: inner splits of a table, blocks of held-out sessions,
    folds of an uplift training. The parts of a project's recommender are its validation weeks."""

    random_trials: int = Field(default=8, ge=1)
    """So many trials of an entry are drawn at random before the sampler learns from them."""

    pruned_after: int = Field(default=5, ge=1)
    """So many trials of an entry run to their end before others are stopped at a part where they are below the median."""

    seed: int = Field(default=0, ge=0)
    """Seed of the suggestions."""

    search_space: dict[EntryName, dict[str, Any]] = Field(min_length=1)
    """Entries, usually called like the kind of model they set: key -> {low, high, log, step}, {choices}, or a fixed value."""


class RecommenderEntry(BaseConfig):
    """One recommender; its errors name the key of the search space."""

    search_space: RecommenderConfig


class LearnerEntry(BaseConfig):
    """One uplift learner; its errors name the key of the search space."""

    search_space: UpliftLearnerConfig


@dataclass(frozen=True)
class TuningPlan:
    """A checked tuning.

    Attributes:
        config: the tuning.
        training: the training, set to some point of the search space.
        content: the training's config file with the overrides.
        spaces: the search space, entry by entry.
        path: config file of the tuning.
    """

    config: TuneConfig
    training: TrainingConfig
    content: Mapping[str, Any]
    spaces: tuple[SearchSpace[Any], ...]
    path: Path

    @property
    def folder(self) -> Path:
        return self.path.parent

    def chosen_content(
        self, chosen: Mapping[str, Mapping[str, Any]], champion: str
    ) -> dict[str, Any]:
        """The training's config file with the chosen settings: of every recommender, or of the best uplift learner."""
        return _with_settings(self.content, chosen, champion)

    def chosen_training(
        self, chosen: Mapping[str, Mapping[str, Any]], champion: str
    ) -> TrainingConfig:
        """The same, typed."""
        return validate(
            type(self.training), self.chosen_content(chosen, champion), subject=str(self.path)
        )


def load_tuning(path: Path, overrides: Sequence[str] = ()) -> TuningPlan:
    """Read and check a tuning, its training and its search space.

    Args:
        path: the tuning's config file.
        overrides: `key=value`; those that start with `training.` are for the training's config.

    Raises:
        ConfigError: a file is missing, or a key of one is wrong; every end of every range is tried out.
    """
    own = [text for text in overrides if not text.startswith(_TRAINING)]
    config = load_config(TuneConfig, path, overrides=own)
    others = [text.removeprefix(_TRAINING) for text in overrides if text not in own]
    training_path = path.parent / config.training
    content = with_overrides(read_yaml(training_path), [*config.overrides, *others])
    model = _model(content, training_path)

    def typed(setting: Mapping[str, Any]) -> BaseConfig:
        entry = {"search_space": setting}
        if model is UpliftTrainingConfig:
            return validate(LearnerEntry, entry, subject=str(path)).search_space
        return validate(RecommenderEntry, entry, subject=str(path)).search_space

    spaces = tuple(
        read_search_space(name, declared, build=typed, subject=f"{path}: search_space.{name}")
        for name, declared in config.search_space.items()
    )
    points = {space.name: space.point() for space in spaces}
    training = validate(model, _with_settings(content, points, spaces[0].name), subject=str(path))
    return TuningPlan(config, training, content, spaces, path)


def _model(content: Mapping[str, Any], path: Path) -> type[TrainingConfig]:
    kind = content.get(KIND)
    if kind not in _TRAININGS:
        raise ConfigError(
            str(path),
            f"'kind' is {kind!r}",
            rule=f"what can be tuned has kind: {', '.join(_TRAININGS)}",
            next_step="Name the config of a training in 'training'.",
        )
    return _TRAININGS[kind]


def _with_settings(
    content: Mapping[str, Any], settings: Mapping[str, Mapping[str, Any]], champion: str
) -> dict[str, Any]:
    if content[KIND] == "uplift":
        own: dict[str, Any] = {"learner": settings[champion]}
    else:
        own = {"trials": 1, "candidates": list(settings.values())}
    return {KIND: content[KIND], **content, **own}
