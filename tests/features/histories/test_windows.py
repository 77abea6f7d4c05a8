"""Counts, sums and different items of windows: by hand on ten events, against plain loops, and blind to the future."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import threads
from features.histories.histories import Histories, microseconds
from features.histories.windows import EVERY_DAY, distinct_items, windowed_counts, windowed_sums
from features.tables import REVERSALS

ROWS = (
    ("a", 0, "x", None, None, "view"),
    ("a", 0.01, "y", None, None, "view"),
    ("a", 1, "x", None, None, "cart_add"),
    ("a", 2, "x", "t1", 10.0),
    ("a", 2, "y", "t1", 4.0),
    ("a", 5, "x", None, None, "view"),
    ("a", 6, "z", "t2", 8.0),
    ("a", 7, None, None, None, "page_view"),
    ("a", 8, "z", "t2", None, "refund"),
    ("a", 9, "y", "t3", 2.0),
)
NAMES = ("purchase", "view")
DAYS = (4, 1, 7.5)


def taken_back(*entries):
    rows = [dict(zip(REVERSALS.schema.names, entry, strict=True)) for entry in entries]
    return pa.Table.from_pylist(rows, REVERSALS.schema)


@pytest.fixture(scope="module")
def histories(make_events):
    return Histories.from_events(make_events(*ROWS), taken_back(("e008", "e006", 1.0, 8.0)))


def at(histories, day, *days):
    return histories.as_of([0] * len(days), [microseconds(day(d)) for d in days])


def test_counts_by_hand(histories, day):
    counts = windowed_counts(at(histories, day, 9, 0, 5), events=NAMES, days=DAYS)
    assert counts.tolist() == [
        [[1, 0, 3], [1, 0, 1]],  # the view of day 5 is four days old, no microsecond more
        [[0, 0, 0], [0, 0, 0]],  # the view of day 0 is not before day 0
        [[2, 0, 2], [0, 0, 2]],
    ]


def test_sums_by_hand(histories, day):
    sums = windowed_sums(at(histories, day, 8, 9, 10), events=["purchase"], days=[3, EVERY_DAY])
    assert sums[:, 0].tolist() == [[8, 10 + 4 + 8], [8 - 8, 10 + 4], [2, 10 + 4 + 2]]
    units = windowed_sums(
        at(histories, day, 8, 10), events=["purchase"], days=[EVERY_DAY], of="quantity"
    )
    assert units.ravel().tolist() == [3, 3 - 1 + 1]


def test_different_items_by_hand(histories, day):
    view = at(histories, day, 9, 9.5)
    assert distinct_items(view, events=["purchase"]).tolist() == [3, 3]
    assert distinct_items(view, events=["purchase"], days=4).tolist() == [1, 2]
    assert distinct_items(view, events=["page_view"]).tolist() == [0, 0]


def test_a_name_must_be_of_the_vocabulary(histories, day):
    with pytest.raises(ValueError, match="not in tuple"):
        windowed_counts(at(histories, day, 9), events=["dance"], days=[1])


def test_an_unknown_person_has_nothing(histories, day):
    view = histories.as_of([-1], microseconds(day(9)))
    assert windowed_counts(view, events=NAMES, days=DAYS).sum() == 0
    assert distinct_items(view, events=NAMES).tolist() == [0]


event = st.tuples(
    st.sampled_from("ab"),
    st.integers(0, 24).map(lambda steps: steps / 2),
    st.sampled_from(["x", "y", None]),
    st.sampled_from(["t1", None]),
    st.sampled_from([1.0, 2.0, None]),
    st.sampled_from(["view", "purchase", "refund"]),
)
moments = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 26)), min_size=1, max_size=6)


def with_reversals(make_events, rows):
    """Each refund takes half of the latest earlier purchase of the first person who has one."""
    entries = []
    for number, row in enumerate(rows):
        bought = [n for n, o in enumerate(rows) if o[5] == "purchase" and o[1] <= row[1]]
        if row[5] == "refund" and bought:
            value = rows[bought[-1]][4]
            entries.append(
                (f"e{number:03d}", f"e{bought[-1]:03d}", 0.25, None if value is None else value / 4)
            )
    return Histories.from_events(make_events(*rows), taken_back(*entries)), entries


def visible(rows, person, moment, days):
    return [
        (number, row)
        for number, row in enumerate(rows)
        if row[0] == person and moment - days <= row[1] < moment
    ]


@given(rows=st.lists(event, min_size=1, max_size=25), asked=moments)
def test_plain_loops_agree(make_events, day, rows, asked):
    histories, entries = with_reversals(make_events, rows)
    names = ["a", "b"]
    persons = histories.person_rows(pa.array([names[p] for p, _ in asked]))
    view = histories.as_of(persons, [microseconds(day(step / 2)) for _, step in asked])
    days, when = (2, 0.5, 99), {f"e{n:03d}": row[1] for n, row in enumerate(rows)}
    counts = windowed_counts(view, events=NAMES, days=days)
    money = windowed_sums(view, events=NAMES, days=days)
    units = windowed_sums(view, events=NAMES, days=days, of="quantity")
    for row, (person, step) in enumerate(asked):
        for window, length in enumerate(days):
            seen = visible(rows, names[person], step / 2, length)
            found = {o[2] for _, o in seen if o[5] in NAMES and o[2] is not None}
            items = distinct_items(view.take([row]), events=NAMES, days=length)
            assert items.tolist() == [len(found)]
            for slot, name in enumerate(NAMES):
                chosen = [(n, o) for n, o in seen if o[5] == name]
                assert counts[row, slot, window] == len(chosen)
                left, kept = 0.0, 0.0
                for number, o in chosen:
                    back = [
                        e for e in entries if e[1] == f"e{number:03d}" and when[e[0]] < step / 2
                    ]
                    left += max((o[4] or 0) * (1 - 0.25 * len(back)), 0)
                    kept += max(1 - 0.25 * len(back), 0)
                assert money[row, slot, window] == pytest.approx(left)
                assert units[row, slot, window] == pytest.approx(kept)


@given(
    past=st.lists(event, min_size=1, max_size=12),
    future=st.lists(event, max_size=8),
    asked=st.integers(0, 1),
)
def test_events_at_or_after_the_cut_off_change_nothing(make_events, day, past, future, asked):
    cut = 13
    later = [(person, when + cut, *rest) for person, when, *rest in future]
    person, found = pa.array(["ab"[asked]]), []
    for rows in (past, [*past, *later]):
        histories, _ = with_reversals(make_events, rows)
        view = histories.as_of(histories.person_rows(person), microseconds(day(cut)))
        found.append(
            [
                windowed_counts(view, events=NAMES, days=(1, 9)).tolist(),
                windowed_sums(view, events=NAMES, days=(1, 9)).tolist(),
                distinct_items(view, events=NAMES).tolist(),
            ]
        )
    assert found[0] == found[1]


def test_two_threads_find_what_one_finds(make_events, day, monkeypatch):
    rng = np.random.default_rng(3)
    rows = [
        ("ab"[rng.integers(2)], int(rng.integers(9)), "xyz"[rng.integers(3)], None, 1.0)
        for _ in range(60)
    ]
    histories = Histories.from_events(make_events(*rows))
    view = histories.as_of(
        rng.integers(2, size=31), [microseconds(day(d)) for d in rng.integers(12, size=31).tolist()]
    )
    found = []
    for worth_it in (1, 1_000):
        monkeypatch.setattr(threads, "_WORTH_IT", worth_it)
        found.append(
            (
                windowed_counts(view, events=["purchase"], days=(1, 3)),
                windowed_sums(view, events=["purchase"], days=(1, 3)),
                distinct_items(view, events=["purchase"], days=3),
            )
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found[0][0].sum() > 0
