"""Codes are those of a dictionary that numbers texts as they come, whatever their lengths and pieces."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.histories.event_columns import EventColumns
from features.histories.text_codes import TextCodes

text = st.one_of(
    st.none(),
    st.text(alphabet="ab\0\u00e9\U0001f600", max_size=3),
    st.integers(0, 3).flatmap(
        lambda n: st.sampled_from(["x" * (7 + n), "x" * (15 + n), "x" * 7 * n])
    ),
)


def numbered(values):
    code_of = {}
    return [-1 if v is None else code_of.setdefault(v, len(code_of)) for v in values], code_of


@pytest.mark.parametrize("type_", [pa.string(), pa.large_string()])
@given(values=st.lists(text, max_size=20), begin=st.integers(0, 3), split=st.integers(0, 20))
def test_codes_follow_the_first_appearance(type_, values, begin, split):
    codes = TextCodes()
    whole = pa.array([None, "before", "x", *values], type_).slice(3)
    begin = min(begin, len(values))
    pieces = [whole.slice(begin, split), whole.slice(begin + split), whole.slice(0, begin)]
    expected, code_of = numbered(pa.chunked_array(pieces, type_).to_pylist())
    assert np.concatenate([codes.encode(piece) for piece in pieces]).tolist() == expected
    assert codes.texts().to_pylist() == list(code_of)
    ids, place = codes.in_order()
    assert ids.tolist() == sorted(code_of, key=str.encode)
    assert ids[place].tolist() == list(code_of)
    assert len(codes) == len(code_of)


@given(values=st.lists(text, max_size=20))
def test_a_dictionary_has_the_codes_of_its_texts(values):
    whole = pa.array(values, pa.string())
    plain, encoded = TextCodes(), TextCodes()
    expected = plain.encode(whole)
    found = encoded.encode(whole.dictionary_encode())
    assert encoded.texts().take(pa.array(found, mask=found < 0)).to_pylist() == values
    np.testing.assert_array_equal(expected < 0, found < 0)


def test_many_texts_keep_their_codes_while_the_table_grows():
    numbers = np.arange(150_000)
    ids = pa.array([f"{number:x}" for number in numbers])
    codes = TextCodes()
    np.testing.assert_array_equal(codes.encode(ids), numbers)
    np.testing.assert_array_equal(codes.encode(ids.take(pa.array(numbers[::-1]))), numbers[::-1])
    assert codes.texts().cast(pa.string()).equals(ids)


@given(values=st.lists(text, max_size=20))
def test_fingerprints_are_those_of_the_text_alone(values):
    convert = EventColumns().convert
    whole = pa.array([None, *values], pa.string()).slice(1)
    prints = convert("transaction", whole)
    np.testing.assert_array_equal(prints, convert("transaction", whole.dictionary_encode()))
    one_by_one = [convert("transaction", pa.array([v], pa.large_string()))[0] for v in values]
    assert prints.tolist() == one_by_one
    assert ((prints == -1) == [value is None for value in values]).all()
    assert len(set(prints.tolist())) == len(set(values))


def test_a_text_is_not_taken_for_one_that_only_begins_like_it():
    for trial in range(40):  # often enough that some fall into the slot of their beginning
        codes = TextCodes()
        beginnings = [f"{trial} {number}" for number in range(2_000)]
        longer = [f"{text}\0" for text in beginnings]
        assert codes.encode(pa.array(beginnings)).tolist() == list(range(2_000))
        assert codes.encode(pa.array(longer)).tolist() == list(range(2_000, 4_000))
