"""The people of a made-up store: what each is like, in blocks that can be made apart."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from features.simulate.store.config import PeopleConfig
from features.simulate.store.shelf import NEVER

BLOCK: Final = 20_000
"""Persons whose nature is drawn together; the draws of a block depend on no other block."""


class People(NamedTuple):
    """Persons `first` to `first + n - 1`.

    Attributes:
        first: number of the first.
        visits_per_day: shape (n,), before weekday and need.
        appetite: shape (n,), factor on the chance to put an item into the cart; mean 1.
        devices: shape (n,), how many.
        known: shape (n,), has an account.
        consent: shape (n,), agrees to personalised advertising at first.
        changes: shape (n,), day on which that turns to the contrary; `NEVER` = it stays.
        tastes: shape (n, tastes), liked categories at first.
    """

    first: int
    visits_per_day: FloatArray
    appetite: FloatArray
    devices: IntArray
    known: BoolArray
    consent: BoolArray
    changes: IntArray
    tastes: IntArray


def block_of_people(
    config: PeopleConfig,
    *,
    block: int,
    persons: int,
    categories: int,
    days: int,
    seed: int,
    places: int = 1,
) -> People:
    """The persons of one block, at most `BLOCK`.

    Args:
        config: what people are like.
        block: number of the block.
        persons: of the whole store.
        categories: of the store.
        days: length of the simulation.
        seed: of the draws.
        places: of the store; a person lives at one, and likes categories there.
    """
    first = block * BLOCK
    n = min(BLOCK, persons - first)
    rng = np.random.default_rng([seed, 1, block])
    spread = config.activity_spread
    change = rng.random(n) < config.consent_changes
    place = (first + np.arange(n)) % places
    return People(
        first=first,
        visits_per_day=config.visits_per_day
        * np.exp(spread * rng.standard_normal(n) - spread**2 / 2),
        appetite=rng.gamma(2.0, 0.5, n),
        devices=rng.integers(1, config.devices + 1, n),
        known=rng.random(n) < config.known,
        consent=rng.random(n) < config.consent,
        changes=np.where(change, rng.integers(0, days, n), NEVER),
        tastes=rng.integers(categories // places, size=(n, config.tastes)) * places
        + place[:, None],
    )


def blocks(persons: int) -> range:
    """Numbers of the blocks of so many persons."""
    return range(-(-persons // BLOCK))
