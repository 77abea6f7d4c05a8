"""What was taken back counts from its own time on, and only then."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.histories.histories import Histories, microseconds, without_persons
from features.histories.reversals import EVERYTHING, is_taken_back, net_quantity, net_value
from features.tables import REVERSALS

ROWS = (
    ("a", 1, "x", "t1", 10.0),  # e000: 5 units; 2 go back on day 3, 3 on day 8
    ("a", 2, "y", "t2", 4.0),  # e001: no quantity, so one unit; goes back on day 8
    ("a", 3, "x", "t1", None, "refund"),  # e002
    ("a", 4, "x", "t3", 7.0),  # e003: stays
    ("a", 8, None, None, None, "refund"),  # e004
    ("b", 2, "y", "t4", None),  # e005: no money; goes back on day 5
    ("b", 5, "y", "t4", None, "cancel"),  # e006
)
UNITS = [5.0, None, 2.0, 1.0, None, 2.0, None]
TAKEN = (
    ("e004", "e000", 3.0, 6.0),
    ("e002", "e000", 2.0, 4.0),
    ("e004", "e001", 1.0, 4.0),
    ("e006", "e005", 2.0, None),
    ("e006", "gone", 1.0, 1.0),
    ("gone", "e003", 1.0, 7.0),
)


def reversals_table(rows):
    return pa.Table.from_pylist(
        [dict(zip(REVERSALS.schema.names, row, strict=True)) for row in rows], REVERSALS.schema
    )


@pytest.fixture(scope="module")
def events(make_events):
    table = make_events(*ROWS)
    place = table.schema.get_field_index(c.QUANTITY)
    return table.set_column(place, table.schema.field(c.QUANTITY), pa.array(UNITS, pa.float64()))


@pytest.fixture(scope="module")
def histories(events):
    return Histories.from_events(events, reversals_table(TAKEN))


def net(histories, position, cutoff):
    """Units, money and whether nothing is left."""
    return (
        net_quantity(position, cutoff, histories.quantity, histories.reversals),
        net_value(position, cutoff, histories.value, histories.reversals),
        is_taken_back(position, cutoff, histories.quantity, histories.reversals),
    )


@pytest.mark.parametrize(
    ("position", "days", "expected"),
    [
        (0, 3, (5, 10, False)),
        (0, 3 + 1e-6, (5 - 2, 10 - 4, False)),
        (0, 8, (5 - 2, 10 - 4, False)),
        (0, 9, (5 - 2 - 3, 10 - 4 - 6, True)),
        (1, 8, (1, 4, False)),
        (1, 9, (0, 0, True)),
        (3, 99, (1, 7, False)),
        (5, 5, (2, np.nan, False)),
        (5, 6, (0, np.nan, True)),
    ],
)
def test_what_is_left_strictly_before_a_moment(histories, day, position, days, expected):
    np.testing.assert_array_equal(net(histories, position, microseconds(day(days))), expected)


def test_an_entry_of_an_event_that_is_not_there_takes_nothing(histories):
    assert net(histories, 3, EVERYTHING) == (1, 7, False)
    assert histories.reversals.offsets.tolist() == [0, 2, 3, 4]
    assert histories.reversals.row.tolist() == [0, 1, -1, -1, -1, 2, -1]


def test_money_of_an_entry_that_is_not_known_takes_no_money(events):
    histories = Histories.from_events(events, reversals_table([("e002", "e000", 2.0, None)]))
    assert net(histories, 0, EVERYTHING) == (5 - 2, 10, False)


def test_without_reversals_everything_stays(events):
    for none in (None, REVERSALS.schema.empty_table()):
        histories = Histories.from_events(events, none)
        assert net(histories, 0, EVERYTHING) == (5, 10, False)


def test_a_purchase_of_no_units_is_not_taken_back(events):
    place = events.schema.get_field_index(c.QUANTITY)
    free = events.set_column(place, events.schema.field(c.QUANTITY), pa.array([0.0] * len(ROWS)))
    assert net(Histories.from_events(free), 0, EVERYTHING) == (0, 10, False)


def test_arrays_round_trip(histories):
    back = Histories.from_arrays(
        histories.arrays(),
        person_ids=histories.person_ids,
        item_ids=histories.item_ids,
        category_ids=histories.category_ids,
    )
    for name, array in histories.reversals._asdict().items():
        np.testing.assert_array_equal(array, getattr(back.reversals, name))


@pytest.mark.parametrize("stays", [[True, False], [False, True], [False, False], [True, True]])
def test_persons_leave_with_what_they_took_back(events, histories, stays):
    left = without_persons(histories.arrays(), np.array(stays))
    names = [name for name, stay in zip("ab", stays, strict=True) if stay]
    of_them = events.filter(pc.is_in(events[c.PERSON_ID], value_set=pa.array(names, pa.string())))
    built = Histories.from_events(of_them, reversals_table(TAKEN)).arrays()
    assert left.keys() == built.keys()
    for name in left.keys() - {"item", "transaction"}:  # codes stay what they were
        np.testing.assert_array_equal(left[name], built[name])
        assert left[name].dtype == built[name].dtype


entry = st.tuples(
    st.sampled_from(["e002", "e004", "e006"]), st.sampled_from(["e000", "e001", "e003", "e005"])
)


@given(entries=st.lists(entry, unique=True, max_size=8), days=st.integers(0, 9), order=st.randoms())
def test_refunds_at_or_after_a_moment_change_nothing_before_it(events, day, entries, days, order):
    rows = [(refund, bought, 0.5, 1.0) for refund, bought in entries]
    order.shuffle(rows)
    when = dict(zip(events[c.EVENT_ID].to_pylist(), [row[1] for row in ROWS], strict=True))
    known = [row for row in rows if when[row[0]] < days]
    cutoff = microseconds(day(days))
    all_of_them, before = (
        Histories.from_events(events, reversals_table(r)) for r in (rows, sorted(known))
    )
    for position in range(len(ROWS)):
        np.testing.assert_array_equal(
            net(all_of_them, position, cutoff), net(before, position, EVERYTHING)
        )
