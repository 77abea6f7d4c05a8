"""The config of an uplift training: what is learned from which rows, and how it is judged."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import BaseModelConfig
from training.uplift.data_config import ArmName, FlatTableData, HistoriesData
from training.uplift.learners.registry import UpliftLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.monotone import Direction
from training.uplift.tuned_config import TunedConfig


class RandomSplit(BaseConfig):
    """Rows drawn at random, stratified by arm and outcome; whole persons where persons have several rows."""

    kind: Literal["random"] = "random"

    test_share: float = Field(default=0.5, gt=0, lt=1)
    """Share of the rows kept for the evaluation."""

    seed: int = Field(default=0, ge=0)
    """Seed of the draw."""


class LastWeeksSplit(BaseConfig):
    """The assignments of the last weeks are the test."""

    kind: Literal["last_weeks"]

    test_weeks: int = Field(default=4, ge=1)
    """Assignments later than the last one minus this many weeks are the test."""

    outcome_days: int = Field(default=7, ge=0)
    """Length of the outcome window; training rows whose window reaches into the test weeks are left out."""


class ColumnSplit(BaseConfig):
    """A column of the file says which rows learn and which judge; rows with another value do neither."""

    kind: Literal["column"]

    column: str
    """Column with the part of each row."""

    train: ArmName = "train"
    """Its value for rows to learn from."""

    test: ArmName = "test"
    """Its value for rows to judge on."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if str(self.train) == str(self.test):
            raise ValueError(f"'train' and 'test' must differ, got '{self.train}' twice")
        return self


Split = Annotated[RandomSplit | LastWeeksSplit | ColumnSplit, Field(discriminator="kind")]


class Economics(BaseConfig):
    """What an outcome is worth and what a contact costs: turns effects into money."""

    value: float = Field(gt=0)
    """Money that one unit of the target outcome is worth."""

    cost: float = Field(ge=0)
    """Money that treating one row costs, whatever it does."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """ISO 4217 code."""


class UpliftTrainingConfig(BaseConfig):
    """One uplift training: a model per treated arm, judged on rows it has not seen."""

    kind: Literal["uplift"]

    workspace: str = "../../workspace/uplift"
    """Output folder; a relative path starts at the config file's folder."""

    data: Annotated[FlatTableData | HistoriesData, Field(discriminator="kind")]

    target: str
    """The outcome the models learn and are judged on."""

    learner: Annotated[UpliftLearnerConfig | TunedConfig, Field(discriminator="kind")] = (
        TLearnerConfig()
    )

    learning_cap: float | None = Field(default=None, gt=0)
    """Larger outcomes count as this when a model learns, for heavy tails such as money; averages and evaluation keep them
    whole. None = no cap."""

    monotone: dict[str, Direction] = Field(default_factory=dict)
    """Features with which predicted uplift may only rise (`increasing`) or only fall (`decreasing`)."""

    evaluation_model: BaseModelConfig = BoostedConfig()
    """Outcome model behind the doubly robust scores of the evaluation; a poor one costs width, not truth."""

    split: Split = RandomSplit()

    n_folds: int = Field(default=5, ge=2, le=50)
    """Folds of the outcome models behind the evaluation scores."""

    n_bins: int = Field(default=10, ge=2, le=100)
    """Score bins of the uplift table and of the treated-share check."""

    repeats: int = Field(default=1, ge=1, le=200)
    """Random splits to repeat the evaluation on, with the seeds that follow the split's; the bundle is that of the first."""

    economics: Economics | None = None
    """Given: rules and shares are valued in money."""

    min_arm_rows: int = Field(default=100, ge=2)
    """Fewest rows of an arm in the train part and in the test part."""

    refit: bool = False
    """True: the bundle holds a model fitted again on all rows, train and test. False: the model that was evaluated."""

    @model_validator(mode="after")
    def _target_is_an_outcome(self) -> Self:
        if self.target not in self.data.outcomes:
            raise ValueError(f"'target' must be one of the outcomes {sorted(self.data.outcomes)}")
        if (self.split.kind, self.data.kind) == ("last_weeks", "flat_table"):
            raise ValueError("'split: last_weeks' needs 'data.kind: histories'")
        if (self.split.kind, self.data.kind) == ("column", "histories"):
            raise ValueError("'split: column' needs 'data.kind: flat_table'")
        if isinstance(self.split, ColumnSplit) and self.split.column in self._spoken_for():
            raise ValueError(
                f"'{self.split.column}' cannot be the split: it is a feature, treatment, outcome, probability or group"
            )
        if self.learning_cap is not None and self.data.outcomes[self.target] == "binary":
            raise ValueError("'learning_cap' is for continuous targets: a binary one has no tail")
        if self.monotone and not self.learner.keeps_monotone:
            raise ValueError(
                f"'monotone' cannot be kept by '{self.learner.kind}' with these base models. Use auto or tuned, or x_learner, "
                "r_learner or dr_learner with a lightgbm or linear effect, or class_transformation with a lightgbm base"
            )
        if self.repeats > 1 and self.split.kind != "random":
            raise ValueError("'repeats' needs 'split.kind: random'")
        return self

    def _spoken_for(self) -> set[str]:
        data = self.data
        return data.roles | set(data.features or []) if isinstance(data, FlatTableData) else set()
