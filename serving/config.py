"""The config of the nightly job: who may be contacted, with what, for how much."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from features.catalog.listings import ListingsConfig
from features.config import BaseConfig
from serving.lists.config import ListsConfig


class HoldoutConfig(BaseConfig):
    """A random share of all persons that is never contacted, so that the lift can be measured."""

    share: float = Field(default=0.1, gt=0, lt=1)
    salt: str = Field(min_length=1)
    """Names the holdout; the same salt keeps the same persons out for good."""


class EligibilityConfig(BaseConfig):
    """Limits of the eligibility rules."""

    recent_purchase_hours: float = Field(default=48, ge=0)
    """A person who bought in this many hours before the decision is not contacted."""

    blocked_categories: tuple[str, ...] = ()
    """Items of these catalog categories are never advertised (regulated goods, things that are no product)."""

    just_bought_days: float = Field(default=7, ge=0)
    """An item that the person bought in this many days is not advertised to them."""

    exclude_seen: bool = False
    """Whether an item the person ever had any event with is left out: a read article is not shown again."""

    require_price: bool = True
    """An item without a price above zero is not advertised; false for content, which has none."""

    require_availability: bool = True
    """An item of unknown availability is not advertised; false for content, which has none."""


class FrequencyConfig(BaseConfig):
    """A rolling cap on contacts per person."""

    max_contacts: int = Field(default=3, ge=1)
    window_days: float = Field(default=28, gt=0)


class BudgetConfig(BaseConfig):
    """What a run may spend, in the project's currency."""

    amount: float = Field(ge=0)
    """Money that the run may be expected to spend."""

    cost_per_contact: float = Field(gt=0)
    """Money per contact that reaches a person."""

    min_return: float = Field(default=1.0, ge=0)
    """Least expected incremental margin per unit of cost; 1 = the contact pays for itself."""


class CampaignConfig(BaseConfig):
    """campaign.yaml."""

    kind: Literal["campaign"]
    holdout: HoldoutConfig
    budget: BudgetConfig
    eligibility: EligibilityConfig = EligibilityConfig()
    frequency: FrequencyConfig = FrequencyConfig()

    lists: ListsConfig = ListsConfig()
    """What happens to a model's list before it leaves: fallback, merchandising, diversity, places for buyers."""

    listings: ListingsConfig | None = None
    """How near a listing has to be; None = place does not matter."""

    recommender: str = "recommender"
    """Name of the registered model whose champion picks the items."""

    candidates: int = Field(default=50, ge=1)
    """Items taken from the recommender per person before the item rules."""

    items_per_person: int = Field(default=5, ge=1)

    margin_rate: float = Field(default=0.25, gt=0, le=1)
    """Margin per unit of revenue, used to value an order won."""

    stage_window_days: float = Field(default=28, gt=0)
    """Events older than this do not count for the funnel stage."""

    messages: dict[str, str] = Field(default={})
    """Message per funnel stage; a stage without one gets `default_message`."""

    default_message: str = "See what is new"
