"""The last look finds an id wherever it stands, and does not take a number for an id."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.erasure.search import search

LONG = {
    "person_id": frozenset({"person-ada", "123456789"}),
    "user_id": frozenset(),
    "anonymous_id": frozenset(),
}


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.html", b"<b>person-ada</b>", True),
        ("a.json", b'{"x": "overlay|person-ada|2026"}', True),
        ("a.txt", b"person-adam", False),
        ("a.txt", b"person 123456789, 12", True),
        ("a.txt", b"0.1234567891", False),
        ("a.db", b"\x00keyperson-ada2", True),
        ("a.csv", b"person_id\nperson-ada\n", True),
    ],
)
def test_texts(tmp_path, name, content, found):
    (tmp_path / name).write_bytes(content)
    assert search(tmp_path, LONG).hits == ((name,) if found else ())


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"exposure_id": ["overlay|person-ada|2026"]}, True),
        ({"label": pa.array(["person-ada"]).dictionary_encode()}, True),
        ({"list": [["x", "person-ada"]]}, True),
        ({"person_id": [123456789]}, True),
        ({"item_id": ["person", "ada"]}, False),
        ({"price": [123456789.0]}, False),
    ],
)
def test_tables(tmp_path, columns, found):
    parquet(tmp_path / "t.parquet", **columns)
    assert search(tmp_path, LONG).hits == (("t.parquet",) if found else ())


def test_a_short_id_is_compared_in_tables_only(tmp_path):
    ids = {**LONG, "person_id": frozenset({"12", "12345678", "ada_1"})}
    (tmp_path / "price.json").write_text('{"price": 12, "other": 12345678, "x": "ada_1"}')
    parquet(tmp_path / "items.parquet", item_id=["12"])
    found = search(tmp_path, ids)
    assert (found.hits, found.as_text, found.too_short) == ((), 0, 3)
    parquet(tmp_path / "persons.parquet", person_id=["12"])
    assert search(tmp_path, ids).hits == ("persons.parquet",)


def test_links_are_not_followed_and_skipped_files_not_read(tmp_path):
    (tmp_path / "a.txt").write_text("person-ada")
    (tmp_path / "b.txt").symlink_to("a.txt")
    found = search(tmp_path, LONG, skip=frozenset({"a.txt"}))
    assert (found.files, found.hits) == (0, ())
