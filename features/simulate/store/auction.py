"""How contacts reach people: places to show an ad come up as people browse, and each is sold at the second-highest bid.

Whether a place is won does not depend on who the person is, but how many places there are does: the active see more ads,
contacted or not, so those exposed differ from those who are not even without any effect.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from scipy import special

from features.arrays import FloatArray, IntArray
from features.simulate.store import draws
from features.simulate.store.truth import DRAW_AUCTION
from features.simulate.store.world_config import AuctionConfig

_TWO_PI = 2.0 * np.pi


class Delivered(NamedTuple):
    """What became of n contacts.

    Attributes:
        impressions: shape (n,), places won; 0 = the contact did not reach the person.
        cost: shape (n,), money paid for them.
        clicks: shape (n,).
    """

    impressions: IntArray
    cost: FloatArray
    clicks: IntArray


def places(visits_per_day: FloatArray, config: AuctionConfig, *, mean_visits: float) -> FloatArray:
    """Mean places for an ad in the week of a contact, shape (n,).

    Args:
        visits_per_day: of each person.
        config: the mean, and how it grows.
        mean_visits: of the store per day.
    """
    found: FloatArray = config.places * (visits_per_day / mean_visits) ** config.activity
    return found


def win_rate(config: AuctionConfig) -> float:
    """Chance that a place is won: the highest other bid, log-normal, is below ours.

    Example:
        >>> win_rate(AuctionConfig(bid=0.004, rival=0.004))
        0.5
    """
    return float(special.ndtr(np.log(config.bid / config.rival) / config.rival_spread))


def price_per_place(config: AuctionConfig) -> float:
    """Expected money per place on offer, won or not: the mean of the highest other bid where it is below ours.

    Source: partial expectation of the log-normal distribution.
    """
    spread = config.rival_spread
    score = np.log(config.bid / config.rival) / spread
    return float(config.rival * np.exp(spread**2 / 2) * special.ndtr(score - spread))


def reach(mean_places: FloatArray, config: AuctionConfig) -> FloatArray:
    """Chance that a contact reaches: at least one of a Poisson number of places is won; shape (n,), in [0, 1]."""
    reached: FloatArray = -np.expm1(-mean_places * win_rate(config))
    return reached


def expected_cost(mean_places: FloatArray, config: AuctionConfig) -> FloatArray:
    """Expected money of a contact, shape (n,)."""
    return mean_places * price_per_place(config)


def hold_auctions(
    mean_places: FloatArray, moment: IntArray, person: IntArray, config: AuctionConfig, *, seed: int
) -> Delivered:
    """What becomes of contacts, or would have become of them: the same for the same person and moment.

    Args:
        mean_places: shape (n,), of each contact's person.
        moment: shape (n,), number of the decision.
        person: shape (n,), number of the person.
        config: bids.
        seed: of the draws.
    """
    n = len(person)
    delivered = Delivered(np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int64))
    rules = np.array([np.log(config.rival), config.rival_spread, config.bid, config.click])
    _hold(np.ascontiguousarray(mean_places, np.float64), moment, person, rules, seed, delivered)
    return delivered


@numba.njit(cache=True, nogil=True)
def _hold(
    mean_places: FloatArray,
    moment: IntArray,
    person: IntArray,
    rules: FloatArray,
    seed: int,
    delivered: Delivered,
) -> None:
    state = np.empty(1, np.uint64)
    log_rival, spread, bid, click = rules
    for row in range(person.shape[0]):
        draws.begin(state, seed, DRAW_AUCTION, moment[row], person[row])
        for _ in range(draws.poisson(state, mean_places[row])):
            # Box and Muller's normal number
            size = np.sqrt(-2.0 * np.log(1.0 - draws.uniform(state)))
            normal = size * np.cos(_TWO_PI * draws.uniform(state))
            clicked = draws.uniform(state) < click
            rival = np.exp(log_rival + spread * normal)
            if rival < bid:
                delivered.impressions[row] += 1
                delivered.cost[row] += rival
                delivered.clicks[row] += clicked
