"""Files lose the rows of the erased; what stays, stays as it was."""

from __future__ import annotations

import csv
import io

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.erasure.cleaning import clean_files
from features.histories.histories import Histories
from features.run import RunWriter, read_arrays, read_parquet

ADA = {
    "person_id": frozenset({"person-ada"}),
    "user_id": frozenset({"ada@mail.example"}),
    "anonymous_id": frozenset({"cookie-ada-1", "cookie-ada-2"}),
}


def cleaned(folder, target, ids=ADA):
    target.mkdir()
    counts = {}
    for file in clean_files(folder, ids):
        file.write(RunWriter(target, "test"))
        counts[file.name] = (file.rows, file.removed)
    return counts


def test_tables_and_the_rows_that_depend_on_their_events(built, tmp_path):
    folder = built.current("ingest").path
    counts = cleaned(folder, tmp_path / "clean")
    assert counts == {
        "events.parquet": (5, 3),
        "identities.parquet": (5, 2),
        "person_merges.parquet": (1, 1),
        "reversals.parquet": (2, 1),
    }
    before, after = (read_parquet(f / "events.parquet") for f in (folder, tmp_path / "clean"))
    assert after.equals(before.take([2, 4]))
    assert not (tmp_path / "clean" / "catalog.parquet").exists()


def test_histories_of_the_others_are_what_they_were(built, tmp_path):
    folder = built.current("features").path
    assert cleaned(folder, tmp_path / "clean") == {
        "histories": (5, 3),
        "person_ids.parquet": (3, 1),
    }

    def load(ids_from, arrays_from):
        ids = read_parquet(ids_from / "person_ids.parquet")[0].to_numpy().astype(object)
        items = read_parquet(folder / "item_ids.parquet")[0].to_numpy().astype(object)
        return Histories.from_arrays(
            read_arrays(arrays_from / "histories"),
            person_ids=ids,
            item_ids=items,
            category_ids=np.array([], dtype=object),
        )

    old, new = load(folder, folder), load(tmp_path / "clean", tmp_path / "clean")
    assert new.person_ids.tolist() == ["person-bob", "person-eve"]
    for person, name in enumerate(new.person_ids):
        (before,) = np.flatnonzero(old.person_ids == name)
        then, now = (slice(*h.offsets[p : p + 2]) for h, p in ((old, before), (new, person)))
        for column in ("time", "event", "item", "category", "transaction", "quantity", "value"):
            np.testing.assert_array_equal(getattr(new, column)[now], getattr(old, column)[then])
            assert getattr(new, column).dtype == getattr(old, column).dtype


def test_lines_of_text_files_keep_their_bytes(built, tmp_path):
    folder = built.current("score").path
    counts = cleaned(folder, tmp_path / "clean")
    assert counts == {"decisions.csv": (4, 2), "decisions.parquet": (4, 2), "list.jsonl": (2, 1)}
    assert (tmp_path / "clean" / "list.jsonl").read_text() == '{"user_id": "x", "n": 1}\n'
    before = (folder / "decisions.csv").read_bytes()
    after = (tmp_path / "clean" / "decisions.csv").read_bytes()
    _, *rows = list(csv.reader(io.StringIO(after.decode())))
    assert [row[0] for row in rows] == ["person-bob", "person-eve"]
    assert after[len(before.split(b"\n")[0]) :] in before


def test_an_id_that_a_spreadsheet_would_run_is_recognised(tmp_path):
    (tmp_path / "run").mkdir()
    writer = RunWriter(tmp_path / "run", "test")
    writer.csv("list.csv", pa.table({"person_id": ["-5", "'-6", "=7", "5"]}))
    ids = {**ADA, "person_id": frozenset({"-5", "=7"})}
    assert cleaned(tmp_path / "run", tmp_path / "clean", ids) == {"list.csv": (4, 2)}


def test_empty_and_broken_texts_are_no_error(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("a.csv", "a.jsonl"):
        (folder / name).write_text("")
    broken = "{\n[]\n" + '{"person_id": "person-ada"}\n'
    (folder / "b.jsonl").write_text(broken)
    assert cleaned(folder, tmp_path / "clean") == {"b.jsonl": (3, 1)}
    assert (tmp_path / "clean" / "b.jsonl").read_text() == "{\n[]\n"


def test_a_file_without_those_persons_is_left_alone(built):
    nobody = {
        **ADA,
        "person_id": frozenset({"x"}),
        "user_id": frozenset(),
        "anonymous_id": frozenset(),
    }
    assert not [f for run in built.runs() for f in clean_files(run.path, nobody)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return lambda: tmp_path_factory.mktemp("case")


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.text(alphabet='x,"\n\r;\t=', max_size=4))))
def test_csv_rows_of_others_come_through_whole(folders, rows):
    folder = folders()
    (folder / "run").mkdir()
    table = pa.table(
        {"person_id": [p for p, _ in rows], "text": pa.array([t for _, t in rows], pa.string())},
        schema=pa.schema([("person_id", pa.string()), ("text", pa.string())]),
    )
    RunWriter(folder / "run", "test").csv("t.csv", table)
    ids = {**ADA, "person_id": frozenset({"a"})}
    gone = sum(person == "a" for person, _ in rows)
    counts = cleaned(folder / "run", folder / "clean", ids)
    assert counts == ({"t.csv": (len(rows), gone)} if gone else {})
    if gone:
        (folder / "other").mkdir()
        others = table.filter(pa.compute.not_equal(table["person_id"], "a"))
        RunWriter(folder / "other", "test").csv("t.csv", others)
        expected = (folder / "other" / "t.csv").read_bytes()
        assert (folder / "clean" / "t.csv").read_bytes() == expected
