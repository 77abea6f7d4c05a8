"""The config of a made-up store: how large, how people behave, how dirty its files are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from features.catalog.listings import PlaceConfig
from features.config import BaseConfig, UtcTime

Share = Annotated[float, Field(ge=0, le=1)]


class ListingsConfig(BaseConfig):
    """Items that are listings: each is there once, at one place, for a while."""

    days: int = Field(default=30, ge=1)
    """A listing ends so many days after it began, unless it was taken before; they begin evenly over time."""

    taken: Share = 0.5
    """Share of the listings that somebody takes before they end, at an even moment; then they are gone."""

    kept_days: int = Field(default=7, ge=0)
    """For so many days the feed still holds a listing that is over, as feeds do."""

    places: tuple[PlaceConfig, ...] = Field(min_length=1)
    """Where listings are; a person looks at those of one place only. Categories are spread over the places evenly."""


class ShelfConfig(BaseConfig):
    """What the store sells."""

    items: int = Field(default=2_000, ge=10)
    """Items, over the whole time."""

    categories: int = Field(default=20, ge=1)
    """Categories; items are spread over them evenly."""

    brands: int = Field(default=40, ge=1)
    """Brands."""

    popularity: float = Field(default=0.9, ge=0)
    """Exponent of the power law of popularity inside a category; 0 = all alike."""

    median_price: float = Field(default=25.0, gt=0)
    """Median of the log-normal prices."""

    price_spread: float = Field(default=0.8, ge=0)
    """Standard deviation of the logarithm of prices."""

    cost_share: Share = 0.65
    """Cost of an item as a share of its price."""

    consumable: Share = 0.3
    """Share of the items that people need again, after the item's own interval."""

    new: Share = 0.1
    """Share of the items that appear only during the time simulated, spread evenly."""

    out_of_stock: Share = 0.1
    """Share of the items that run out once, for one to two weeks."""

    listings: ListingsConfig | None = None
    """Items are listings: `new` and `out_of_stock` do not apply; null = they are not."""

    @property
    def places(self) -> int:
        """How many places there are; 1 where place does not matter."""
        return 1 if self.listings is None else len(self.listings.places)


class PeopleConfig(BaseConfig):
    """Who comes, and how they behave. Rates of one person are log-normal around these."""

    visits_per_day: float = Field(default=0.12, gt=0)
    """Mean visits of a person per day."""

    activity_spread: float = Field(default=1.0, ge=0)
    """Standard deviation of the logarithm of a person's visits."""

    views_per_visit: float = Field(default=4.0, ge=1)
    """Mean items looked at per visit (geometric)."""

    repeat: Share = 0.25
    """Share of views that go to an item looked at or bought before."""

    tastes: int = Field(default=3, ge=1, le=8)
    """Categories a person likes; the first is liked twice as often as the second, and so on."""

    drift_per_day: Share = 0.01
    """Chance per day that one liked category is exchanged for another."""

    cart: Share = 0.03
    """Chance that a view is followed by putting the item into the cart, for a person of ordinary appetite."""

    checkout: Share = 0.15
    """Chance that a visit with something in the cart goes on to the checkout."""

    order: Share = 0.4
    """Chance that a checkout ends in an order."""

    second_unit: Share = 0.15
    """Chance that an ordered item is ordered twice."""

    refund: Share = 0.05
    """Chance that an order is sent back as a whole, one to ten days later."""

    known: Share = 0.6
    """Share of persons with an account."""

    login: Share = 0.4
    """Chance that a visit of a person with an account is logged in from its start; a checkout always is."""

    devices: int = Field(default=2, ge=1, le=8)
    """A person has one to so many devices, each with an id of its own."""

    consent: Share = 0.7
    """Share of persons who agree to personalised advertising at first."""

    consent_changes: Share = 0.05
    """Share of persons who change their mind once."""


class DirtConfig(BaseConfig):
    """What is wrong with the files; every share is drawn by a stable hash, and what was drawn is counted."""

    duplicates: Share = 0.0
    """Share of the events that are sent twice, with the same id."""

    late: Share = 0.0
    """Share of the events that come with the file of a later day."""

    late_days: int = Field(default=3, ge=1)
    """How many days later."""

    malformed: Share = 0.0
    """Share of the events with a quantity that is not a number."""

    id_drift: Share = 0.0
    """Share of the item ids that carry `id_prefix` from `id_drift_day` on, as after a careless release of a tag."""

    id_drift_day: int = Field(default=0, ge=0)
    """First day of the drift."""

    id_prefix: str = Field(default="web-", min_length=1)
    """Put in front of drifted ids."""

    bots: int = Field(default=0, ge=0)
    """Visitors that are programs: `bot_views` views within one hour of one day."""

    bot_views: int = Field(default=600, ge=1)
    """Views of one bot."""

    feed_errors: Share = 0.0
    """Share of the feed's rows without a price."""


class StoreConfig(BaseConfig):
    """A made-up store."""

    kind: Literal["store"]

    seed: int = Field(default=0, ge=0)
    """The same seed and sizes give the same files."""

    persons: int = Field(default=10_000, ge=1)
    """Persons, with or without an event."""

    first: UtcTime
    """First day."""

    days: int = Field(default=60, ge=1, le=3_650)
    """Days of events; the feed is that of the moment after the last."""

    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    """Of all prices."""

    shelf: ShelfConfig = ShelfConfig()
    people: PeopleConfig = PeopleConfig()
    dirt: DirtConfig = DirtConfig()

    @model_validator(mode="after")
    def _check_shelf(self) -> Self:
        if self.shelf.categories > self.shelf.items:
            raise ValueError("'shelf.categories' is larger than 'shelf.items'")
        if self.shelf.categories % self.shelf.places:
            raise ValueError("'shelf.categories' is no multiple of the number of places")
        if self.shelf.places > 1 and self.people.drift_per_day > 0:
            raise ValueError("'people.drift_per_day' is not 0: tastes would drift to other places")
        return self
