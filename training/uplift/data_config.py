"""Where the rows of an uplift training come from, and what is known of their assignment."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from training.uplift.base import Design, OutcomeKind
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.registry import BaseModelConfig

ESTIMATE: Final = "estimate"
"""In place of a known probability: it is estimated from the features."""

ArmName = str | int
"""An arm as the file spells it; 1 and '1' are the same arm."""

Outcomes = Annotated[dict[str, OutcomeKind], Field(min_length=1)]


class ArmsConfig(BaseConfig):
    """Which arm is the control, and which are compared with it."""

    control: ArmName
    """The arm that is not treated."""

    treated: list[ArmName] = Field(min_length=1)
    """Treated arms; each gets its own model against the control. Rows of other arms are set aside and counted."""

    observational: bool = False
    """True: no lot was drawn. Probabilities may then be estimated from the features, and every output says so."""

    @property
    def design(self) -> Design:
        """What the figures rest on."""
        return "observational" if self.observational else "randomised"

    @property
    def arms(self) -> tuple[str, ...]:
        """Arm names, control first."""
        return (str(self.control), *(str(arm) for arm in self.treated))

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.arms)) < len(self.arms):
            raise ValueError(f"control and treated arms must differ, got {list(self.arms)}")
        return self


class PropensityConfig(BaseConfig):
    """How assignment probabilities are estimated where nobody knows them."""

    model: BaseModelConfig = BoostedConfig(n_trees=100)
    """Model of the assignment given the features."""

    n_folds: int = Field(default=5, ge=2, le=50)
    """Folds: a row's probability comes from models that have not seen it."""

    clip: float = Field(default=0.02, gt=0, lt=0.5)
    """Probabilities below this, and above 1 minus this, are set to it; the share of such rows is reported."""

    seed: int = Field(default=0, ge=0)
    """Seed of the folds."""


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

    probability: float | str | dict[str, float] | None = Field(default=None, validate_default=True)
    """Known assignment probability: one number (of each treated arm; the control has the rest), a share per arm
    (scaled to sum to 1), or the name of a column that holds the probability of the arm the row got. Observational data
    have `estimate`, or such a column."""

    propensity: PropensityConfig = PropensityConfig()
    """How probabilities are estimated."""

    group: str | None = None
    """Column of the person where persons have several rows; intervals and folds then go by person."""

    post_treatment: tuple[str, ...] = ()
    """Columns measured after assignment: never features. Naming one as a feature is an error."""

    max_reject_share: float = Field(default=0.05, ge=0, le=1)
    """Stop when a larger share of the rows is refused."""

    @property
    def estimated(self) -> bool:
        """Whether the probabilities are estimated from the features."""
        return self.probability == ESTIMATE

    @property
    def shares(self) -> list[float] | None:
        """Known share of each arm, control first, not scaled; None where a column holds it or it is estimated."""
        if isinstance(self.probability, dict):
            return [self.probability[name] for name in self.arms]
        if isinstance(self.probability, float):
            rest = 1 - self.probability * len(self.treated)
            return [rest, *[self.probability] * len(self.treated)]
        return None

    @model_validator(mode="after")
    def _features_are_known_before(self) -> Self:
        if (self.features is None) == (self.exclude is None):
            raise ValueError(
                "give either 'features' or 'exclude', so that no outcome slips in as a feature"
            )
        late = sorted(set(self.post_treatment) & set(self.features or []))
        if late:
            raise ValueError(f"{late} cannot be a feature: it is measured after assignment")
        both = sorted(self.roles & set(self.features or []))
        if both:
            raise ValueError(
                f"{both} cannot be a feature: it is treatment, outcome, probability or group"
            )
        return self

    @property
    def roles(self) -> set[str]:
        """Columns that are treatment, outcome, probability or group."""
        column = isinstance(self.probability, str) and not self.estimated
        named = [self.treatment, *self.outcomes, self.group, self.probability if column else None]
        return {str(name) for name in named if name is not None}

    @model_validator(mode="after")
    def _assignment_is_known_or_declared(self) -> Self:
        if self.probability is None:
            raise ValueError(
                "'probability' is missing: a randomised test has a known one (a number, a share per arm or a column); "
                "for anything else say 'observational: true' and 'probability: estimate'"
            )
        if self.estimated and not self.observational:
            raise ValueError(
                "'probability: estimate' needs 'observational: true': in a randomised test the probability is known, "
                "and without one no result may be read as a measured effect"
            )
        if self.observational and not isinstance(self.probability, str):
            raise ValueError(
                "'observational: true' goes with 'probability: estimate' or a column: nobody knows one share for rows "
                "that were not drawn by lot"
            )
        if isinstance(self.probability, dict) and set(self.probability) != set(self.arms):
            raise ValueError(f"'probability' needs one share for each of {list(self.arms)}")
        if self.shares is not None and min(self.shares) <= 0:
            raise ValueError(
                f"'probability' must leave every arm a positive share, got {dict(zip(self.arms, self.shares, strict=True))}"
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
    observational: Literal[False] = False
