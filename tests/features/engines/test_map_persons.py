"""Functions of whole histories: the same table from every engine, however the persons are cut."""

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.errors import GateError, SchemaError
from features.steps.features import features_of

COUNTS = pa.schema([(c.PERSON_ID, pa.string()), ("rows", pa.int64()), ("last", pa.timestamp("us", "UTC"))])  # fmt: skip


def count_rows(events, *, factor=None):
    counted = events.group_by(c.PERSON_ID).aggregate([([], "count_all"), (c.TIME, "max")])
    rows = counted["count_all"]
    if factor is not None:
        rows = pc.multiply(rows, factor.value)
    return pa.table([counted[c.PERSON_ID], rows, counted[f"{c.TIME}_max"]], schema=COUNTS)


def say_no(events):
    raise GateError("person 'é'", f"{events.num_rows > 0}", rule="none may", next_step="Stop.")


def stumble(events):
    raise ZeroDivisionError("a defect in the function")


def name_columns_wrongly(events):
    return events.select([c.PERSON_ID])


def type_columns_wrongly(events):
    return count_rows(events).set_column(1, "rows", pa.array(["many"] * len(count_rows(events))))


@pytest.fixture(scope="module")
def expected(shop_events, shop_closes):
    """The features of all persons at once, without any engine."""
    return features_of(shop_events, as_of=shop_closes).sort_by(c.PERSON_ID).combine_chunks()


@pytest.fixture
def features(engine, shop_events, shop_closes, expected):
    function = partial(features_of, as_of=shop_closes)

    def run(partitions=None, table=shop_events):
        found = engine.map_persons(table, function, expected.schema, partitions=partitions)
        return engine.collect(found).sort_by(c.PERSON_ID).combine_chunks()

    return run


@pytest.mark.parametrize("partitions", [1, 5, None])
def test_features_are_those_of_whole_histories_to_the_bit(features, expected, partitions):
    assert repr(features(partitions).to_pydict()) == repr(expected.to_pydict())


def test_a_table_of_the_engine_is_mapped_as_an_arrow_table_is(
    engine, shop_events, features, expected
):
    rows = engine.table(shop_events)
    bought = features(2, rows.filter(rows[c.EVENT_NAME] == "purchase"))
    assert repr(bought.to_pydict()) == repr(expected.to_pydict())  # features look at purchases only


def test_the_order_of_rows_does_not_matter(features, shop_events, expected):
    turned = shop_events.take(pa.array(range(shop_events.num_rows - 1, -1, -1)))
    assert repr(features(2, turned).to_pydict()) == repr(expected.to_pydict())


@given(
    st.lists(st.tuples(st.sampled_from("abcdefé"), st.integers(0, 10**15)), max_size=40),
    st.integers(1, 9),
    st.integers(1, 9),
)
@settings(max_examples=25)
def test_any_number_of_parts_gives_the_same_table(local, rows, some, others):
    people = pa.array([person for person, _ in rows], pa.string())
    times = pa.array([time for _, time in rows], pa.timestamp("us", "UTC"))
    events = pa.table({c.PERSON_ID: people, c.TIME: times})
    first, second = (
        local.collect(local.map_persons(events, count_rows, COUNTS, partitions=parts)).sort_by(c.PERSON_ID)
        for parts in (some, others)
    )  # fmt: skip
    assert first.equals(second)
    assert dict(zip(*(first[name].to_pylist() for name in (c.PERSON_ID, "rows")), strict=True)) == {
        person: sum(who == person for who, _ in rows) for person, _ in rows
    }


def test_nobody_gives_an_empty_table_of_the_schema(engine, shop_events):
    found = engine.collect(engine.map_persons(shop_events.slice(0, 0), count_rows, COUNTS))
    assert found.num_rows == 0
    assert found.schema == COUNTS


def test_broadcast_values_reach_the_function(engine, shop_events):
    function = partial(count_rows, factor=engine.broadcast(10))
    found = engine.collect(engine.map_persons(shop_events, function, COUNTS, partitions=2))
    assert pc.sum(found["rows"]).as_py() == 10 * shop_events.num_rows


def test_the_result_can_be_used_in_expressions(engine, shop_events):
    counted = engine.map_persons(shop_events, count_rows, COUNTS, partitions=2)
    busy = engine.collect(counted.filter(counted.rows > 100).select(c.PERSON_ID))
    assert busy.to_pylist() == [{c.PERSON_ID: "p 0é"}]


def test_an_error_on_purpose_arrives_whole(engine, shop_events):
    with pytest.raises(GateError, match=r"^person 'é': True; none may. Stop.$") as caught:
        engine.collect(engine.map_persons(shop_events, say_no, COUNTS))
    assert (caught.value.found, caught.value.exit_code) == ("True", 1)


def test_a_defect_arrives_with_its_words(engine, shop_events):
    with pytest.raises(Exception, match="a defect in the function"):
        engine.collect(engine.map_persons(shop_events, stumble, COUNTS))


def test_a_function_gives_what_it_declares(engine, shop_events):
    with pytest.raises(SchemaError, match=r"gave the columns \['person_id'\]; it declares"):
        engine.collect(engine.map_persons(shop_events, name_columns_wrongly, COUNTS))
    with pytest.raises(SchemaError, match=r"gave other types .*; it declares person_id: string"):
        engine.collect(engine.map_persons(shop_events, type_columns_wrongly, COUNTS))
