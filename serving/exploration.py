"""Contacts by lot for persons whom the policy would leave out, and the chance of everything that was done.

With both, every eligible person may be contacted or not, with a known chance: the decisions of today are a randomised
experiment, and tomorrow's training set is valid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, CodeArray, FloatArray, TextArray
from features.assignment import uniform
from serving.allocate import NO_CONTACT, Allocation, Offers
from serving.config import ExplorationConfig
from serving.holdout import Arms


@dataclass(frozen=True, eq=False)
class Actions:
    """What is done with n persons, and how likely that was.

    Attributes:
        channel: shape (n,), of the contact, or of the contact that a lot prevented; -1 = none.
        contact: shape (n,).
        targeted: shape (n,), the policy would contact the person.
        explored: shape (n,), contacted by lot, though the policy would not.
        chance: shape (n,), chance of being contacted, over all lots.
        propensity: shape (n,), chance of what was done: of the channel, or of no contact.
        expected_cost, expected_margin: of all contacts.
        explored_cost: of those by lot.
    """

    channel: CodeArray
    contact: BoolArray
    targeted: BoolArray
    explored: BoolArray
    chance: FloatArray
    propensity: FloatArray
    expected_cost: float
    expected_margin: float
    explored_cost: float

    @property
    def ghost(self) -> BoolArray:
        """Whom the policy would contact, had no lot prevented it."""
        return self.targeted & ~self.contact


def explore(
    offers: Offers,
    allocation: Allocation,
    arms: Arms,
    config: ExplorationConfig,
    person_ids: TextArray,
    *,
    money: float,
    salt: str,
) -> Actions:
    """Add the contacts by lot to those of the policy.

    As many persons as the money pays for at the dearest channel are drawn without replacement among the free whom the policy
    leaves out, so that each has the same chance; the channel is drawn among the person's possible ones.

    Args:
        offers: of n persons, only eligible ones possible.
        allocation: what the policy does.
        arms: lots of the holdouts.
        config: limits.
        person_ids: shape (n,).
        money: to be spent on these contacts, at most.
        salt: names this decision.

    Invariants: contacts by lot cost at most `money`; the propensities of everything that could be done with a person add up to
        1; over many salts a person is contacted as often as `chance` says.
    """
    targeted = allocation.channel != NO_CONTACT
    possible = offers.possible & ~np.isnan(offers.value)
    n_channels = possible.sum(axis=1)
    left_out = ~targeted & (n_channels > 0)
    pool = np.flatnonzero(left_out & arms.free)
    dearest = float(np.max(offers.cost[pool], where=possible[pool], initial=0.0))
    count = 0
    if len(pool):
        count = min(int(money / dearest), int(config.most * len(pool)))
    share = count / max(len(pool), 1)
    draw = uniform(person_ids, salt=f"{salt}|explore")
    drawn = pool[np.argsort(draw[pool], kind="stable")[:count]]
    which = (uniform(person_ids[drawn], salt=f"{salt}|channel") * n_channels[drawn]).astype(int)
    channel = allocation.channel.copy()
    channel[drawn] = np.argsort(~possible[drawn], axis=1, kind="stable")[np.arange(count), which]
    explored = np.zeros(len(targeted), np.bool_)
    explored[drawn] = True
    contact = allocation.contact | explored
    chance = arms.chance_free * np.where(targeted, 1.0, np.where(left_out, share, 0.0))
    per_channel = np.where(explored, chance / np.maximum(n_channels, 1), chance)
    rows, chosen = np.flatnonzero(contact), channel[contact]
    explored_cost = float(offers.cost[drawn, channel[drawn]].sum())
    return Actions(
        channel=channel,
        contact=contact,
        targeted=targeted,
        explored=explored,
        chance=chance,
        propensity=np.where(contact, per_channel, 1 - chance),
        expected_cost=float(offers.cost[rows, chosen].sum()),
        expected_margin=float(offers.value[rows, chosen].sum()),
        explored_cost=explored_cost,
    )
