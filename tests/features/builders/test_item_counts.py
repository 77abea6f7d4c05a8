"""Counts of items as arithmetic, against a plain loop over dicts, and added up over parts of the persons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.builders.item_counts import ITEM_STAGES, ItemCounts

DAYS = (1, 3, 7, 14, 30, 90)


def as_dicts(counts):
    """What is counted, by item id."""
    return {
        item: {
            **{
                f"{stage}_{days}": counts.events[row, place, window]
                for place, stage in enumerate(ITEM_STAGES)
                for window, days in enumerate(DAYS)
            },
            "reach": counts.reach[row].tolist(),
            "revenue": counts.revenue[row],
            "gaps": counts.gaps[row],
            "gap_days": counts.gap_days[row],
            "first_seen": counts.first_seen[row],
            "last_sold": counts.last_sold_or_nan[row],
        }
        for row, item in enumerate(counts.item_ids)
    }


def everyone(histories, moment):
    return histories.as_of(np.arange(histories.n_persons), moment)


def test_ten_events_and_another_person(ten, at):
    found = as_dicts(ItemCounts.of(everyone(ten.histories, at(100))))
    assert sorted(found) == ["x", "y", "z"]
    x, y = found["x"], found["y"]
    assert [x[f"purchase_{days}"] for days in DAYS] == [0, 1, 1, 1, 1, 1]  # 1.5 and 97.75 days old
    assert [y[f"view_{days}"] for days in DAYS] == [1] * 6  # person b, a day old
    assert x["reach"] == [1, 1, 1]
    assert y["reach"] == [1 + 1, 1, 1]  # a bought without a view, b only viewed
    assert (x["revenue"], y["revenue"]) == (12, 90 - 30)
    assert (x["gaps"], x["gap_days"], y["gaps"]) == (1, 98.5 - 2.25, 0)
    assert (x["first_seen"], x["last_sold"]) == (at(2.25), at(98.5))


def test_a_purchase_taken_back_did_not_happen(ten, at):
    found = as_dicts(ItemCounts.of(everyone(ten.histories, at(100) + 1)))
    assert found["x"]["gaps"] == 1  # t1 went back at day 100, but t4 came: 98.5 to 100
    assert found["x"]["gap_days"] == 1.5
    assert found["x"]["first_seen"] == at(75.5)


def by_hand(book, day, item, at):
    persons = {
        person: [event for event in book.before(person, day) if event["item"] == item]
        for person in "ab"
    }
    counted = {
        person: [e for e in mine if e["name"] in ITEM_STAGES and not e["gone"]]
        for person, mine in persons.items()
    }
    every = [event for mine in counted.values() for event in mine]
    bought = [event for event in every if event["name"] == "purchase"]
    gaps = []
    for mine in counted.values():
        occasions = []
        for event in mine:
            if event["name"] == "purchase" and (not occasions or event["day"] - occasions[-1] >= 1):
                occasions.append(event["day"])
        gaps += np.diff(occasions).tolist()
    deepest = [
        max((ITEM_STAGES.index(e["name"]) for e in mine if e["age"] <= 90), default=-1)
        for mine in counted.values()
    ]
    return {
        **{
            f"{stage}_{days}": sum(e["name"] == stage and e["age"] <= days for e in every)
            for stage in ITEM_STAGES
            for days in DAYS
        },
        "reach": [sum(depth >= stage for depth in deepest) for stage in range(3)],
        "revenue": sum(event["net_money"] for event in bought if event["age"] <= 90),
        "gaps": len(gaps),
        "gap_days": sum(gaps),
        "first_seen": at(min(event["day"] for event in every)),
        "last_sold": at(max(e["day"] for e in bought)) if bought else np.nan,
    }


@given(data=st.data())
def test_a_loop_over_dicts_agrees(diary, twin, at, data):
    book = diary(data.draw(twin.events()))
    histories = book.histories
    if not histories.n_persons:
        return
    found = as_dicts(ItemCounts.of(everyone(histories, at(95))))
    for item, counted in found.items():
        expected = by_hand(book, 95, item, at)
        assert counted.pop("reach") == expected.pop("reach")
        assert counted == pytest.approx(expected, nan_ok=True)


@given(data=st.data())
def test_parts_of_the_persons_add_up_in_any_order(diary, twin, at, data):
    rows = data.draw(twin.events())
    mine = [{**row, "person": data.draw(st.sampled_from("abc"))} for row in rows if "of" not in row]
    books = [diary([row for row in mine if row["person"] == person]) for person in "abc"]
    parts = [ItemCounts.of(everyone(book.histories, at(95))) for book in books if book.events]
    if not parts:
        return
    whole = as_dicts(ItemCounts.of(everyone(diary(mine).histories, at(95))))
    for ordered in (parts, parts[::-1]):
        added = ordered[0]
        for part in ordered[1:]:
            added += part
        found = as_dicts(added)
        assert sorted(found) == sorted(whole)
        for item, counted in found.items():
            expected = dict(whole[item])
            assert counted.pop("reach") == expected.pop("reach")
            assert counted == pytest.approx(expected, nan_ok=True)


def test_items_not_counted_have_zero(ten, at):
    counts = ItemCounts.of(everyone(ten.histories, at(100)))
    wide = counts.aligned(np.array(["w", "x"], dtype=object))
    assert wide.reach.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert np.isnan(wide.first_seen_or_nan[0])
    assert np.isnan(wide.last_sold_or_nan[0])
    assert wide.last_sold_or_nan[1] == at(98.5)


def test_different_moments_are_refused(ten, at):
    one, other = (ItemCounts.of(everyone(ten.histories, at(day))) for day in (99, 100))
    with pytest.raises(ValueError, match="must be one moment"):
        one + other
    with pytest.raises(ValueError, match="2 different times, must be one for all rows"):
        ItemCounts.of(ten.histories.as_of([0, 1], [at(9), at(10)]))
