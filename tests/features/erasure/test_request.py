"""The list of persons is read whole or refused, and no message shows an id."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.config import validate
from features.erasure.request import ErasureConfig, read_request
from features.errors import ConfigError, InputError


def written(tmp_path, content, name="list.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"person_id\n7\n 8 \n", {"person_id": {"7", "8"}}),
        (b"\xef\xbb\xbfuser_id;asked\r\n7;2026\r\n", {"user_id": {"7"}}),
        (b"anonymous_id\tuser_id\na1\t\n\tu1\n", {"anonymous_id": {"a1"}, "user_id": {"u1"}}),
        (b'person_id\n"7\n7"\n', {"person_id": {"7\n7"}}),
        (b"person_id\n", {}),
    ],
)
def test_lists_of_every_form(tmp_path, content, expected):
    found = read_request(written(tmp_path, content))
    assert {kind: set(ids) for kind, ids in found.ids.items() if ids} == expected
    assert set(found.ids) == {"person_id", "user_id", "anonymous_id"}


def test_numbers_in_parquet_are_ids_too(tmp_path):
    pq.write_table(pa.table({"person_id": [7, 8], "why": ["x", "y"]}), tmp_path / "list.parquet")
    found = read_request(tmp_path / "list.parquet")
    assert (found.ids["person_id"], found.rows) == (frozenset({"7", "8"}), 2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"name\nsecret-7\n", "has the columns name"),
        (b"person_id,user_id\nsecret-7,\n,\n", "names nobody in line 2|names nobody in line 3"),
        (b"person_id,user_id\nsecret-7\n", r"cannot be read in line 2 \(wrong_column_count\)"),
        (b"person_id\nsecret-\xff\n", r"cannot be read in line 2 \(invalid_utf8\)"),
        (b"PAR1", "is a Parquet file"),
    ],
)
def test_a_list_that_is_not_whole_is_refused(tmp_path, content, words):
    with pytest.raises(InputError, match=words) as caught:
        read_request(written(tmp_path, content))
    assert caught.value.exit_code == 2
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_missing_list_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"is not a file|no such file"):
        read_request(tmp_path / name)


def test_a_parquet_list_needs_an_id_column_of_texts(tmp_path):
    pq.write_table(pa.table({"name": ["x"]}), tmp_path / "names.parquet")
    with pytest.raises(InputError, match="has the columns name"):
        read_request(tmp_path / "names.parquet")
    pq.write_table(pa.table({"person_id": [["x"]]}), tmp_path / "nested.parquet")
    with pytest.raises(InputError, match="has ids that are no text"):
        read_request(tmp_path / "nested.parquet")


def test_a_short_salt_is_refused():
    with pytest.raises(ConfigError, match="'salt'"):
        validate(ErasureConfig, {"kind": "erasure", "list": "x", "salt": "short"}, subject="test")
