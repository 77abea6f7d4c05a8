"""What every uplift learner can do: fit on rows with a known assignment, score new rows, live in text files."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Generic, Self, TypeVar

from features.arrays import FloatArray
from features.config import BaseConfig
from features.errors import InputError
from features.run import to_json
from training.uplift.base import TrialRows
from training.uplift.base_models.base import BaseModel
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.honest_forest import HonestForestConfig
from training.uplift.base_models.registry import (
    AnyBaseConfig,
    BaseModelConfig,
    file_name,
    model_from_text,
)

NUMBERS: Final = "numbers.json"


class LearnerConfig(BaseConfig):
    """Settings every learner has."""

    kind: str

    base: BaseModelConfig = BoostedConfig()
    """Model of the outcome."""

    @property
    def keeps_monotone(self) -> bool:
        """Whether the uplift itself can be held monotone: it is one model, or a mean of models, not a difference."""
        return False


class TwoStageConfig(LearnerConfig):
    """Settings of learners that first model the outcome, then the effect."""

    effect: BaseModelConfig = BoostedConfig(n_trees=40, n_leaves=4, min_child_rows=500)
    """Model of the effect."""

    @property
    def keeps_monotone(self) -> bool:
        """The effect has models of its own; a forest of honest trees has no constraints."""
        return not isinstance(self.effect, HonestForestConfig)


ConfigT = TypeVar("ConfigT", bound=BaseConfig)


class UpliftLearner(ABC, Generic[ConfigT]):
    """A fitted learner of E[Y(1) - Y(0) | X]. Rows are a matrix of encoded features, NaN = missing.

    Invariants: a row's prediction depends on no other row; the same rows and config give the same model; the names of
    the arms are all that decides the sign.
    """

    config_type: ClassVar[type[BaseConfig]]

    @classmethod
    @abstractmethod
    def fit(cls, rows: TrialRows, config: ConfigT) -> Self:
        """Fit on rows of one contrast.

        Raises:
            InputError: an arm without rows, or too few for the folds.
        """

    @abstractmethod
    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,), in units of the outcome per unit."""

    @abstractmethod
    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,)."""

    @abstractmethod
    def texts(self) -> dict[str, str]:
        """The model as native text files, by file name."""

    @classmethod
    @abstractmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: ConfigT) -> Self:
        """The inverse of `texts`; other files are ignored.

        Raises:
            InputError: a file is missing or damaged.
        """


LearnerConfigT = TypeVar("LearnerConfigT", bound=LearnerConfig)


@dataclass(frozen=True, eq=False)
class ComposedLearner(UpliftLearner[LearnerConfigT]):
    """A learner made of named base models and a few numbers. Children say which, how to fit and how to combine them.

    Attributes:
        config: what it was fitted with.
        models: fitted base models by name; `parts` lists the names.
        numbers: whatever else the prediction needs.
    """

    outcome_models: ClassVar[tuple[str, ...]]
    effect_models: ClassVar[tuple[str, ...]] = ()

    config: LearnerConfigT
    models: Mapping[str, BaseModel]
    numbers: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def parts(cls, config: LearnerConfigT) -> dict[str, AnyBaseConfig]:
        """Name and config of every base model."""
        parts: dict[str, AnyBaseConfig] = dict.fromkeys(cls.outcome_models, config.base)
        if isinstance(config, TwoStageConfig):
            parts |= dict.fromkeys(cls.effect_models, config.effect)
        return parts

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,)."""
        return self.models["control"].predict(matrix)

    def texts(self) -> dict[str, str]:
        """Each base model as a text file, and the numbers as JSON."""
        files = {
            file_name(name, config): self.models[name].text()
            for name, config in self.parts(self.config).items()
        }
        return {**files, NUMBERS: to_json(self.numbers)} if self.numbers else files

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: LearnerConfigT) -> Self:
        """The inverse of `texts`."""
        models = {}
        for name, base in cls.parts(config).items():
            file = file_name(name, base)
            models[name] = model_from_text(_file(texts, file), name=file, config=base)
        numbers = json.loads(texts[NUMBERS]) if NUMBERS in texts else {}
        return cls(config, models, numbers)


def _file(texts: Mapping[str, str], name: str) -> str:
    if name not in texts:
        raise InputError(
            name,
            "is missing from the model",
            rule="a learner is loaded with all its files",
            next_step="Train the model again.",
        )
    return texts[name]


def require_both_arms(rows: TrialRows) -> None:
    """Refuse rows of one arm only.

    Raises:
        InputError: an arm has no row.
    """
    for arm, inside in (("treated", rows.treated), ("control", ~rows.treated)):
        if not inside.any():
            raise InputError(
                "training rows",
                f"the {arm} arm has no row",
                rule="a learner compares two arms",
                next_step="Check the arm names, or use more data.",
            )
