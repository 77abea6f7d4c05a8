"""The config of the promotion gate: how much worse a new model may be, by metric."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from features.config import BaseConfig

PROMOTION_FILE: Final = "promotion"


class Limit(BaseConfig):
    """How much worse a new model may be under one metric."""

    metric: str
    """Name of the metric."""

    margin: float = Field(ge=0)
    """Largest loss allowed: the lower end of the interval of new minus old must not lie below minus this."""


class RecommenderGate(BaseConfig):
    """Metrics of recommenders: '<metric>.<targets>' per person, and 'coverage', which has no interval."""

    primary: Limit = Limit(metric="ndcg.all", margin=0.005)
    """What the models are for."""

    guards: tuple[Limit, ...] = (
        Limit(metric="recall.all", margin=0.005),
        Limit(metric="ndcg.novel", margin=0.002),
        Limit(metric="coverage", margin=0.05),
    )
    """What must not be lost on the way."""

    replicates: int = Field(default=2_000, ge=100)
    """Bootstrap resamples of persons."""

    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of the intervals."""

    seed: int = Field(default=0, ge=0)
    """Seed of the bootstrap."""


class FlatRecommenderGate(RecommenderGate):
    """Metrics of recommenders from flat files, by their plain names."""

    primary: Limit = Limit(metric="ndcg", margin=0.005)
    """What the models are for."""

    guards: tuple[Limit, ...] = (
        Limit(metric="recall", margin=0.005),
        Limit(metric="reciprocal_rank", margin=0.005),
    )
    """What must not be lost on the way."""


class UpliftGate(BaseConfig):
    """Metrics of uplift models. Margins are shares of the average effect on the test rows, so that they hold in any unit;
    that of 'calibration_error', the distance of the calibration slope from 1, is plain.
    """

    primary: Limit = Limit(metric="qini_per_head", margin=0.1)
    """What the models are for."""

    guards: tuple[Limit, ...] = (
        Limit(metric="uplift_at_30", margin=0.25),
        Limit(metric="policy_value", margin=0.25),
        Limit(metric="calibration_error", margin=0.3),
    )
    """What must not be lost on the way; 'policy_value' counts where the training names its economics."""


class PromotionConfig(BaseConfig):
    """promotion.yaml, beside the training configs. Without one these defaults hold."""

    kind: Literal["promotion"] = "promotion"
    recommender: RecommenderGate = RecommenderGate()
    flat_recommender: FlatRecommenderGate = FlatRecommenderGate()
    uplift: UpliftGate = UpliftGate()
