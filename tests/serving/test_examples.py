"""Examples are picked by rule, the same ones every time, and their lines say what was known and decided."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.assignment import uniform
from features.project import Project
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.tables import CATALOG, DECISIONS
from serving.examples import _SAMPLE, example_persons
from serving.score import SCORE

HISTORY = (
    ("p1", 1, "milk", "t1", 1.0),
    ("p1", 3, "milk", "t2", 1.0),
    ("p1", 5, "rice", "t3", 1.0),
    ("p1", 6, "bread", "t4", 1.0),
    ("p1", 7, "gone", "t5", 1.0),
    ("p1", 7, "rice", "t5", 1.0),
    ("p1", 11, "milk", "t6", 1.0),
)
TITLES = {"bread": "Bread", "milk": "Milk, 1 l", "rice": "Rice"}


def decision(person, rank=1, reason="contacted", **changes):
    return {
        c.PERSON_ID: person,
        c.RANK: rank,
        c.CONTACT: reason.startswith("contacted"),
        c.ITEM_ID: "milk",
        c.TITLE: "Milk, 1 l",
        c.PRICE: 1.5,
        c.RECO_KIND: "buy_again",
        c.LEVEL: "exact",
        c.STAGE: "post_purchase",
        c.UPLIFT: 0.0123,
        c.BASE_OUTCOME: 0.456,
        c.EXPECTED_VALUE: 0.789,
        c.REASON_CODES: reason,
        **changes,
    }


@pytest.fixture
def examples(make_histories, day):
    def run(*decisions):
        catalog = pa.table({c.ITEM_ID: list(TITLES), c.TITLE: list(TITLES.values())})
        return example_persons(
            pa.Table.from_pylist(list(decisions)),
            catalog,
            make_histories(*HISTORY),
            as_of=day(10),
            currency="USD",
        )

    return run


def test_the_lines_of_one_household(examples):
    second = {c.ITEM_ID: "rice", c.TITLE: "Rice", c.PRICE: 2.0, c.RECO_KIND: "discover"}
    second[c.LEVEL] = "best_seller"
    (found,) = examples(decision("p1", 2, **second), decision("p1"))
    assert (found.person_id, found.contact, found.verdict) == ("p1", True, "contacted")
    assert found.explanation == (
        "Stage post purchase. Likely to buy within a week anyway: 46 %; a contact is expected to change that by "
        "+1.2 points, worth 0.79 USD of margin."
    )
    assert found.chosen == (
        "Milk, 1 l, 1.50 USD, item milk: buy again",
        "Rice, 2.00 USD, item rice: discover, best seller",
    )


def test_history_is_by_count_then_recency_and_stops_at_the_decision(examples):
    (found,) = examples(decision("p1"))
    assert found.history == (
        "Rice, item rice: bought 2 times, last 3 days before",
        "Milk, 1 l, item milk: bought 2 times, last 7 days before",
        "not in the catalog, item gone: bought 1 times, last 3 days before",
        "Bread, item bread: bought 1 times, last 4 days before",
    )


def test_somebody_without_history_and_items(examples):
    nothing = {c.ITEM_ID: None, c.TITLE: None, c.PRICE: None, c.RECO_KIND: "static"}
    (found,) = examples(decision("new", reason="no_consent", **nothing))
    assert (found.contact, found.verdict) == (False, "no consent")
    assert (found.history, found.chosen) == ((), ())


def test_each_verdict_has_its_places_in_the_order_of_a_hash(examples):
    names = [f"p{number}" for number in range(20)]
    decisions = [
        decision(name, reason=reason) for reason in ("holdout", "contacted") for name in names
    ]
    for place, row in enumerate(decisions):
        row[c.PERSON_ID] += "" if place < 20 else "c"
    found = [household.person_id for household in examples(*decisions)]
    contacted = [f"{name}c" for name in names]
    draws = dict(zip(contacted, uniform(contacted, salt="report sample"), strict=True))
    assert found[:2] == sorted(contacted, key=draws.get)[:2]
    assert len(found) == 2 + 1
    assert not found[2].endswith("c")


def test_a_verdict_without_a_place_is_not_shown(examples):
    assert examples(decision("p1", reason="no_history")) == []


def test_the_sample_fits_the_title_of_its_section():
    assert sum(_SAMPLE.values()) == 10


def test_the_sample_of_a_project_is_the_same_in_any_row_order(finished_project):
    project = Project(finished_project)
    workspace = project.workspace
    decisions = workspace.current(SCORE).read(DECISIONS)
    shuffled = decisions.sort_by([(c.SCORE, "descending"), (c.ITEM_ID, "ascending")])
    catalog = workspace.current(INGEST).read(CATALOG)
    histories = load_histories(workspace.current(FEATURES))
    one, other = (
        example_persons(table, catalog, histories, as_of=project.config.as_of, currency="USD")
        for table in (decisions, shuffled)
    )
    assert one == other
    assert len(one) == len({household.person_id for household in one}) <= 10
    assert {"contacted", "held out at random"} <= {household.verdict for household in one}
