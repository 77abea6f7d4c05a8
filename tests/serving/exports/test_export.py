"""The export step over runs written by hand: what leaves, what is gone since, what stops it, and that it can be killed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.assignment import uniform
from features.config import validate
from features.erasure.erase import EXPORT, erase
from features.erasure.request import ErasureConfig
from features.errors import ConfigError, GateError, InputError, WorkspaceError
from features.run import read_parquet
from features.tables import SEGMENTS, WATERFALL
from serving.exports.config import ExportsConfig
from serving.exports.export import export
from serving.exports.section import export_lines

PLANS = {
    "meta": {"kind": "meta_audience"},
    "lists": {"kind": "item_lists", "format": "csv"},
    "out": {"kind": "suppression_list"},
}


def config_of(exports=PLANS, **more):
    content = {"kind": "exports", "exports": exports, **more}
    return validate(ExportsConfig, content, subject="exports.yaml")


def fill(workshop, make, names=("p1", "p2", "p3"), **more):
    """A workshop in which everybody named is to be contacted with item i1."""
    workshop.ingest([make.person(name) for name in names], [make.item("i1"), make.item("i2")], **more)  # fmt: skip
    workshop.score([make.decision(name) for name in names])
    return workshop


def told(run):
    return json.loads((run.path / "exports.json").read_text())


def contents(run):
    return {path.name: path.read_bytes() for path in sorted(run.path.iterdir())}


def test_files_rows_and_the_manifest_agree(workshop, make):
    fill(workshop, make)
    run = export(workshop.project, config_of())
    assert set(contents(run)) == {"meta.jsonl", "lists.csv", "out.csv", "exports.json", "waterfall.parquet", "manifest.json"}  # fmt: skip
    assert run.manifest["figures"]["rows"] == 3 + 3 + 0
    assert run.manifest["figures"]["persons"] == 3
    entries = {one["name"]: one for one in told(run)["exports"]}
    assert entries["meta"]["files"] == [{"content": "full", "file": "meta.jsonl", "part": "", "persons": 3, "rows": 3}]  # fmt: skip
    assert not entries["meta"]["compared"]
    assert set(run.manifest["files"]) == set(contents(run)) - {"manifest.json"}
    assert pq.read_table(run.path / "waterfall.parquet").num_rows == 5 + 6
    assert run.read(WATERFALL)[c.RUN_ID][0].as_py() == run.run_id
    assert export_lines(run)[0] == "lists.csv: 3 rows"


def test_the_same_export_again_is_the_same_run(workshop, make):
    fill(workshop, make)
    first = export(workshop.project, config_of())
    before = contents(first)
    again = export(workshop.project, config_of())
    assert again.reused
    assert again.run_id == first.run_id
    shutil.rmtree(workshop.project.workspace.root / EXPORT)
    fresh = export(workshop.project, config_of())
    assert contents(fresh) == before


def test_changes_against_the_export_before(workshop, make):
    fill(workshop, make)
    first = export(workshop.project, config_of())
    workshop.score([make.decision(name) for name in ("p2", "p3")] + [make.decision("p1", contact=False)], version=1)  # fmt: skip
    second = export(workshop.project, config_of())
    assert told(second)["compared_with"] == first.run_id
    assert json.loads((second.path / "meta.remove.jsonl").read_text())["data"] == [["p1", *[""] * 8]]  # fmt: skip
    assert (second.path / "meta.add.jsonl").read_bytes() == b""
    assert second.manifest["figures"]["removed"] == 1
    assert "meta.jsonl: 2 rows, 0 new, 1 gone" in export_lines(second)
    assert second.manifest["inputs"]["parent"] == first.run_id
    assert not (second.path / "lists.add.csv").exists()  # lists are no audience


def test_an_audience_that_did_not_change_has_empty_changes(workshop, make):
    fill(workshop, make)
    export(workshop.project, config_of())
    workshop.at("2017-12-26")
    later = export(workshop.project, config_of())
    assert (later.manifest["figures"]["added"], later.manifest["figures"]["removed"]) == (0, 0)
    assert (later.path / "meta.add.jsonl").read_bytes() == b""


def test_another_config_goes_on_from_what_was_exported_last(workshop, make):
    fill(workshop, make)
    first = export(workshop.project, config_of())
    both = {**PLANS, "more": {"kind": "meta_audience", "split": "stage"}}
    second = export(workshop.project, config_of(both))
    assert told(second)["compared_with"] == first.run_id
    entries = {one["name"]: one for one in told(second)["exports"]}
    assert entries["meta"]["compared"]
    assert not entries["more"]["compared"]  # it is whole: nobody has it yet
    assert (second.path / "more.browse.jsonl").exists()
    third = export(workshop.project, config_of())
    assert told(third)["withdrawn"] == ["more"]
    assert export_lines(third)[-1] == "more is no longer exported: remove it on its platform"


def test_a_part_without_members_is_emptied_on_its_platform(workshop, make):
    config = config_of({"meta": {"kind": "meta_audience", "split": "stage"}})
    fill(workshop, make)
    workshop.score([make.decision("p1", stage="cart"), make.decision("p2")], version=1)
    export(workshop.project, config)
    workshop.score([make.decision("p2")], version=2)
    run = export(workshop.project, config)
    assert json.loads((run.path / "meta.cart.remove.jsonl").read_text())["data"][0][0] == "p1"
    assert (run.path / "meta.cart.jsonl").read_bytes() == b""


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    days=st.lists(
        st.sets(st.sampled_from(["p1", "p2", "p3", "p4", "p5"]), min_size=1), min_size=2, max_size=4
    )
)
def test_changes_lead_from_each_audience_to_the_next(workshop, make, days):
    names = ["p1", "p2", "p3", "p4", "p5"]
    shutil.rmtree(workshop.project.workspace.root, ignore_errors=True)
    workshop.ingest([make.person(name) for name in names], [make.item("i1")])
    on_platform: set[str] = set()
    for version, members in enumerate(days):
        workshop.score([make.decision(name) for name in sorted(members)], version=version)
        run = export(workshop.project, config_of({"meta": {"kind": "meta_audience"}}))
        if told(run)["compared_with"] is None:
            on_platform = rows_of(run.path / "meta.jsonl")
        elif not run.reused or (run.path / "meta.add.jsonl").exists():
            on_platform -= rows_of(run.path / "meta.remove.jsonl")
            on_platform |= rows_of(run.path / "meta.add.jsonl")
        assert on_platform == members == rows_of(run.path / "meta.jsonl")


def rows_of(path):
    return {row[0] for line in path.read_text().splitlines() for row in json.loads(line)["data"]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({c.CONSENT_PERSONALISATION: False}, "no_consent"),
        ({c.CONSENT_PERSONALISATION: None}, "no_consent"),
        ({c.ERASED: True}, "erased"),
        (None, "not_known_now"),
    ],
)
def test_what_changed_since_scoring_drops_persons(workshop, make, change, reason):
    fill(workshop, make)
    rest = [make.person("p2"), make.person("p3")]
    changed = rest if change is None else [make.person("p1", **change), *rest]
    workshop.ingest(changed, [make.item("i1")], version=1)
    run = export(workshop.project, config_of())
    assert told(run)["recheck"]["persons_dropped"] == {reason: 1}
    assert b"p1" not in b"".join(contents(run).values())  # not even as somebody to leave out


def test_a_purchase_since_scoring_drops_the_person(workshop, make):
    hour = timedelta(hours=1)
    bought = {c.EVENT_NAME: "purchase", c.PERSON_ID: "p1", c.ITEM_ID: "i1"}
    fill(workshop, make, events=[{**bought, c.EVENT_ID: "e", c.TIME: make.as_of - hour}], version=1)
    run = export(workshop.project, config_of())
    assert told(run)["recheck"]["persons_dropped"] == {"recent_purchaser": 1}
    assert (run.path / "out.csv").read_text().splitlines()[1:] == ["1,p1,recent_purchaser"]


def test_an_item_out_of_stock_is_dropped_and_a_price_is_that_of_now(workshop, make):
    fill(workshop, make)
    rows = [make.decision("p1", 1, "i1"), make.decision("p1", 2, "i2")]
    workshop.score(rows, version=1)
    items = [make.item("i1", availability="out_of_stock"), make.item("i2", price=9.5, title="=New")]
    workshop.ingest([make.person("p1")], items, version=1)
    run = export(workshop.project, config_of())
    assert (run.path / "lists.csv").read_text().splitlines()[1:] == ["1,p1,1,i2,'=New,9.5,USD,discover,browse,Hello,s1"]  # fmt: skip
    assert told(run)["recheck"]["item_rows_dropped"] == {"not_in_stock": 1}
    assert told(run)["recheck"]["prices_changed"] == 1
    assert "p1" in (run.path / "meta.jsonl").read_text()


def test_a_suppression_list_is_obeyed_and_an_unreadable_one_stops_everything(workshop, make):
    fill(workshop, make)
    (workshop.folder / "crm.csv").write_text("person_id,ends\np1,\np2,2017-12-24\n")
    run = export(workshop.project, config_of(suppressions=["crm.csv"]))
    assert rows_of(run.path / "meta.jsonl") == {"p2", "p3"}
    good = contents(run)
    (workshop.folder / "crm.csv").write_text('person_id,ends\np1,"\n')
    with pytest.raises(InputError, match=r"crm.csv: cannot be read in line 2 \(malformed_quotes\)"):
        export(workshop.project, config_of(suppressions=["crm.csv"]))
    assert contents(workshop.project.workspace.current(EXPORT)) == good


@pytest.mark.parametrize("how", ["arm", "hash"])
def test_a_control_person_stops_the_export(workshop, make, how):
    fill(workshop, make)
    good = contents(export(workshop.project, config_of()))
    share = float(uniform(["p1"], salt="other")[0]) + 1e-9
    arm = {c.ARM: "holdout"} if how == "arm" else {}
    holdout = {"share": share if how == "hash" else 1e-9, "salt": "other"}
    workshop.score([make.decision("p1", **arm)], version=1, holdout=holdout)
    with pytest.raises(GateError, match="1 decision rows would contact persons of the holdout"):
        export(workshop.project, config_of())
    assert contents(workshop.project.workspace.current(EXPORT)) == good


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arms=st.lists(st.sampled_from(["holdout", "targetable"]), min_size=1, max_size=8))
def test_a_control_person_is_in_no_targeting_file(workshop, make, arms):
    shutil.rmtree(workshop.project.workspace.root, ignore_errors=True)
    names = [f"person-{number}" for number in range(len(arms))]
    workshop.ingest([make.person(name) for name in names], [make.item("i1")])
    workshop.score(
        [make.decision(name, arm=arm, contact=arm == "targetable") for name, arm in zip(names, arms, strict=True)]
    )  # fmt: skip
    targeting = {**PLANS, "users": {"kind": "personalize"}, "bids": {"kind": "bid_inputs"}}
    run = export(workshop.project, config_of(targeting))
    held = {name for name, arm in zip(names, arms, strict=True) if arm == "holdout"}
    for name, content in contents(run).items():
        words = content.decode(errors="replace")
        found = {person for person in held if person in words}
        assert found == (held if name == "out.csv" else set()), name


def test_old_and_untraceable_decisions_are_refused(workshop, make):
    fill(workshop, make)
    workshop.at("2017-12-28")
    with pytest.raises(GateError, match="are 72 hours old"):
        export(workshop.project, config_of())
    workshop.at("2017-12-24")
    with pytest.raises(InputError, match="made for 2017-12-25 00:00, the export is for 2017-12-24"):
        export(workshop.project, config_of())
    workshop.at("2017-12-25")
    workshop.ingest([make.person("p1")], [make.item("i1", snapshot_id="s2")], version=1)
    with pytest.raises(GateError, match="name feed snapshot s1, which is not in the workspace"):
        export(workshop.project, config_of())


def test_contacts_leave_as_hashes_and_an_id_that_is_one_stops_everything(workshop, make):
    fill(workshop, make)
    (workshop.folder / "c.csv").write_text("person_id,email,phone\np1,ann@x.com,18005550100\n")
    contacts = {"file": "c.csv"}
    run = export(workshop.project, config_of(contacts=contacts))
    assert not any(b"ann@x.com" in content for content in contents(run).values())
    ids = [make.person(name) for name in ("p1", "18005550100")]
    workshop.ingest(ids, [make.item("i1")], version=1)
    workshop.score([make.decision("18005550100")], version=1)
    (workshop.folder / "c.csv").write_text("person_id,email,phone\np1,ann@x.com,+18005550100\n")
    with pytest.raises(GateError, match="row 1 holds an e-mail address or a phone number in clear"):
        export(workshop.project, config_of(contacts=contacts))


def test_erased_persons_leave_the_exports_and_the_next_one_is_whole(workshop, make):
    fill(workshop, make, names=("person-1", "person-2"))
    first = export(workshop.project, config_of())
    (workshop.folder / "list.csv").write_text("person_id\nperson-1\n")
    request = ErasureConfig(kind="erasure", list=Path("list.csv"), salt="0123456789")
    erase(workshop.project.workspace, request, folder=workshop.folder)
    assert not first.path.exists()
    after = export(workshop.project, config_of())
    assert told(after)["compared_with"] is None
    assert rows_of(after.path / "meta.jsonl") == {"person-2"}
    root = workshop.project.workspace.root
    assert not [p for p in root.rglob("*.jsonl") if b"person-1" in p.read_bytes()]


def test_segments_are_audiences(workshop, make):
    fill(workshop, make)
    members = make.filled(SEGMENTS, [{c.PERSON_ID: "p1", c.SEGMENT: "loyal", c.PRIORITY: 1, c.PRIMARY: True}])  # fmt: skip
    config = config_of({"meta": {"kind": "meta_audience", "split": "segment"}})
    with pytest.raises(WorkspaceError, match="segments: has no finished run"):
        export(workshop.project, config)
    workshop._run("segments", [(SEGMENTS, members)], 0, {}, {})
    run = export(workshop.project, config)
    assert {name for name in contents(run) if name.startswith("meta")} == {"meta.loyal.jsonl", "meta.no_segment.jsonl"}  # fmt: skip
    for version, name in enumerate(("../x", "add"), start=1):
        odd = make.filled(SEGMENTS, [{c.PERSON_ID: "p1", c.SEGMENT: name, c.PRIORITY: 1, c.PRIMARY: True}])  # fmt: skip
        workshop._run("segments", [(SEGMENTS, odd)], version, {}, {})
        with pytest.raises(ConfigError, match=f"gives an audience named '{re.escape(name)}'"):
            export(workshop.project, config)


def test_another_format_is_written_whole(workshop, make):
    fill(workshop, make)
    workshop.score([make.decision("p1", contact=False, arm="holdout")], version=1)
    own = {"out": {"kind": "suppression_list"}}
    meta = {"out": {"kind": "suppression_list", "format": "meta_audience"}}
    assert rows_in(export(workshop.project, config_of(own))) == {"out.csv": 1}
    assert rows_in(export(workshop.project, config_of(meta))) == {"out.jsonl": 1}
    assert rows_in(export(workshop.project, config_of({**meta, "l": PLANS["lists"]}))) == {
        "out.jsonl": 1, "out.remove.jsonl": 0, "out.add.jsonl": 0,
    }  # fmt: skip


def rows_in(run):
    return {file["file"]: file["rows"] for one in told(run)["exports"] for file in one["files"]}


def test_the_name_of_an_export_is_a_plain_file_name():
    with pytest.raises(ConfigError, match="exports"):
        config_of({"../x": {"kind": "meta_audience"}})
    with pytest.raises(ConfigError, match="did you mean 'split'"):
        config_of({"x": {"kind": "meta_audience", "splt": "none"}})


KILLED = """
import os, sys
from pathlib import Path
from features.config import validate
from features.project import Project
from features.run import RunWriter
from serving.exports import export as module
from serving.exports.base import require_valid
from serving.exports.config import ExportsConfig
import json
folder, after, plans = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
count = 0
def dies(*arguments):
    global count
    count += 1
    if count > after:
        os._exit(137)
    require_valid(*arguments)
module.require_valid = dies
module.export(Project(folder), validate(ExportsConfig, {"kind": "exports", "exports": plans}, subject="x"))
"""


@pytest.mark.parametrize("after", [2])
def test_killed_and_run_again_it_ends_the_same(workshop, make, after):
    fill(workshop, make)
    good = export(workshop.project, config_of())
    before = contents(good)
    workshop.score([make.decision("p2")], version=1)
    command = [sys.executable, "-c", KILLED, str(workshop.folder), str(after), json.dumps(PLANS)]
    assert subprocess.run(command, check=False).returncode == 137
    assert contents(workshop.project.workspace.current(EXPORT)) == before
    run = export(workshop.project, config_of())
    again = contents(run)
    assert not list((workshop.project.workspace.root / EXPORT).glob(".partial-*"))
    shutil.rmtree(run.path)
    (run.path.parent / "current").unlink()
    (run.path.parent / "current").symlink_to(good.run_id)
    assert contents(export(workshop.project, config_of())) == again


def test_a_run_without_people_to_contact_empties_the_audiences(workshop, make):
    fill(workshop, make)
    export(workshop.project, config_of())
    workshop.score([make.decision("p1", contact=False)], version=1)
    run = export(workshop.project, config_of())
    assert rows_of(run.path / "meta.remove.jsonl") == {"p1", "p2", "p3"}
    assert told(run)["exports"][0]["unavailable"] == "nobody to contact has an item"
    assert read_parquet(run.path / "waterfall.parquet").num_rows == 11
