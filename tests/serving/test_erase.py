"""Erasing persons from a whole project: gone from every file, everybody else's decisions as before."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.erasure.tombstones import drop_erased
from features.project import Project
from features.run import read_parquet
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import DECISIONS, PERSONS
from serving.plans import plan_erase, plan_project, plan_report
from serving.score import SCORE
from training.models.in_force import champions

RETARGET = str(Path(sys.executable).with_name("retarget"))
SHIFT = 900_000_000
"""Added to the household numbers, so that an id is nothing else by chance and can be searched for as text."""

GONE = ("900000003", "900000017", "900000040")


def erasure(folder, *persons):
    (folder / "list.csv").write_text("\n".join(["person_id", *persons]) + "\n")
    (folder / "erasure.yaml").write_text("kind: erasure\nlist: list.csv\nsalt: small shop\n")
    return folder / "erasure.yaml"


def shifted_journey(journey, folder):
    shutil.copytree(journey, folder)
    for path in folder.glob("*.parquet"):
        table = pq.read_table(path)
        if "household_id" in table.column_names:
            place = table.schema.get_field_index("household_id")
            table = table.set_column(place, "household_id", pc.add(table["household_id"], SHIFT))
            pq.write_table(table, path)
    return folder


@pytest.fixture(scope="module")
def telling(tmp_path_factory, journey, finished_project):
    """A finished project whose household ids are long; read only."""
    root = tmp_path_factory.mktemp("telling")
    source = shifted_journey(journey, root / "journey")
    folder = root / "project"
    folder.mkdir()
    for path in finished_project.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text().replace(str(journey), str(source)))
    for job in plan_project(folder, []).jobs:
        job.carry_out()
    return folder


@pytest.fixture
def copied(telling, tmp_path):
    return shutil.copytree(telling, tmp_path / "copy", symlinks=True)


def texts(root):
    """The bytes of every file; of a table, its cells."""
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path, path.read_bytes()
            if path.suffix == ".parquet":
                yield path, str(pq.read_table(path).to_pydict()).encode()


def files_with(root, persons):
    return {
        path.name
        for path, text in texts(root)
        if any(person.encode() in text for person in persons)
    }


def test_nothing_in_the_workspace_names_the_erased(telling, copied):
    workspace = Project(copied).workspace
    named = files_with(workspace.root, GONE)
    assert {"events.parquet", "decisions.csv", "scores.parquet", "person_ids.parquet"} <= named
    assert "test_values.parquet" in named
    (job,) = plan_erase(erasure(copied, *GONE), []).jobs
    run = job.carry_out()
    assert files_with(workspace.root, GONE) == set()
    assert run.manifest["figures"]["hits"] == 0
    assert run.json("erasure_proof.json")["search"]["ids_searched_as_text"] == 3
    before, after = (Project(f).workspace.current(SCORE) for f in (telling, copied))
    decisions = before.read(DECISIONS)
    others = pc.invert(pc.is_in(decisions[c.PERSON_ID], value_set=pa.array(GONE)))
    assert after.read(DECISIONS).equals(decisions.filter(others))
    lines = (before.path / "decisions.csv").read_text().splitlines()
    kept = [line for line in lines if not any(f'"{person}"' in line for person in GONE)]
    assert (after.path / "decisions.csv").read_text().splitlines() == kept


def test_the_project_goes_on_without_them(copied):
    (job,) = plan_erase(erasure(copied, *GONE), []).jobs
    job.carry_out()
    project = Project(copied)
    workspace = project.workspace
    built, ingested = workspace.current(FEATURES), workspace.current(INGEST)
    histories = load_histories(built)
    assert not set(histories.person_ids) & set(GONE)
    assert histories.offsets[-1] == len(histories.time)
    features = read_parquet(built.path / "person_features.parquet")
    assert features[c.PERSON_ID].to_pylist() == histories.person_ids.tolist()
    assert workspace.current(SIMULATE).manifest["inputs"][FEATURES] == built.run_id
    champions(project, recommender="recommender")
    (report,) = plan_report(copied / "project.yaml", []).jobs
    report.carry_out()
    assert files_with(workspace.root, GONE) == set()
    raw = pa.table({c.PERSON_ID: [*GONE, "900000001"]})
    assert drop_erased(raw, workspace)[c.PERSON_ID].to_pylist() == ["900000001"]
    assert not set(ingested.read(PERSONS)[c.PERSON_ID].to_pylist()) & set(GONE)


def test_the_same_raw_data_bring_nobody_back(copied):
    (job,) = plan_erase(erasure(copied, *GONE), []).jobs
    job.carry_out()
    ingest, features, *_ = plan_project(copied, []).jobs
    run = ingest.carry_out()
    features.carry_out()
    assert not run.reused
    assert run.manifest["figures"]["events_of_erased"] > 0
    assert files_with(Project(copied).workspace.root, GONE) == set()
    assert ingest.carry_out().reused


def test_short_ids_leave_every_table(finished_project, tmp_path):
    folder = shutil.copytree(finished_project, tmp_path / "copy", symlinks=True)
    (job,) = plan_erase(erasure(folder, "3", "17", "40"), []).jobs
    proof = job.carry_out().json("erasure_proof.json")
    assert proof["search"]["ids_compared_in_tables_only"] == 3
    workspace = Project(folder).workspace
    for path in workspace.root.rglob("*.parquet"):
        table = pq.read_table(path)
        for name in {c.PERSON_ID, c.USER_ID, c.ANONYMOUS_ID} & set(table.column_names):
            assert not {"3", "17", "40"} & set(table[name].to_pylist()), path
    assert not list((workspace.root / "report").rglob("*.html"))


def test_the_command_line(retarget, copied):
    config = erasure(copied, *GONE)
    missing = retarget("erase", config, "list=gone.csv")
    assert missing.returncode == 2
    assert "InputError" in missing.stderr
    assert files_with(Project(copied).workspace.root, GONE)
    (Project(copied).workspace.root / "notes.txt").write_text(f"call {GONE[0]}\n")
    gate = retarget("erase", config)
    assert gate.returncode == 1
    assert "still names an erased person" in gate.stderr
    (Project(copied).workspace.root / "notes.txt").unlink()
    done = retarget("erase", config)
    assert done.returncode == 0, done.stderr
    assert "hits 0" in done.stdout
    for found in (missing, gate, done):
        assert not any(person in found.stdout + found.stderr for person in GONE)


def test_another_workspace_can_be_named(copied, tmp_path):
    config = erasure(copied, *GONE)
    plan = plan_erase(config, [f"workspace={tmp_path / 'other'}"])
    assert plan.workspace.root == tmp_path / "other"
