"""The config of what advertising does in a made-up store: sizes of the planted effects, the auction, the decisions.

Sizes are the published ones where there are any; the docstring of each names its source. Where a paper gives a range or a
sign only, the number is a choice inside it.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from features.config import BaseConfig

Share = Annotated[float, Field(ge=0, le=1)]
Factor = Annotated[float, Field(ge=0)]


class TypeConfig(BaseConfig):
    """How likely a person is of one type: the logit, against the persuadable, whose logit is 0."""

    intercept: float = 0.0
    """For a person of ordinary visits and appetite, without an account."""

    visits: float = 0.0
    """Per unit of the logarithm of visits per day, against the store's mean."""

    appetite: float = 0.0
    """Per unit of the logarithm of the appetite."""

    known: float = 0.0
    """For a person with an account."""


class ArmConfig(BaseConfig):
    """One way to contact: what is shown, and what is said."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")

    dynamic: bool = True
    """Whether the items shown are chosen for the person; otherwise everybody sees the same, whatever the decision says."""

    cart: Factor = 1.0
    """Factor on the effect on persons with an open cart."""


class TruthConfig(BaseConfig):
    """What a contact that reaches a person changes."""

    gain: Share = 0.008
    """Chance that a reached persuadable person without a cart orders the right item of ordinary price because of it. With
    the store's other defaults contacting everybody once lifts weekly conversion by 5-15 %, as in 432 display experiments
    (median 8 %; Johnson, Lewis, Nubbemeyer)."""

    cart: Factor = 2.25
    """Factor on the effect where a cart is open: lower against upper funnel (Moriguchi, Xiong, Luo)."""

    early_hours: float = Field(default=6, ge=0)
    """A contact so soon after something was put into the cart harms; the sign turns somewhere between 1 hour and 1 day
    (Li, Luo, Lu, Moriguchi, 2021)."""

    early_loss: Share = 0.2
    """Chance that such a contact costs the orders of the week."""

    harmed_loss: Share = 0.2
    """Chance that a contact of a harmed person costs the orders of the week."""

    fatigue: Share = 0.1
    """By so much each contact that reached in the 28 days before lowers the effect of the next."""

    other_relevance: Share = 0.2
    """Effect of an item of a category that the person does not like, as a share of that of the best-liked category."""

    generic_relevance: Share = 0.5
    """The same of an ad that is not about the person: better than a wrong item, worse than the right one (Lambrecht and
    Tucker, 2013)."""

    wanted_relevance: Factor = 1.5
    """The same of the item last put into the open cart, or needed again."""

    next_place: Share = 0.5
    """What a place in a list counts, as a share of the place before."""

    cheap: float = Field(default=1.5, ge=1)
    """The chance of an order won falls with the price as the margin rises with it, so that what counts is relevance; a cheap
    item's chance is at most so many times that of one of ordinary price."""

    visit_gain: Share = 0.2
    """Chance of one more visit by a reached person, unless indifferent: visits rise by 10-20 % (the same experiments), and
    these visitors order less than others do."""

    first_day: Share = 1 / 3
    """Share of the orders won in the first week that fall on the first day (Sahni, Narayanan, Kalyanam, 2019)."""

    later: Share = 0.06
    """Share of the orders won that fall in the three weeks after the first (Johnson, Lewis, Nubbemeyer)."""

    indifferent: TypeConfig = TypeConfig(intercept=0.3, visits=-0.5, appetite=-0.5, known=-1.0)
    """Changes nothing: above all visitors without an account (Hoban and Bucklin, 2015)."""

    sure: TypeConfig = TypeConfig(intercept=-1.2, visits=0.5, appetite=1.5, known=0.5)
    """Orders anyway: a contact brings visits and no order."""

    harmed: TypeConfig = TypeConfig(intercept=-1.2, visits=1.5)
    """Annoyed by ads: above all the most frequent visitors."""

    arms: tuple[ArmConfig, ...] = Field(
        default=(
            ArmConfig(name="reminder"),
            ArmConfig(name="reassurance", cart=1.497),
            ArmConfig(name="generic", dynamic=False),
        ),
        min_length=1,
    )
    """Ways to contact. Reassurance about returns earned 49.7 % more than a reminder of the cart (Moriguchi, Xiong, Luo)."""

    @model_validator(mode="after")
    def _check_arms(self) -> Self:
        if len({arm.name for arm in self.arms}) < len(self.arms):
            raise ValueError("'arms' have a name twice")
        return self


class AuctionConfig(BaseConfig):
    """How a contact reaches a person: places to show an ad are sold one by one to the highest bid, at the second price."""

    places: float = Field(default=6.0, gt=0, le=100)
    """Mean places in the week of a contact, for a person of mean visits."""

    activity: float = Field(default=0.5, ge=0)
    """Exponent with which they grow with the person's visits: whoever is active is seen more, contacted or not."""

    bid: float = Field(default=0.006, gt=0)
    """Money bid per place."""

    rival: float = Field(default=0.004, gt=0)
    """Median of the highest other bid."""

    rival_spread: float = Field(default=0.7, gt=0)
    """Standard deviation of its logarithm."""

    click: Share = 0.004
    """Chance that an impression is clicked; clicks have nothing to do with effects."""


class WorldConfig(BaseConfig):
    """When decisions are taken, and what comes of them."""

    first_day: int = Field(default=28, ge=0, le=3_650)
    """Day of the first decision, counted from the store's first; the days before are history."""

    weeks: int = Field(default=12, ge=1, le=520)
    """Weekly decisions."""

    channel: str = Field(default="display", min_length=1)
    truth: TruthConfig = TruthConfig()
    auction: AuctionConfig = AuctionConfig()
