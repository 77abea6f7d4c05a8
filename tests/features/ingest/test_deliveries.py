"""Files of events: what is known of a file stays with its content, not with its name."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from features import columns as c
from features.ingest.deliveries import deliveries_table, plan_deliveries, source_names

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return sorted(folder.glob("*.csv"))


def after(planned, newest, before=None):
    return deliveries_table([(file, 7, newest, 0) for file in planned], before)


def names(planned):
    return [file.name for file in planned]


def test_the_first_files_have_no_watermark(tmp_path):
    planned = plan_deliveries(write(tmp_path, a="1", b="2"), None)
    assert names(planned) == ["a.csv", "b.csv"]
    assert {file.watermark for file in planned} == {None}
    assert len({file.sha256 for file in planned}) == 2


def test_a_known_file_keeps_its_watermark_and_a_new_one_gets_the_latest_time(tmp_path):
    first = after(plan_deliveries(write(tmp_path, a="1"), None), FIRST)
    second = plan_deliveries(write(tmp_path, b="2"), first)
    assert [file.watermark for file in second] == [None, FIRST]
    known = after(second, FIRST + DAY, first)
    third = plan_deliveries(write(tmp_path, c="3"), known)
    assert [file.watermark for file in third] == [None, FIRST, FIRST + DAY]
    (tmp_path / "b.csv").rename(tmp_path / "renamed.csv")
    renamed = plan_deliveries(sorted(tmp_path.glob("*.csv")), known)
    assert [(file.name, file.watermark) for file in renamed] == [
        ("a.csv", None),
        ("c.csv", FIRST + DAY),
        ("renamed.csv", FIRST),
    ]


def test_a_file_that_is_gone_is_remembered(tmp_path):
    first = after(plan_deliveries(write(tmp_path, a="1", b="2"), None), FIRST)
    (tmp_path / "b.csv").unlink()
    planned = plan_deliveries(write(tmp_path, d="4"), first)
    second = after(planned, None, first)
    rows = {row[c.FILE]: row for row in second.to_pylist()}
    assert {name: row[c.PRESENT] for name, row in rows.items()} == {
        "a.csv": True,
        "b.csv": False,
        "d.csv": True,
    }
    back = plan_deliveries(write(tmp_path, b="2"), second)
    assert [file.watermark for file in back] == [None, None, FIRST]
    again = after(back, FIRST, second)
    assert again[c.PRESENT].to_pylist() == [True] * 3


def test_one_content_is_read_once_under_the_name_it_came_with(tmp_path):
    first = after(plan_deliveries(write(tmp_path, m="1"), None), FIRST)
    paths = write(tmp_path, a="1", z="1")
    assert names(plan_deliveries(paths, None)) == ["a.csv"]
    assert [(file.name, file.watermark) for file in plan_deliveries(paths, first)] == [
        ("m.csv", None)
    ]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/x/a.csv"], ["a.csv"]),
        (["/x/day=1/p.csv"], ["day=1/p.csv"]),
        (["/x/shop=A/day=1/p.csv"], ["shop=A/day=1/p.csv"]),
        (["/x/1/p.csv", "/x/2/p.csv", "/x/2/q.csv"], ["1/p.csv", "2/p.csv", "q.csv"]),
        (["/x/1/p.csv", "/y/1/p.csv"], ["x/1/p.csv", "y/1/p.csv"]),
        (["/p.csv", "/x/p.csv"], ["p.csv", "x/p.csv"]),
        ([], []),
    ],
)
def test_names_tell_files_apart(paths, expected):
    assert source_names([Path(path) for path in paths]) == expected


def test_no_files():
    assert plan_deliveries([], None) == []
    assert deliveries_table([], None).num_rows == 0
