"""Which audiences there are, how each is defined, and which goes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from features.config import BaseConfig
from features.interactions import EventName
from features.segments.intent import IntentConfig
from features.segments.value import ValueConfig
from features.segments.windows import STANDARD, Windows

StageName = Literal["browse", "cart", "checkout", "post_purchase"]
"""Stages of the funnel, see `features.segments.stage`."""


class _Windowed(BaseConfig):
    """Members by the age of their last qualifying event."""

    windows: Windows = STANDARD
    """Day ranges since the last qualifying event; the last one ends the membership."""


class Visitors(_Windowed):
    """Whoever did anything on the site or in the app."""

    kind: Literal["visitors"]


class InStage(_Windowed):
    """Whose deepest stage within the windows is this one."""

    kind: Literal["stage"]
    stage: StageName


class Viewers(_Windowed):
    """Who viewed an item and went no deeper: no cart, checkout, lead or purchase event within the windows."""

    kind: Literal["viewers"]


class CategoryViewers(_Windowed):
    """Who viewed items, lists or pages of these categories."""

    kind: Literal["category_viewers"]
    categories: tuple[str, ...] = Field(min_length=1)


class CartAbandoners(_Windowed):
    """Who left items in the cart and did not reach checkout with them."""

    kind: Literal["cart_abandoners"]


class CheckoutAbandoners(_Windowed):
    """Who reached checkout with items that were then neither removed nor bought."""

    kind: Literal["checkout_abandoners"]


class PostPurchase(_Windowed):
    """Who bought, and kept it."""

    kind: Literal["post_purchase"]

    reco_kind: Literal["cross_sell", "upsell", "loyalty"] = "cross_sell"
    """What these members are to be shown."""

    minimum_orders: int = Field(default=1, ge=1)
    """Kept orders within the windows."""


class Replenishment(BaseConfig):
    """For whom items bought before are due again: `due_at` is when the first one is, `expires` when the last one stops."""

    kind: Literal["replenishment"]

    lead_days: float = Field(default=3, ge=0)
    """An item counts as due so many days before its time."""

    overdue_days: float = Field(default=14, ge=0)
    """And so many days after."""


class FeedAttribute(_Windowed):
    """Who had an event on an item whose feed attribute has one of these values."""

    kind: Literal["feed_attribute"]

    attribute: str
    """Column of the catalog or of its enrichment (`margin_tier`, `seasonality`), or a custom attribute of the feed."""

    values: tuple[str, ...] = Field(min_length=1)

    events: tuple[EventName, ...] = Field(default=("view",), min_length=1)
    """Events that qualify."""


class Intent(BaseConfig):
    """Whose intent score is in this tier and who had any event lately."""

    kind: Literal["intent"]
    tier: Literal["high", "medium", "low", "unknown"]


class Value(BaseConfig):
    """Whose worth is in this tier."""

    kind: Literal["value"]
    tier: Literal["high", "medium", "low", "zero"]


class Lifecycle(BaseConfig):
    """Who is at this stage in the CRM."""

    kind: Literal["lifecycle"]
    stage: str


Definition = Annotated[
    Visitors
    | InStage
    | Viewers
    | CategoryViewers
    | CartAbandoners
    | CheckoutAbandoners
    | PostPurchase
    | Replenishment
    | FeedAttribute
    | Intent
    | Value
    | Lifecycle,
    Field(discriminator="kind"),
]

_USUAL: Final[Mapping[str, Definition]] = {
    "checkout_abandoners": CheckoutAbandoners(kind="checkout_abandoners"),
    "cart_abandoners": CartAbandoners(kind="cart_abandoners"),
    "replenishment_due": Replenishment(kind="replenishment"),
    "viewers": Viewers(kind="viewers"),
    "high_value": Value(kind="value", tier="high"),
    "post_purchase": PostPurchase(kind="post_purchase"),
    "visitors": Visitors(kind="visitors"),
}


class SegmentsConfig(BaseConfig):
    """Audiences by exact rules."""

    definitions: dict[str, Definition] = Field(default=dict(_USUAL), min_length=1)
    """The rule of each segment, by its name; a person can be in several."""

    priority: tuple[str, ...] = tuple(_USUAL)
    """Every segment once, the one that goes first where a person is in several first."""

    value: ValueConfig = ValueConfig()
    """Worth of a customer."""

    intent: IntentConfig = IntentConfig()
    """Tiers of the intent score."""

    @model_validator(mode="after")
    def _every_segment_has_its_place(self) -> Self:
        without = sorted(set(self.definitions) - set(self.priority))
        if without:
            raise ValueError(
                f"'priority' does not name {without}: segments may overlap, so each needs its place"
            )
        undefined = sorted(set(self.priority) - set(self.definitions))
        if undefined:
            raise ValueError(f"'priority' names {undefined}, which 'definitions' does not define")
        if len(set(self.priority)) < len(self.priority):
            raise ValueError("'priority' names a segment twice")
        return self
