"""What a list may look like: where it falls back to, what a shop favours, how varied it is, what buyers are shown next."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Self

from pydantic import Field, model_validator

from features import columns as c
from features.config import BaseConfig


class FallbackConfig(BaseConfig):
    """Where items come from when those of the model are unavailable or too few."""

    category_levels: tuple[str, ...] = Field(default=(c.PRODUCT_TYPE, c.CATEGORY), min_length=1)
    """Item attributes that form the path of an item, coarse to fine; a value 'Toys > Dolls' is two steps of it."""

    price_band: float = Field(default=0.25, gt=0)
    """A close alternative costs at most (1 + this) times the price of the item, and at least 1 / (1 + this) of it."""

    in_place: Literal["group", "category_price"] = "group"
    """Down to which level a replacement takes the place of the item it replaces; lower levels fill the end of the list."""

    own_items: int = Field(default=5, ge=0)
    """Own items, the newest first, whose groups and categories are looked through when a list is short."""

    substitutes_of_cart_items: bool = False
    """Whether alternatives to what lies in the cart, and can be bought, may be shown."""

    cart_days: float = Field(default=30.0, gt=0)
    """An item put into the cart longer ago is no longer in it."""


class Match(BaseConfig):
    """Items by one attribute: by its value, or by a range of numbers."""

    attribute: str
    """Column of the catalog, the feed or its enrichment (`margin_tier`), or a custom attribute."""

    values: tuple[str, ...] = ()
    """The items with one of these values, compared as text."""

    at_least: float | None = None
    at_most: float | None = None
    """The items whose number is within these limits, both included."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ranged = self.at_least is not None or self.at_most is not None
        if ranged == bool(self.values):
            raise ValueError("give either 'values', or 'at_least' and 'at_most' or one of them")
        return self


class Boost(Match):
    """Items whose scores are multiplied."""

    factor: float = Field(gt=0)
    """Above 1 favours, below 1 holds back."""


class MerchandisingConfig(BaseConfig):
    """What the shop favours. Nothing here makes an item eligible."""

    boosts: tuple[Boost, ...] = ()
    """Applied to scores above 0; several that match are multiplied."""

    bury: tuple[Match, ...] = ()
    """Items shown only where nothing else is left."""

    pin: tuple[str, ...] = ()
    """Item ids that stand first in every list whose person may be shown them, in this order."""


class Cap(BaseConfig):
    """At most so many items of a list share one value of an attribute; items without a value are not counted."""

    attribute: str
    most: int = Field(ge=1)


class DiversityConfig(BaseConfig):
    """How varied a list is."""

    caps: tuple[Cap, ...] = ()
    """The most important first: where they cannot all hold, the last gives way first."""

    per_group: int | None = Field(default=1, ge=1)
    """Items of one item group; None = any number. Gives way after all caps."""

    @model_validator(mode="after")
    def _each_attribute_once(self) -> Self:
        names = [cap.attribute for cap in self.caps]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"'caps' names {repeated} more than once")
        if c.ITEM_GROUP_ID in names:
            raise ValueError(f"'{c.ITEM_GROUP_ID}' has its own key, 'per_group'")
        return self


class PostPurchaseConfig(BaseConfig):
    """Places kept at the head of the list of whoever bought lately, in this order; 0 = none."""

    replenishment: int = Field(default=0, ge=0)
    """Own items that are due again."""

    upsell: int = Field(default=0, ge=0)
    """Dearer items of the category of one they own, never below the price of any they own there."""

    cross_sell: int = Field(default=0, ge=0)
    """Items from categories they own nothing of: the model's, then best sellers."""

    window_days: float = Field(default=90.0, gt=0)
    """Owned = bought and kept in so many days."""

    max_price_step: float = Field(default=1.0, gt=0)
    """An upsell costs at most this share more than the dearest owned item of its category."""

    due_share: float = Field(default=0.8, gt=0)
    """An own item is due after this share of the person's mean gap between buying it, from two gaps on."""


class ListsConfig(BaseConfig):
    """Everything that happens to a model's list before it leaves; also a file of its own, `kind: lists`."""

    kind: Literal["lists"] = "lists"
    fallback: FallbackConfig = FallbackConfig()
    merchandising: MerchandisingConfig = MerchandisingConfig()
    diversity: DiversityConfig = DiversityConfig()
    post_purchase: PostPurchaseConfig = PostPurchaseConfig()

    def attributes(self, known: Collection[str]) -> list[str]:
        """The attributes of items that lists look at, among those known; the item id is the first."""
        used = (
            c.ITEM_ID, c.TITLE, c.CATEGORY, c.PRICE, c.AVAILABILITY, c.ITEM_GROUP_ID, *self.fallback.category_levels,
            *(rule.attribute for rule in (*self.merchandising.boosts, *self.merchandising.bury)),
            *(cap.attribute for cap in self.diversity.caps),
        )  # fmt: skip
        return [name for name in dict.fromkeys(used) if name in known]
