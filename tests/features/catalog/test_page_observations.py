"""Visits from a file: every row is an observation or a reject, in any usual spelling."""

import json
from datetime import UTC, datetime

import pytest

from features import columns as c
from features.catalog.page_observations import PagesConfig, read_observations
from features.config import validate
from features.errors import ConfigError, GateError, InputError

HEADER = "sku,seen,price,stock,status,seconds,url"
COLUMNS = {
    "item_id": "sku", "observed_at": "seen", "price": "price", "availability": "stock", "status_code": "status",
    "load_seconds": "seconds", "final_url": "url",
}  # fmt: skip
GOOD = "i1,2026-03-01T10:00:00Z,15.00 EUR,In Stock,200,1.5,https://shop.example/i1"


def read(tmp_path, *rows, **changes):
    (tmp_path / "visits.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    content = {"file": "visits.csv", "columns": COLUMNS, "max_reject_rate": 1.0, **changes}
    return read_observations(validate(PagesConfig, content, subject="test"), folder=tmp_path)


def test_a_visit_in_the_spelling_of_a_person(tmp_path):
    assert read(tmp_path, GOOD).table.to_pylist() == [
        {
            "item_id": "i1",
            "observed_at": datetime(2026, 3, 1, 10, tzinfo=UTC),
            "price": 15.0,
            "currency": "EUR",
            "availability": "in_stock",
            "status_code": 200,
            "load_seconds": 1.5,
            "final_url": "https://shop.example/i1",
        }
    ]


def test_what_a_visit_does_not_tell_is_null(tmp_path):
    row = read(tmp_path, "i1,2026-03-01,,,404,,").table.to_pylist()[0]
    told = {name: value for name, value in row.items() if value is not None}
    assert told == {
        "item_id": "i1",
        "observed_at": datetime(2026, 3, 1, tzinfo=UTC),
        "status_code": 404,
    }


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (",2026-03-01,1 EUR,,,,", "missing_item_id"),
        ("i1,,1.00 EUR,,,,", "bad_timestamp"),
        ("i1,yesterday,1.00 EUR,,,,", "bad_timestamp"),
        ("i1,2026-03-01,cheap,,,,", "bad_price"),
        ("i1,2026-03-01,-1.00 EUR,,,,", "bad_price"),
        ("i1,2026-03-01,1.00 XXX,,,,", "bad_price"),
        ("i1,2026-03-01,,few left,,,", "bad_availability"),
        ("i1,2026-03-01,,,99,,", "bad_status_code"),
        ("i1,2026-03-01,,,600,,", "bad_status_code"),
        ("i1,2026-03-01,,,,-1,", "bad_load_seconds"),
        ("i1,2026-03-01,,,,nan,", "bad_load_seconds"),
        ("i1,2026-03-01T10:00:00Z,9.00 EUR,,,,", "repeated_observation"),
        ("i1,2026-03-01", "wrong_column_count"),
    ],
)
def test_a_visit_that_cannot_be_believed_is_one_reject(tmp_path, row, code):
    found = read(tmp_path, GOOD, row)
    assert found.table.num_rows == 1
    rejects = found.rejects.to_pylist()
    assert [(r[c.REASON_CODE], r[c.LINE]) for r in rejects] == [(code, 3)]


def test_a_refused_row_does_not_make_the_next_one_a_repeat(tmp_path):
    found = read(tmp_path, GOOD.replace("15.00 EUR", "cheap"), GOOD)
    assert found.table.num_rows == 1
    assert found.rejects[c.REASON_CODE].to_pylist() == ["bad_price"]


def test_the_currency_may_have_its_own_column(tmp_path):
    columns = {"item_id": "sku", "observed_at": "seen", "price": "price", "currency": "stock"}
    rows = ["i1,2026-03-01,15,eur,,,", "i2,2026-03-01,15,euro,,,", "i3,2026-03-01,15,,,,"]
    found = read(tmp_path, *rows, columns=columns)
    assert found.table[c.CURRENCY].to_pylist() == ["EUR", None]
    assert found.rejects[c.REASON_CODE].to_pylist() == ["bad_currency"]


def test_json_lines_read_alike(tmp_path):
    values = dict(zip(HEADER.split(","), GOOD.split(","), strict=True))
    (tmp_path / "visits.jsonl").write_text(json.dumps(values) + "\n")
    assert read(tmp_path, GOOD, file="visits.jsonl").table.equals(read(tmp_path, GOOD).table)


def test_too_many_visits_that_cannot_be_believed_stop_the_run(tmp_path):
    rows = [GOOD, "i2,2026-03-01,cheap,,,,"]
    assert read(tmp_path, *rows, max_reject_rate=0.5).table.num_rows == 1
    with pytest.raises(GateError, match=r"1 of 2 visits \(50\.0%\) cannot be believed") as caught:
        read(tmp_path, *rows, max_reject_rate=0.49)
    assert caught.value.exit_code == 1


def test_a_short_row_counts_as_a_row(tmp_path):
    with pytest.raises(GateError, match="1 of 2 visits"):
        read(tmp_path, GOOD, "i1", max_reject_rate=0.49)


def test_a_file_without_visits_is_no_visit(tmp_path):
    assert read(tmp_path).table.num_rows == 0


def test_a_column_that_is_not_there_and_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match="column 'cost': is not in"):
        read(tmp_path, GOOD, columns={**COLUMNS, "price": "cost"})
    with pytest.raises(InputError, match=r"none\.csv"):
        read(tmp_path, GOOD, file="none.csv")
