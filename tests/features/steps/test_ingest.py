"""Deliveries through the step: files append, persons keep their names, what came before is not told twice."""

from __future__ import annotations

import shutil
from collections import Counter

import pytest
import yaml

from features import columns as c
from features.errors import GateError
from features.project import Project
from features.steps.ingest import INGEST, ingest
from features.store import PARENT
from features.tables import DELIVERIES, EVENTS, IDENTITIES, PERSON_MERGES, REJECTS

HEADER = "time,event,cookie,login,sku,order\n"
DAYS = {
    1: """2024-05-01T10:00:00,view,k1,,a1,
2024-05-01T10:05:00,view,k2,,a2,
2024-05-01T12:00:00,purchase,k1,,a1,o1
""",
    2: """2024-05-10T09:00:00,view,k3,,a3,
2024-05-10T09:30:00,view,k2,,a1,
""",
    3: """2024-05-11T08:00:00,view,k2,u1,a1,
2024-05-11T08:05:00,view,k1,u1,a2,
2024-05-09T23:00:00,view,k9,,a2,
""",
    "very_late": """2024-05-02T07:00:00,view,k4,,a1,
2024-05-04T09:31:00,view,k4,,a2,
""",
}
PROJECT = {
    "name": "shop",
    "workspace": "out",
    "as_of": "2024-06-01",
    "currency": "EUR",
    "source": {
        "kind": "generic",
        "files": ["day*.csv"],
        "columns": {
            "time": "time", "event_name": "event", "anonymous_id": "cookie", "user_id": "login", "item_id": "sku",
            "transaction_id": "order",
        },
    },
    "cleaning": {"max_reject_rate": 0.5},
}  # fmt: skip


@pytest.fixture
def shop(tmp_path):
    """Delivers days, then ingests all that is there."""

    def run(*days, **changes):
        for day in days:
            (tmp_path / f"day{day}.csv").write_text(HEADER + DAYS[day])
        (tmp_path / "project.yaml").write_text(yaml.safe_dump({**PROJECT, **changes}))
        return ingest(Project(tmp_path))

    return run


def persons(run):
    """The person of each id."""
    return dict(
        zip(*(run.read(IDENTITIES)[name].to_pylist() for name in (c.IDENTITY, c.PERSON_ID)), strict=True)
    )  # fmt: skip


def marks(run):
    """When each file first came: the day of the month of its watermark."""
    rows = run.read(DELIVERIES).to_pylist()
    return {row[c.FILE]: row[c.WATERMARK] and row[c.WATERMARK].day for row in rows}


def content(run):
    return {
        name: digest for name, digest in run.manifest["files"].items() if name != "quality.json"
    }


def test_a_login_joins_two_persons_of_earlier_days_and_the_oldest_name_stands(shop):
    before = persons(shop(1, 2))
    third = shop(3)
    after = persons(third)
    assert len({before[f"anonymous:k{n}"] for n in (1, 2, 3)}) == 3
    assert after["anonymous:k1"] == after["anonymous:k2"] == after["user:u1"]
    assert third.read(PERSON_MERGES).to_pylist() == [
        {c.PERSON_ID: before["anonymous:k2"], c.MERGED_INTO: before["anonymous:k1"]}
    ]
    assert after["anonymous:k3"] == before["anonymous:k3"]
    assert third.manifest["figures"]["person_merges"] == 1
    assert persons_of_events(third)["k2"] == {before["anonymous:k1"]}


def persons_of_events(run):
    """The persons of each cookie."""
    found = {}
    for row in run.read(EVENTS).to_pylist():
        found.setdefault(row[c.ANONYMOUS_ID], set()).add(row[c.PERSON_ID])
    return found


def test_merges_are_remembered_by_later_ingestions(shop):
    shop(1, 2)
    third = shop(3)
    fourth = shop("very_late")
    assert fourth.read(PERSON_MERGES).equals(third.read(PERSON_MERGES))
    assert fourth.manifest["figures"]["person_merges"] == 0


def test_late_events_are_held_out_of_a_new_file_and_counted(shop):
    shop(1, 2)
    assert marks(shop(3)) == {"day1.csv": None, "day2.csv": None, "day3.csv": 10}
    run = shop("very_late")
    assert marks(run)["dayvery_late.csv"] == 11
    assert [(row[c.SOURCE], row[c.LINE], row[c.REASON_CODE]) for row in run.read(REJECTS).to_pylist()] == [
        ("dayvery_late.csv", 2, "late_event")
    ]  # fmt: skip
    late = dict(zip(*(run.read(DELIVERIES)[n].to_pylist() for n in (c.FILE, c.LATE)), strict=True))
    assert late == {"day1.csv": 0, "day2.csv": 0, "day3.csv": 1, "dayvery_late.csv": 1}
    assert run.manifest["figures"]["late_events_admitted"] == 2
    assert run.manifest["figures"]["rows_in"] == 3 + 2 + 3 + 2


def test_too_many_late_events_stop_the_run_and_name_the_way_on(shop):
    good = shop(1, 2, 3)
    with pytest.raises(GateError, match=r"'late_event' \(1\).*late_days") as caught:
        shop("very_late", cleaning={"max_reject_rate": 0.05})
    assert caught.value.exit_code == 1
    admitted = shop(cleaning={"max_reject_rate": 0.05, "timestamps": {"late_days": 10}})
    assert admitted.manifest["inputs"][PARENT] == good.run_id
    assert admitted.read(REJECTS).num_rows == 0


def test_done_again_it_is_the_same_run_with_the_same_bytes(shop, tmp_path):
    shop(1, 2)
    third = shop(3)
    again = shop()
    assert (again.run_id, again.reused) == (third.run_id, True)
    shutil.rmtree(third.path)
    (tmp_path / "out" / INGEST / "current").unlink()
    (tmp_path / "out" / INGEST / "current").symlink_to(third.manifest["inputs"][PARENT])
    rebuilt = shop()
    assert (rebuilt.run_id, rebuilt.reused) == (third.run_id, False)
    assert rebuilt.manifest["files"] == third.manifest["files"]


@pytest.mark.parametrize("name", ["day0.csv", "day9.csv"])
def test_a_day_delivered_again_changes_nothing(shop, tmp_path, name):
    before = shop(1, 2)
    shutil.copyfile(tmp_path / "day2.csv", tmp_path / name)
    run = shop()
    assert run.manifest["inputs"][PARENT] == before.run_id
    assert content(run) == content(before)


@pytest.mark.parametrize("name", ["day0.csv", "day9.csv"])
def test_rows_told_again_in_another_file_change_no_event(shop, tmp_path, name):
    before = shop(1, 2)
    (tmp_path / name).write_text(HEADER + DAYS[2] + "2024-05-10T09:30:00,dance,k2,,a1,\n")
    run = shop()
    assert run.read(EVENTS).equals(before.read(EVENTS))
    assert Counter(run.read(REJECTS)[c.REASON_CODE].to_pylist()) == {
        "duplicate_event": 2,
        "unknown_event": 1,
    }


@pytest.mark.parametrize("order", [(1, 2, 3), (2, 3, 1)])
def test_day_by_day_gives_the_events_of_all_days_at_once(shop, tmp_path, order):
    at_once = shop(1, 2, 3, workspace="whole")
    for path in tmp_path.glob("day*.csv"):
        path.unlink()
    patient = {"max_reject_rate": 0.5, "timestamps": {"late_days": 30}}
    for day in order:
        last = shop(day, cleaning=patient)
    events = last.read(EVENTS)
    if order == (1, 2, 3):
        assert events.equals(at_once.read(EVENTS))
    assert events.drop_columns([c.PERSON_ID]).equals(
        at_once.read(EVENTS).drop_columns([c.PERSON_ID])
    )
    groups = [persons(run) for run in (last, at_once)]
    same = [{(a, b) for a in found for b in found if found[a] == found[b]} for found in groups]
    assert same[0] == same[1]


def test_files_of_partitions_may_share_their_name(shop, tmp_path):
    for day in (1, 2):
        place = tmp_path / f"day={day}"
        place.mkdir()
        (place / "part.csv").write_text(HEADER + DAYS[day] + "never,view,k1,,a1,\n")
    run = shop(source={**PROJECT["source"], "files": ["day=*/part.csv"]})
    sources = Counter(run.read(EVENTS)[c.SOURCE].to_pylist())
    assert sources == {"day=1/part.csv": 3, "day=2/part.csv": 2}
    assert run.read(REJECTS)[c.SOURCE].to_pylist() == ["day=1/part.csv", "day=2/part.csv"]


def test_a_killed_ingestion_leaves_nothing_that_hinders_the_next(shop, tmp_path):
    first = shop(1)
    leftover = first.path.with_name(f".partial-{first.run_id}-scratch")
    (leftover / "spill").mkdir(parents=True)
    shop(2)
    assert not leftover.exists()
    assert not list((tmp_path / "out" / INGEST).glob(".partial*"))
