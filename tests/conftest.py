"""Facts small enough to check by hand, and a small grocery shop in the files of The Complete Journey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import settings

from features import columns as c
from features.contracts import check
from features.histories.histories import Histories
from features.tables import EVENTS
from serving.plans import plan_project

settings.register_profile(
    "project", deadline=None, derandomize=True
)  # same cases everywhere, at any speed
settings.load_profile("project")

ROOT = Path(__file__).parents[1]
YEAR_STARTS = datetime(2017, 1, 1, tzinfo=UTC)


def event_rows(*rows):
    """Checked events from (person, day, item, transaction, value[, event name]) tuples; day 1 is 2017-01-02 00:00."""
    table = [
        {
            c.EVENT_ID: f"e{number:03d}",
            c.EVENT_NAME: rest[0] if rest else "purchase",
            c.TIME: YEAR_STARTS + timedelta(days=day),
            c.ANONYMOUS_ID: None,
            c.USER_ID: person,
            c.PERSON_ID: person,
            c.ITEM_ID: item,
            c.QUANTITY: 1.0,
            c.VALUE: value,
            c.CURRENCY: "USD",
            c.TRANSACTION_ID: transaction,
            c.CATEGORY: None,
            c.PAGE: None,
            c.SOURCE: "test",
            c.LINE: number + 1,
            c.CONSENT_PERSONALISATION: None,
            c.CONSENT_MEASUREMENT: None,
        }
        for number, (person, day, item, transaction, value, *rest) in enumerate(rows)
    ]
    return check(pa.Table.from_pylist(table, schema=EVENTS.schema), EVENTS, source="test")


@pytest.fixture(scope="session")
def make_events():
    return event_rows


@pytest.fixture(scope="session")
def make_histories():
    return lambda *rows: Histories.from_events(event_rows(*rows))


@pytest.fixture(scope="session")
def day():
    """The moment `days` after the start of the year."""
    return lambda days: YEAR_STARTS + timedelta(days=days)


def write_journey(folder: Path, *, households: int = 160, seed: int = 5) -> Path:
    """A year of a small shop: weekly baskets of own staples, a few campaigns, every kind of gap the real data have."""
    rng = np.random.default_rng(seed)
    rows = []
    for household in range(1, households + 1):
        staples = rng.permutation(50)[:8]
        gap, moment = rng.uniform(1.5, 16), rng.uniform(0, 14)
        while moment < 365:
            basket = len({row["basket_id"] for row in rows[-40:]}) + len(rows) * 50
            for item in sorted({*rng.permutation(staples)[:4].tolist(), int(rng.integers(60))}):
                price = 1 + item / 4
                rows.append(
                    {
                        "household_id": household,
                        "store_id": 1,
                        "basket_id": basket,
                        "product_id": 1000 + item,
                        "quantity": int(rng.integers(0, 4) > 0),
                        "sales_value": round(price, 2),
                        "transaction_timestamp": (YEAR_STARTS + timedelta(days=moment)).replace(
                            tzinfo=None
                        ),
                    }
                )
            moment += rng.exponential(gap) + 0.2
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, "transactions", rows)
    _write(folder, "products", [_product(item) for item in range(58)])
    campaigns = [
        {"campaign_id": 1 + h % 2, "household_id": h} for h in range(1, households, 1) if h % 8
    ]
    _write(folder, "campaigns", campaigns)
    _write(folder, "campaign_descriptions", [_campaign(1, 3), _campaign(2, 90)])
    redeemed = YEAR_STARTS.replace(tzinfo=None) + timedelta(days=30)
    _write(
        folder,
        "coupon_redemptions",
        [{"household_id": 1, "coupon_upc": 7, "campaign_id": 1, "redemption_date": redeemed}],
    )
    return folder


def _product(item):
    return {
        "product_id": 1000 + item,
        "department": "GROCERY",
        "brand": "National" if item % 2 else "Private",
        "product_category": None if item == 3 else f"CATEGORY {item % 7}",
        "product_type": None if item == 3 else f"TYPE {item}",
        "package_size": None if item % 3 else "12 OZ",
    }


def _campaign(number, starts):
    begin = YEAR_STARTS.replace(tzinfo=None) + timedelta(days=starts)
    return {
        "campaign_id": number,
        "campaign_type": "Type A",
        "start_date": begin,
        "end_date": begin + timedelta(days=30),
    }


def _write(folder, name, rows):
    pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")


PROJECT_FILES = {
    "project": """
name: small_shop
workspace: out
as_of: 2017-12-25
currency: USD
source: {kind: complete_journey, folder: FOLDER, max_reject_rate: 0.5}
""",
    "experiment": """
kind: overlay
experiment_id: small_overlay
first: 2017-05-01
weeks: 34
""",
    "recommender": """
kind: recommender
trials: 1
test_weeks: 2
minimum_interactions: 100
replicates: 200
candidates: [{kind: recent_popular}, {kind: buy_again}, {kind: item_neighbours}, {kind: als, factors: 8}]
""",
    "uplift": """
kind: uplift
data:
  kind: histories
  experiment: small_overlay
  outcomes: {conversion: binary, revenue: continuous, margin: continuous}
target: conversion
learner: {kind: t_learner, base: {kind: lightgbm, n_trees: 20, min_child_rows: 50}}
split: {kind: last_weeks, test_weeks: 8}
refit: true
""",
    "campaign": """
kind: campaign
holdout: {share: 0.2, salt: small, policy_share: 0.2}
exploration: {share: 0.2}
budget: {amount: 12, cost_per_contact: 0.5, min_return: 0.2}
eligibility: {recent_purchase_hours: 48, just_bought_days: 2, blocked_categories: [CATEGORY 5]}
frequency: {max_contacts: 3}
candidates: 20
items_per_person: 3
creative:
  templates:
    - {name: restock, step: reminder, stages: [post_purchase], headline: "{{ title }} for {{ price }}"}
    - {name: again, step: reminder, headline: "{{ title }}", body: "From {{ maker }}", fallbacks: {maker: your shop}}
    - {name: worth_it, step: value, headline: "{{ title }}", body: "Only {{ price }}"}
    - {name: last, step: urgency, headline: "Hurry: {{ title }}"}
""",
}


def write_project(folder: Path, source: Path) -> Path:
    """A whole project folder over the small shop."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PROJECT_FILES.items():
        (folder / f"{name}.yaml").write_text(text.replace("FOLDER", str(source)))
    return folder


@pytest.fixture(scope="session")
def journey(tmp_path_factory):
    """Folder with the files of the small shop; read only."""
    return write_journey(tmp_path_factory.mktemp("journey"))


@pytest.fixture
def project_folder(tmp_path, journey):
    """A fresh project over the small shop, nothing run yet."""
    return write_project(tmp_path / "project", journey)


@pytest.fixture(scope="session")
def finished_project(tmp_path_factory, journey):
    """A project with every step run; read only."""
    folder = write_project(tmp_path_factory.mktemp("finished"), journey)
    for job in plan_project(folder, []).jobs:
        job.carry_out()
    return folder
