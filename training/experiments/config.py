"""The config of a measurement: where the rows are, what is measured, and what was declared before looking."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from features.config import BaseConfig
from training.experiments.attribution import AttributionConfig
from training.experiments.cohorts import CohortConfig
from training.experiments.data_config import ExperimentHistories, ExperimentTable, LargeTable
from training.experiments.funnel import FunnelConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.base_models.registry import BaseModelConfig

PREDICTION_FOLDS: Final = 5


class BinaryOutcome(BaseConfig):
    """0 or 1 per row: converted, visited."""

    kind: Literal["binary"]

    before: str | None = None
    """Column of the same outcome in a period before assignment: for CUPED and the test of that period."""


class ContinuousOutcome(BaseConfig):
    """A number per row: revenue, margin, visits."""

    kind: Literal["continuous"]

    before: str | None = None
    """Column of the same outcome in a period before assignment: for CUPED and the test of that period."""

    cap: float | None = Field(default=None, gt=0)
    """Values above it count as it, decided before looking; the figure of whole values is shown beside it."""

    unit: str = ""
    """What it is counted in, such as a currency."""


class RatioOutcome(BaseConfig):
    """Sum of one column over sum of another, per arm: order value, return on spend, cost per order."""

    kind: Literal["ratio"]

    numerator: str
    denominator: str

    before: str | None = None
    """Column known before assignment that goes with it, for CUPED."""

    unit: str = ""


class IncrementalRatioOutcome(BaseConfig):
    """Change of one column over change of another: incremental return on spend, cost per incremental order."""

    kind: Literal["incremental_ratio"]

    numerator: str
    denominator: str

    unit: str = ""


OutcomeConfig = Annotated[
    Annotated[
        BinaryOutcome | ContinuousOutcome | RatioOutcome | IncrementalRatioOutcome,
        Field(discriminator="kind"),
    ],
    BeforeValidator(lambda value: {"kind": value} if isinstance(value, str) else value),
]
"""An outcome; `visit: binary` is short for `visit: {kind: binary}`."""

Method = Literal["plain", "before", "prediction"]
"""No adjustment, CUPED with the column of the period before, CUPED with a cross-fitted prediction."""


class MeasureConfig(BaseConfig):
    """measure.yaml: one randomised experiment."""

    kind: Literal["measure"]

    workspace: str = "../../workspace"
    """Folder for the run of a flat table, relative to this file; that of a project is its own."""

    data: Annotated[ExperimentTable | LargeTable | ExperimentHistories, Field(discriminator="kind")]
    """A file with a row per assigned unit, one that need not fit into memory, or the campaign of a project."""

    outcomes: dict[str, OutcomeConfig] = Field(min_length=1)
    """What is measured; a binary or continuous outcome is called like its column."""

    primary: list[str] = Field(min_length=1)
    """Outcomes the decision rests on, decided before looking: the family that Holm's adjustment is over, with every treated arm."""

    method: Method = "plain"
    """Which estimate is the headline, decided before looking; the others are shown beside it."""

    prediction: BaseModelConfig = LinearConfig()
    """Model that predicts outcomes from the covariates, out of fold; used where there are covariates."""

    max_contaminated_share: float = Field(default=0.0, ge=0, le=1)
    """Results are withheld when a larger share of the control was exposed."""

    planned_rows: int | None = Field(default=None, ge=100)
    """Rows at which the test was planned to end, both arms; with `data.day` every day then has an interval that holds
    however often one looks."""

    attribution: AttributionConfig | None = None
    """What attribution rules would credit, shown beside the increment."""

    funnel: FunnelConfig | None = None
    """The first primary outcome by intent tier and by number of impressions."""

    cohorts: CohortConfig | None = None
    """What cohorts brought as time went by, in both arms."""

    seed: int = Field(default=0, ge=0)
    """Of the folds."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        unknown = [name for name in self.primary if name not in self.outcomes]
        if unknown:
            raise ValueError(f"'primary' names {unknown[0]!r}, which is not in 'outcomes'")
        if self.method == "prediction" and not self.data.covariates:
            raise ValueError("'method: prediction' needs 'data.covariates'")
        first = self.outcomes[self.primary[0]]
        if self.method == "before" and getattr(first, "before", None) is None:
            raise ValueError(f"'method: before' needs 'before' at the outcome {self.primary[0]!r}")
        return self

    @model_validator(mode="after")
    def _large_tables_have_no_rows(self) -> Self:
        named = [name for name in ("attribution", "funnel", "cohorts") if getattr(self, name)]
        if named and isinstance(self.data, LargeTable):
            raise ValueError(f"{named[0]!r} needs rows, which 'kind: large_table' does not keep")
        return self

    @property
    def numbers(self) -> dict[str, Any]:
        """Every outcome column, once, as the kind its values must have."""
        found: dict[str, str] = {}
        for name, outcome in self.outcomes.items():
            if isinstance(outcome, BinaryOutcome | ContinuousOutcome):
                found[name] = outcome.kind
        for outcome in self.outcomes.values():
            if isinstance(outcome, RatioOutcome | IncrementalRatioOutcome):
                for column in (outcome.numerator, outcome.denominator):
                    found.setdefault(column, "continuous")
        if self.attribution is not None:
            flags = (self.attribution.conversion, self.attribution.clicked, self.attribution.viewed)
            found |= {name: "binary" for name in flags if name is not None}
        if self.funnel is not None and self.funnel.frequency is not None:
            found.setdefault(self.funnel.frequency, "continuous")
        return found

    @property
    def known_columns(self) -> list[str]:
        """Columns of attribution, cohorts and funnel that may be missing in a row."""
        rule = self.attribution
        found = [] if rule is None else [rule.days_to_conversion, *rule.channels.values()]
        if self.cohorts is not None:
            found += [self.cohorts.column, *self.cohorts.values.values()]
        return found if self.funnel is None else [*found, self.funnel.tier]

    @property
    def before_columns(self) -> dict[str, str]:
        """Column of the period before, by outcome."""
        named = {name: getattr(outcome, "before", None) for name, outcome in self.outcomes.items()}
        return {name: column for name, column in named.items() if column is not None}
