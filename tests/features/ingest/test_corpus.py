"""Files as bad as they come: nothing crashes, no row is lost, and each case has its known code."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.contracts import check
from features.errors import RetargetError, SchemaError
from features.ingest.facts import gather_facts
from features.project import Project
from features.sources.generic import GenericConfig
from features.sources.registry import read_file
from features.tables import EVENTS, REJECTS

NAMES = ("id", "time", "event", "login", "sku", "qty", "money", "order")
HEADER = ",".join(NAMES) + "\n"
GOOD = "e1,2024-05-01T10:00:00Z,view,u1,a1,,,\n"
COLUMNS = {
    "event_id": "id", "time": "time", "event_name": "event", "user_id": "login", "item_id": "sku", "quantity": "qty",
    "value": "money", "transaction_id": "order",
}  # fmt: skip


@pytest.fixture(scope="module")
def gather(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")

    def run(content, *, name="events.csv"):
        for old in folder.glob("events.*"):
            old.unlink()
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        project = {
            "name": "corpus",
            "workspace": "out",
            "as_of": "2024-06-01",
            "currency": "EUR",
            "cleaning": {"max_reject_rate": 1.0},
            "source": {"kind": "generic", "files": [name], "currency": "EUR", "columns": COLUMNS},
        }
        (folder / "project.yaml").write_text(yaml.safe_dump(project))
        with TemporaryDirectory(dir=folder) as scratch:
            return gather_facts(Project(folder).config, folder=folder, scratch=Path(scratch))

    return run


def second(*values):
    return HEADER + GOOD + ",".join(values) + "\n"


VIEW = ("e2", "2024-05-01T10:00:00Z", "view", "u1")


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        pytest.param(b"\xef\xbb\xbf" + (HEADER + GOOD).encode(), {}, id="byte order mark"),
        pytest.param(second(*VIEW, '"a\n2"', "", "", ""), {}, id="newline inside quotes"),
        pytest.param(second(*VIEW, "a\x07b", "", "", ""), {}, id="control character in an id"),
        pytest.param(second(*VIEW, "a\x00b", "", "", ""), {"nul_byte": 1}, id="NUL byte"),
        pytest.param(
            (HEADER + GOOD).encode() + b"e2,2024-05-01T10:00:00Z,view,u1,a\xff,,,\n",
            {"invalid_utf8": 1},
            id="invalid UTF-8",
        ),
        pytest.param(
            second("e2", "2030-05-01T10:00:00Z", "view", "u1", "a2", "", "", ""),
            {"bad_timestamp": 1},
            id="time to come",
        ),
        pytest.param(
            second("e2", "2024-05-01T10:00:00+05:30", "view", "u1", "a2", "", "", ""), {}, id="mixed zones"
        ),
        pytest.param(
            second("e2", "2024-05-01T10:00:00Z", "view", "NaN", "a2", "", "", ""), {"no_identity": 1}, id="NaN login"
        ),
        pytest.param(second(*VIEW, "nan", "", "", ""), {"missing_item_id": 1}, id="NaN item"),
        pytest.param(second(*VIEW, "=1+1", "", "", ""), {}, id="formula as id"),
        pytest.param(second(*VIEW, "../../etc/passwd", "", "", ""), {}, id="path as id"),
        pytest.param(second(*VIEW, "a" * 10_000_000, "", "", ""), {"line_too_long": 1}, id="line of 10 MB"),
        pytest.param(
            second("e2", "2024-05-01T10:00:00Z", "purchase", "u1", "a2", "1", "-5", "o1"),
            {"bad_value": 1},
            id="negative price",
        ),
        pytest.param(
            second("e2", "2024-05-01T10:00:00Z", "purchase", "u1", "a2", "1", '"15,00 EUR"', "o1"),
            {"bad_value": 1},
            id="decimal comma and currency",
        ),
        pytest.param(second("e2", "2024-05-01T10:00:00Z"), {"wrong_column_count": 1}, id="cut-off row"),
        pytest.param(
            second("e1", "2024-05-01T10:00:00Z", "view", "u1", "a1", "", "", ""), {"duplicate_event": 1}, id="twice"
        ),
    ],
)  # fmt: skip
def test_each_case_has_its_code_and_no_row_is_lost(gather, content, codes):
    facts = gather(content)
    assert facts.figures["rejects_by_reason"] == codes
    kept, refused = facts.table(EVENTS).num_rows, facts.table(REJECTS).num_rows
    assert (
        kept + refused == facts.figures["rows_in"] == (1 if content[:3] == b"\xef\xbb\xbf" else 2)
    )


def test_an_empty_transaction_id_is_no_absent_one(gather):
    rows = [
        dict(
            zip(
                NAMES,
                ("e1", "2024-05-01T10:00:00Z", "purchase", "u1", "a1", "1", "5", order),
                strict=True,
            )
        )
        for order in ("", None)
    ]
    rows[1]["id"] = "e2"
    facts = gather("".join(json.dumps(row) + "\n" for row in rows), name="events.jsonl")
    assert facts.figures["rejects_by_reason"] == {"empty_transaction_id": 1}
    assert facts.table(EVENTS)[c.EVENT_ID].to_pylist() == ["e2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param((HEADER + GOOD).encode("utf-16"), "is UTF-16 text", id="UTF-16"),
        pytest.param("", "is empty", id="empty file"),
        pytest.param(HEADER, "gave no usable event of 0 rows", id="header alone"),
        pytest.param(
            HEADER + "e1,never,view,u1,a1,,,\n",
            "refused: {'bad_timestamp': 1}",
            id="nothing usable",
        ),
    ],
)
def test_a_file_that_gives_nothing_is_refused_in_words(gather, content, words):
    with pytest.raises(RetargetError) as caught:
        gather(content)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(tail=st.binary(max_size=200))
def test_any_bytes_after_a_good_row_lose_nothing(gather, tail):
    try:
        facts = gather((HEADER + GOOD).encode() + tail)
    except SchemaError:
        raise
    except RetargetError:
        return  # refused whole, in words
    assert facts.table(EVENTS).num_rows + facts.table(REJECTS).num_rows == facts.figures["rows_in"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.binary(max_size=200))
def test_any_bytes_after_a_good_row_are_events_or_rejects(tmp_path, tail):
    path = tmp_path / "events.csv"
    path.write_bytes((HEADER + GOOD).encode() + tail)
    config = GenericConfig(files=("events.csv",), columns=COLUMNS)
    try:
        raw = read_file(config, path, name=path.name)
    except SchemaError:
        raise
    except RetargetError:
        return  # refused whole, in words
    assert raw.events.num_rows + raw.rejects.num_rows == raw.rows
    check(raw.rejects, REJECTS, source="test")
