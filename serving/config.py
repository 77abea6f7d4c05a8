"""The config of the nightly job: who may be contacted, with what, for how much."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from features.builders.treatment import ContactCap
from features.catalog.listings import ListingsConfig
from features.config import BaseConfig
from features.tables import EVENT_NAMES
from serving.bids import StageBidConfig
from serving.creative.config import CreativeConfig
from serving.lists.config import ListsConfig

HOURS_PER_DAY: Final = 24
DISPLAY: Final = "display"
"""The channel of a campaign that declares none."""


class HoldoutConfig(BaseConfig):
    """Who is kept from contact by lot: some persons always, so that the lift of the programme can be measured, and some of those
    the policy would contact this time, so that the lift of the policy can be.
    """

    share: float = Field(default=0.1, gt=0, lt=1)
    salt: str = Field(min_length=1)
    """Names the holdout; the same salt keeps the same persons out for good."""

    policy_share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the others that is not contacted this time; drawn anew for each moment of decision."""


class ExplorationConfig(BaseConfig):
    """Contacts given by lot to persons whom the policy would not contact: without them the next model learns only about the
    policy's own choice.
    """

    share: float = Field(default=0.05, ge=0, lt=1)
    """Share of the budget kept for them; 0 = none, and the next training set knows nothing of who was left out."""

    most: float = Field(default=0.5, gt=0, lt=1)
    """Largest chance of such a person, however much money there is."""


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

    quiet_days: dict[str, float] = Field(default={})
    """Days without contact after an event of a name: `{support_case: 14, refund: 30, lead: 90}`."""

    @field_validator("quiet_days")
    @classmethod
    def _known_events(cls, quiet_days: dict[str, float]) -> dict[str, float]:
        for name, days in quiet_days.items():
            if name not in EVENT_NAMES:
                raise ValueError(f"'{name}' is no event; events are {', '.join(EVENT_NAMES)}")
            if days <= 0:
                raise ValueError(f"days after '{name}' are above 0")
        return quiet_days


class ItemRestConfig(BaseConfig):
    """When an item is not shown to a person again."""

    unclicked: int = Field(default=3, ge=1)
    """Contacts with the item since the person last clicked one."""

    days: float = Field(default=30, gt=0)
    """How long it rests after the last of them."""


class TimingConfig(BaseConfig):
    """When contact with persons of a stage starts and stops, counted from their last event."""

    start_hours: float = Field(default=0, ge=0)
    """Not earlier: a cart that is hours old is often paid without help."""

    stop_days: float | None = Field(default=None, gt=0)
    """Not later; left out = no end."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.stop_days is not None and HOURS_PER_DAY * self.stop_days <= self.start_hours:
            raise ValueError("'stop_days' is not after 'start_hours'")
        return self


class FrequencyConfig(BaseConfig):
    """Rolling caps on contacts per person, times of contact, and rest for items nobody clicks."""

    max_contacts: int = Field(default=3, ge=1)
    """Contacts in the window at most, all channels together."""

    window_days: float = Field(default=28, gt=0)
    """Length of the window."""

    caps: tuple[ContactCap, ...] = ()
    """Further caps, of one channel or of all."""

    item_rest: ItemRestConfig | None = None
    """Left out = items do not rest."""

    timing: dict[str, TimingConfig] = Field(default={})
    """By funnel stage; a stage without has no limits."""

    recorded: bool = True
    """Whether the exposures in the workspace are the record of this campaign's own contacts."""

    logs: tuple[str, ...] = ()
    """Send logs of other systems, e-mail, SMS or on-site: CSV, TSV or Parquet, relative to this file."""

    ahead: tuple[str, ...] = ()
    """Decisions (`decisions.parquet`, relative to this file) of campaigns of higher priority for the same moment: their contacts
    count against the caps, and whoever they leave no room for is removed as `displaced`."""

    owner: str = Field(default="crm", min_length=1)
    """Team that mends a missing log."""


class SequenceConfig(BaseConfig):
    """The steps of a sequence of messages."""

    steps: tuple[str, ...] = Field(default=("reminder", "value", "urgency"), min_length=1)
    """In order; whoever got the last one gets it again."""

    window_days: float = Field(default=28, gt=0)
    """A sequence starts anew when its last contact is older than this, and after an order."""


class BudgetConfig(BaseConfig):
    """What a run may spend, in the project's currency."""

    amount: float = Field(ge=0)
    """Money that the run may be expected to spend."""

    cost_per_contact: float = Field(gt=0)
    """Money per contact that reaches a person, where no channels are declared."""

    min_return: float = Field(default=1.0, ge=0)
    """Least expected incremental margin per unit of cost; 1 = the contact pays for itself."""


class ChannelConfig(BaseConfig):
    """One way to contact a person: a channel, or one message of several by the same channel."""

    cost_per_contact: float = Field(gt=0)
    """Money per contact that reaches a person."""

    effect: float = Field(default=1.0, gt=0)
    """Effect of a contact by this channel over the effect that the uplift model learned: what the shop assumes, nothing here
    measures it."""

    arm: str | None = Field(default=None, min_length=1)
    """Treated arm of the uplift training that such a contact is: its own model says what it changes. None = the first arm."""

    channel: str | None = Field(default=None, min_length=1)
    """The channel that delivers it, whose caps and contacts count; None = its own name."""

    message: str | None = Field(default=None, min_length=1)
    """Shown where no template can be; None = that of the funnel stage."""


class CampaignConfig(BaseConfig):
    """campaign.yaml."""

    kind: Literal["campaign"]
    holdout: HoldoutConfig
    budget: BudgetConfig
    eligibility: EligibilityConfig = EligibilityConfig()
    frequency: FrequencyConfig = FrequencyConfig()
    channels: dict[str, ChannelConfig] = Field(default={})
    """Ways to contact a person, of which the budget chooses one for each; none declared = display, at the cost in `budget`."""

    bids: dict[str, StageBidConfig] = Field(default={})
    """Bounds of bid modifiers by funnel stage."""

    sequence: SequenceConfig = SequenceConfig()
    exploration: ExplorationConfig = ExplorationConfig()
    creative: CreativeConfig = CreativeConfig()

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
    """Message per funnel stage, shown where no template can be; a stage without one gets `default_message`."""

    default_message: str = "See what is new"

    def by_channel(self) -> dict[str, ChannelConfig]:
        """The channels of the campaign, in the declared order."""
        plain = ChannelConfig(cost_per_contact=self.budget.cost_per_contact)
        return self.channels or {DISPLAY: plain}

    def delivered_by(self) -> list[str]:
        """The channel that delivers each way of contact, in the declared order."""
        return [way.channel or name for name, way in self.by_channel().items()]

    def message(self, stage: str, way: str | None = None) -> str:
        """The message of a way of contact, or of a funnel stage."""
        own = None if way is None else self.by_channel()[way].message
        return own or self.messages.get(stage, self.default_message)
