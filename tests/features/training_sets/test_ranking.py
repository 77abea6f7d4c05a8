"""The ranking set: rows by hand, parts, stable samples, and not a glimpse past the cut-off."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import columns as c
from features.builders.candidates import CANDIDATE_COLUMNS
from features.config import validate
from features.errors import ConfigError
from features.histories.histories import Histories, microseconds
from features.training_sets.parts import person_parts
from features.training_sets.ranking import (
    LABELS,
    RankingConfig,
    ranking_rows,
    ranking_schema,
)
from features.training_sets.shop import SimilarityConfig, know_shop

CONFIG = RankingConfig(
    cutoffs=2, max_persons=None, similarity=SimilarityConfig(person_share=1, min_persons=2)
)


def build(histories, day, attributes, config=CONFIG, partitions=1, **further):
    moments = config.moments(day(60))
    parts = list(person_parts(histories, partitions=partitions))
    shop = know_shop(parts, moments, attributes, config.similarity)
    matured = microseconds(day(60))
    tables = [ranking_rows(part, shop, config, matured_at=matured, **further) for part in parts]
    order = [(c.AS_OF, "ascending"), (c.PERSON_ID, "ascending"), (c.ITEM_ID, "ascending")]
    return pa.concat_tables(tables).sort_by(order)


@pytest.fixture(scope="module")
def rows(shop, day, attributes):
    return build(shop, day, attributes)


def test_the_last_label_window_ends_at_the_moment_of_decision(day):
    config = RankingConfig(cutoffs=3, every_days=5, horizon_days=7)
    assert config.moments(day(60)) == [microseconds(day(at)) for at in (43, 48, 53)]


def test_columns_are_declared(rows):
    assert rows.schema.equals(ranking_schema(CONFIG))
    assert [n for n in rows.column_names if n in CANDIDATE_COLUMNS] == list(CANDIDATE_COLUMNS)
    assert not set(LABELS) & set(CANDIDATE_COLUMNS)


def test_labels_are_the_purchases_of_the_window(rows, shop_rows, day):
    """A plain reading of the list of events; the refunded purchases are the first two."""
    back = [row for row in shop_rows if row[-1] == "purchase"][:2]
    bought = {
        (at, person, item)
        for at in (46, 53)
        for person, when, item, t, value, name in shop_rows
        if name == "purchase"
        and at <= when < at + 7
        and (person, when, item, t, value, name) not in back
    }
    keys = rows.select([c.AS_OF, c.PERSON_ID, c.ITEM_ID, c.LABEL]).to_pylist()
    day_of = {day(at): at for at in (46, 53)}
    found = {(day_of[r[c.AS_OF]], r[c.PERSON_ID], r[c.ITEM_ID]): r[c.LABEL] for r in keys}
    assert len(found) == rows.num_rows
    assert {key for key, label in found.items() if label} == bought & set(found)
    assert bought & set(found)
    assert 0 < pc.mean(rows[c.LABEL]).as_py() < 0.5


def test_what_was_taken_up_is_counted_candidates_or_not(rows, shop_rows, day):
    person = rows[c.PERSON_ID][0].as_py()
    wanted = {
        item
        for who, when, item, *_, name in shop_rows
        if who == person and name == "purchase" and 46 <= when < 53
    }
    assert rows[c.ITEMS_IN_HORIZON][0].as_py() == len(wanted)


def test_a_person_without_past_has_no_row(make_histories, day, attributes):
    histories = make_histories(("new", 56, "i1", "t1", 1.0), ("old", 45, "i1", "t2", 1.0))
    found = build(histories, day, attributes)
    assert set(found[c.PERSON_ID].to_pylist()) == {"old"}


@pytest.mark.parametrize("partitions", [2, 5])
def test_parts_give_the_rows_of_the_whole(rows, shop, day, attributes, partitions):
    apart = build(shop, day, attributes, partitions=partitions)
    assert apart.num_rows == rows.num_rows
    for name in rows.column_names:
        one, other = (t[name].to_numpy(zero_copy_only=False) for t in (rows, apart))
        if one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-6)
        else:
            assert (one == other).all()


def test_item_codes_of_a_part_do_not_matter(rows, shop_events, day, attributes):
    """Parts as a cluster makes them: each with its own events, and so with codes of its own."""
    events, reversals = shop_events
    ids = events[c.PERSON_ID].to_numpy(zero_copy_only=False).astype(str)
    parts = [
        Histories.from_events(events.filter(pa.array(keep)), reversals)
        for keep in (ids < "p10", ids >= "p10")
    ]
    moments = CONFIG.moments(day(60))
    shop = know_shop(parts, moments, attributes, CONFIG.similarity)
    tables = [ranking_rows(p, shop, CONFIG, matured_at=microseconds(day(60))) for p in parts]
    order = [(c.AS_OF, "ascending"), (c.PERSON_ID, "ascending"), (c.ITEM_ID, "ascending")]
    apart = pa.concat_tables(tables).sort_by(order)
    for name in (c.PERSON_ID, c.ITEM_ID, c.SOURCES, c.LABEL, c.ITEMS_IN_HORIZON):
        assert apart[name].to_pylist() == rows[name].to_pylist()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 29),
            st.floats(0, 6.9),
            st.integers(0, 7),
            st.sampled_from(["view", "cart_add", "purchase", "refund"]),
        ),
        max_size=8,
    )
)
def test_the_future_changes_labels_only(make_events, shop_rows, day, attributes, future):
    config = CONFIG.model_copy(update={"cutoffs": 1})
    past = [row for row in shop_rows if row[1] < 53]
    later = [(f"p{p:02d}", 53 + at, f"i{i}", "f", 5.0, name) for p, at, i, name in future]
    one, other = (
        build(Histories.from_events(make_events(*rows)), day, attributes, config).drop_columns(
            list(LABELS)
        )
        for rows in (past, past + later)
    )
    assert one.equals(other) or _same(one, other)


def _same(one, other):
    """Equal, NaN included."""
    return one.num_rows == other.num_rows and all(
        np.array_equal(one[n].to_numpy(), other[n].to_numpy(), equal_nan=True)
        if pa.types.is_floating(one[n].type)
        else one[n].equals(other[n])
        for n in one.column_names
    )


def test_persons_are_sampled_the_same_at_every_cutoff(shop, day, attributes):
    found = build(shop, day, attributes, share=0.4)
    by_moment = found.group_by(c.AS_OF).aggregate([(c.PERSON_ID, "count_distinct")])
    persons = set(found[c.PERSON_ID].to_pylist())
    assert 0 < len(persons) < shop.n_persons
    assert max(by_moment[f"{c.PERSON_ID}_count_distinct"].to_pylist()) == len(persons)
    assert RankingConfig(max_persons=12).person_share(30) == 0.4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"groups": ["order"]}, "'groups' names ['order']"),
        ({"sources": [{"kind": "own_items"}, {"kind": "own_items"}]}, "names a kind twice"),
        ({"label": []}, "label"),
    ],
)
def test_configs_that_cannot_be(content, words):
    with pytest.raises(ConfigError) as error:
        validate(RankingConfig, content, subject="features.yaml")
    assert words in str(error.value)
