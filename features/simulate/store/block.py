"""A block of a store: its people, and what they do by themselves."""

from __future__ import annotations

from features.simulate.store.actions import Actions
from features.simulate.store.behaviour import live
from features.simulate.store.config import StoreConfig
from features.simulate.store.people import People, block_of_people
from features.simulate.store.shelf import Shelf


def people_of(store: StoreConfig, block: int) -> People:
    """The people of one block; the same config and number give the same."""
    return block_of_people(
        store.people,
        block=block,
        persons=store.persons,
        categories=store.shelf.categories,
        places=store.shelf.places,
        days=store.days,
        seed=store.seed,
    )


def lives_of(store: StoreConfig, shelf: Shelf, people: People) -> Actions:
    """Everything these people do in the days of the store, before any advertising."""
    return live(
        people,
        shelf,
        store.people,
        days=store.days,
        weekday=store.first.weekday(),
        seed=store.seed,
    )
