"""A small made-up store, and the functions that make parts of it."""

from __future__ import annotations

import pytest

from features.simulate.store.behaviour import live
from features.simulate.store.config import PeopleConfig, ShelfConfig
from features.simulate.store.people import block_of_people
from features.simulate.store.shelf import stock_shelf

DAYS = 60
PERSONS = 3_000


@pytest.fixture(scope="session")
def shelf():
    return stock_shelf(ShelfConfig(items=200, categories=8), days=DAYS, seed=1)


@pytest.fixture(scope="session")
def people():
    return block_of_people(
        PeopleConfig(), block=0, persons=PERSONS, categories=8, days=DAYS, seed=1
    )


@pytest.fixture(scope="session")
def actions(people, shelf):
    return live(people, shelf, PeopleConfig(cart=0.05), days=DAYS, weekday=0, seed=1)
