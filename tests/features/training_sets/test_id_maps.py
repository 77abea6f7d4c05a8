"""Numbers never change: new ids are appended, gone ids leave a gap."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.training_sets.id_maps import IdMap

ids = st.lists(st.text("abcdé1", min_size=1, max_size=3), max_size=12)


def numbers(known):
    return dict(zip(known.ids.to_pylist(), known.numbers.tolist(), strict=True))


@given(st.lists(ids, max_size=5))
def test_a_number_given_once_stays(days):
    known, before = IdMap.empty(), {}
    for today in days:
        known = known.extended(pa.array(today, pa.string()))
        now = numbers(known)
        assert before.items() <= now.items()
        assert set(now) == set(before) | set(today)
        assert sorted(now.values()) == list(range(known.free))
        assert numbers(known.extended(pa.array(today, pa.string()))) == now
        before = now


@given(ids, st.randoms())
def test_the_order_of_a_day_does_not_matter(today, random):
    shuffled = random.sample(today, len(today))
    one, other = (IdMap.empty().extended(pa.array(t, pa.string())) for t in (today, shuffled))
    assert numbers(one) == numbers(other)


@given(ids, ids)
def test_the_number_of_one_who_is_gone_is_not_given_again(first, second):
    known = IdMap.empty().extended(pa.array(first, pa.string()))
    kept = pa.table({"id": known.ids, "number": known.numbers}).slice(0, len(known.ids) // 2)
    stored = IdMap.from_columns(kept["id"], kept["number"], free=known.free)
    later = stored.extended(pa.array(second, pa.string()))
    fresh = set(second) - set(kept["id"].to_pylist())
    assert all(numbers(later)[name] >= known.free for name in fresh)


def test_ids_without_number_are_minus_one():
    known = IdMap.empty().extended(pa.array(["b", "a", None], pa.string()))
    assert known.numbers_of(pa.array(["a", "z", None, "b"])).tolist() == [0, -1, -1, 1]


@pytest.mark.parametrize(
    ("names", "given", "free"), [(["a", "a"], [0, 1], 2), (["a", "b"], [1, 1], 2), (["a"], [3], 3)]
)
def test_a_stored_map_that_contradicts_itself_is_refused(names, given, free):
    table = pa.table({"id": names, "number": given})
    with pytest.raises(ValueError, match=f"must have one each, below {free}"):
        IdMap.from_columns(table["id"], table["number"], free=free)
