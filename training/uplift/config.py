"""The config of an uplift training: where the rows come from, what is learned, how it is judged."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from training.uplift.base import OutcomeKind
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import BaseModelConfig
from training.uplift.learners.registry import UpliftLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig

ArmName = str | int
"""An arm as the file spells it; 1 and '1' are the same arm."""

Outcomes = Annotated[dict[str, OutcomeKind], Field(min_length=1)]


class ArmsConfig(BaseConfig):
    """Which arm is the control, and which are compared with it."""

    control: ArmName
    """The arm that is not treated."""

    treated: list[ArmName] = Field(min_length=1)
    """Treated arms; each gets its own model against the control. Rows of other arms are set aside and counted."""

    @property
    def arms(self) -> tuple[str, ...]:
        """Arm names, control first."""
        return (str(self.control), *(str(arm) for arm in self.treated))

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"control and treated arms must differ, got {list(self.arms)}")
        return self


class FlatTableData(ArmsConfig):
    """Rows of any CSV or Parquet file: one row per assigned unit."""

    kind: Literal["flat_table"]

    path: str
    """The file; a relative path starts at the config file's folder."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    """Field separator of a CSV."""

    treatment: str
    """Column with the assigned arm."""

    outcomes: Outcomes
    """Outcome columns: binary (0 or 1) or continuous."""

    features: list[str] | None = None
    """Feature columns, known before assignment. Either this or `exclude`."""

    exclude: list[str] | None = None
    """Columns that are no features; all others are. List everything measured after assignment here."""

    probability: float | str | dict[str, float]
    """Known assignment probability: one number (of each treated arm; the control has the rest), a share per arm
    (scaled to sum to 1), or the name of a column that holds the probability of the arm the row got."""

    group: str | None = None
    """Column of the person where persons have several rows; intervals and folds then go by person."""

    post_treatment: tuple[str, ...] = ()
    """Columns measured after assignment: never features. Naming one as a feature is an error."""

    randomised: bool = True
    """False: the probabilities are estimated, and no figure is called lift."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    """Stop when a larger share of the rows is refused."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.features is None) == (self.exclude is None):
            raise ValueError(
                "give either 'features' or 'exclude', so that no outcome slips in as a feature"
            )
        taken = [self.treatment, *self.outcomes, *([self.group] if self.group else [])]
        if isinstance(self.probability, str):
            taken.append(self.probability)
        late = sorted(set(self.post_treatment) & set(self.features or []))
        if late:
            raise ValueError(f"{late} cannot be a feature: it is measured after assignment")
        both = sorted(set(taken) & set(self.features or []))
        if both:
            raise ValueError(
                f"{both} cannot be a feature: it is treatment, outcome, probability or group"
            )
        if isinstance(self.probability, dict):
            if set(self.probability) != set(self.arms) or min(self.probability.values()) <= 0:
                raise ValueError(
                    f"'probability' needs one positive share for each of {list(self.arms)}"
                )
        elif isinstance(self.probability, float):
            rest = 1 - self.probability * len(self.treated)
            if not (self.probability > 0 and rest > 0):
                raise ValueError(
                    "'probability' of the treated arms together must lie between 0 and 1"
                )
        return self


class HistoriesData(ArmsConfig):
    """Rows of a randomised campaign on the project's own histories: one row per person and assignment."""

    kind: Literal["histories"]

    experiment: str
    """Experiment id in the assignments table."""

    outcomes: Outcomes
    """Columns of the outcomes table: binary (0 or 1) or continuous."""

    control: ArmName = "control"
    treated: list[ArmName] = Field(default=["treated"], min_length=1)
    randomised: Literal[True] = True


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

    learner: UpliftLearnerConfig = TLearnerConfig()

    evaluation_model: BaseModelConfig = BoostedConfig()
    """Outcome model behind the doubly robust scores of the evaluation; a poor one costs width, not truth."""

    split: Annotated[RandomSplit | LastWeeksSplit, Field(discriminator="kind")] = RandomSplit()

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
        if self.repeats > 1 and self.split.kind != "random":
            raise ValueError("'repeats' needs 'split.kind: random'")
        return self
