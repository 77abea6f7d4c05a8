"""Item lists per person: golden CSV and JSON lines, typed Parquet, and rows off the schema."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from serving.exports.base import Unavailable, require_valid
from serving.exports.item_lists import COLUMNS, ItemListsConfig, file_format, prepare

CONFIGS = {name: ItemListsConfig(kind="item_lists", format=name) for name in ("csv", "jsonl", "parquet")}  # fmt: skip
GOLDEN_CSV = b"""\
schema_version,person_id,rank,item_id,title,price,currency,reco_kind,stage,message,snapshot_id
1,p1,1,i1,I1,2.5,USD,discover,browse,Hello,s1
1,p1,2,i2,I2,2.5,USD,discover,browse,Hello,s1
1,p2,1,i1,I1,2.5,USD,discover,cart,'=Hello,s1
"""
GOLDEN_LINE = (
    b'{"schema_version":1,"person_id":"p1","rank":1,"item_id":"i1","title":"I1","price":2.5,"currency":"USD",'
    b'"reco_kind":"discover","stage":"browse","message":"Hello","snapshot_id":"s1"}\n'
)


@pytest.fixture
def facts(make):
    decisions = [
        make.decision("p1", 1, "i1"), make.decision("p1", 2, "i2"),
        make.decision("p2", 1, "i1", stage="cart", message="=Hello"), make.decision("p3", 1, None),
    ]  # fmt: skip
    return make.facts(decisions)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_format_is_read_again_as_written(facts, tmp_path, name):
    config = CONFIGS[name]
    (found,) = prepare("lists", config, facts)
    path = tmp_path / f"lists.{name}"
    assert file_format(config, facts).suffix == f".{name}"
    file_format(config, facts).write(path, found.rows)
    require_valid(path, file_format(config, facts), found.rows)
    assert found.persons == 2


def test_golden_files(facts, tmp_path):
    (found,) = prepare("lists", CONFIGS["csv"], facts)
    for name, golden in (("csv", GOLDEN_CSV), ("jsonl", GOLDEN_LINE)):
        path = tmp_path / name
        file_format(CONFIGS[name], facts).write(path, found.rows[:1] if name == "jsonl" else found.rows)  # fmt: skip
        assert path.read_bytes() == golden


def test_parquet_has_types(facts, tmp_path):
    (found,) = prepare("lists", CONFIGS["parquet"], facts)
    path = tmp_path / "lists.parquet"
    file_format(CONFIGS["parquet"], facts).write(path, found.rows)
    table = pq.read_table(path)
    assert tuple(table.column_names) == COLUMNS
    assert str(table.schema.field("price").type) == "double"
    assert table["rank"].to_pylist() == [1, 2, 1]


def test_the_tenth_item_comes_after_the_second(make):
    decisions = [make.decision("p1", rank, f"i{rank}") for rank in range(1, 12)]
    (found,) = prepare("lists", CONFIGS["csv"], make.facts(decisions))
    assert [row[2] for row in found.rows] == [str(rank) for rank in range(1, 12)]


def test_unsafe_ids_are_left_out_and_nobody_with_an_item_is_said(make):
    (found,) = prepare("x", CONFIGS["csv"], make.facts([make.decision("p1"), make.decision("a@b.de")]))  # fmt: skip
    assert found.drops == {"id_is_a_contact": 1}
    nobody = prepare("x", CONFIGS["csv"], make.facts([make.decision("p1", 1, None)]))
    assert nobody == Unavailable("nobody to contact has an item")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"\n1,p1,1", b"\n2,p1,1", "row 2: schema_version"),
        (b"p1,2,i2", b"p1,1,i2", "row 3: 'person_id' and 'rank' occur twice"),
        (b"p1,1,i1", b"p1,0,i1", "row 2: rank_invalid"),
        (b"I1,2.5", b"I1,free", "row 2: price_invalid"),
        (b"I1,2.5", b"I1,nan", "row 2: price_invalid"),
        (b"'=Hello", b"=Hello", "row 4: 'message' starts like a formula"),
    ],
)
def test_planted_faults_in_csv_are_found(facts, tmp_path, before, after, fault):
    path = tmp_path / "lists.csv"
    assert before in GOLDEN_CSV
    path.write_bytes(GOLDEN_CSV.replace(before, after, 1))
    (found, *_) = file_format(CONFIGS["csv"], facts).faults(path)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b'"rank":1', b'"rank":"1"', "'rank' is not int64"),
        (b'"price":2.5,', b"", "a row has the keys"),
        (b'"schema_version":1', b'"schema_version":2', "row 1: schema_version"),
        (b"}\n", b"}\n[]\n", "a line is no JSON object"),
        (b"I1", b"\xc3\xbc", "is no JSON in ASCII"),
    ],
)
def test_planted_faults_in_json_lines_are_found(facts, tmp_path, before, after, fault):
    path = tmp_path / "lists.jsonl"
    path.write_bytes(GOLDEN_LINE.replace(before, after, 1))
    (found, *_) = file_format(CONFIGS["jsonl"], facts).faults(path)
    assert found.startswith(fault)


def test_planted_faults_in_parquet_are_found(facts, tmp_path):
    format_ = file_format(CONFIGS["parquet"], facts)
    (found,) = prepare("lists", CONFIGS["parquet"], facts)
    path = tmp_path / "lists.parquet"
    format_.write(path, found.rows)
    pq.write_table(pq.read_table(path).drop_columns(["price"]), path)
    assert next(iter(format_.faults(path))).startswith("its columns are not schema_version")
    path.write_bytes(b"PAR1")
    assert next(iter(format_.faults(path))).startswith("is no Parquet file")


@settings(max_examples=40)
@given(message=st.text(max_size=40), title=st.text(max_size=40))
def test_hostile_texts_come_back_the_same_from_all_three(make, tmp_path_factory, message, title):
    facts = make.facts([make.decision("p1", message=message)], catalog=[make.item("i1", title=title)])  # fmt: skip
    folder = tmp_path_factory.mktemp("lists")
    read = []
    for name, config in CONFIGS.items():
        (found,) = prepare("lists", config, facts)
        path = folder / f"lists.{name}"
        file_format(config, facts).write(path, found.rows)
        require_valid(path, file_format(config, facts), found.rows)
        read.append(file_format(config, facts).read(path))
    assert read[0] == read[1] == read[2]
    assert json.loads((folder / "lists.jsonl").read_text())[c.PERSON_ID] == "p1"
