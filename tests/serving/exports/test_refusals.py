"""What stops an export from outside: another job, a full disk. Each says so, and the last good export stays."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from features.config import validate
from features.erasure.erase import EXPORT
from features.errors import WorkspaceError
from serving.cli import app
from serving.exports.config import ExportsConfig
from serving.exports.export import export

FULL = """
import json, resource, signal, sys
from pathlib import Path
from features.config import validate
from features.errors import WorkspaceError
from features.project import Project
from serving.exports.config import ExportsConfig
from serving.exports.export import export
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))
for content in json.loads(sys.argv[2]):
    try:
        export(Project(Path(sys.argv[1])), validate(ExportsConfig, content, subject="x"))
    except WorkspaceError as error:
        print(error)
"""


def plan(kind, **more):
    return {"kind": "exports", "exports": {"one": {"kind": kind, **more}}}


def filled(workshop, make):
    names = [f"person{number:03d}" for number in range(60)]
    workshop.ingest([make.person(name) for name in names], [make.item("i1")])
    workshop.score([make.decision(name) for name in names])
    return export(workshop.project, validate(ExportsConfig, plan("bid_inputs"), subject="x"))


def test_a_full_disk_says_so_and_the_last_good_export_stays(workshop, make):
    """No file may grow beyond 600 bytes: what a full disk refuses, the system refuses here."""
    good = filled(workshop, make)
    plans = [plan("item_lists", format=form) for form in ("csv", "parquet")]
    command = [sys.executable, "-c", FULL, str(workshop.folder), json.dumps(plans)]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = said.stdout.splitlines()
    assert len(lines) == len(plans), said.stderr
    for line in lines:
        assert "writing failed (" in line
        assert line.endswith("Free space or fix permissions, then run again; the last good output is intact.")  # fmt: skip
    assert workshop.project.workspace.current(EXPORT).run_id == good.run_id
    after = export(workshop.project, validate(ExportsConfig, plans[0], subject="x"))
    assert after.path.is_dir()
    assert not list((workshop.project.workspace.root / EXPORT).glob(".partial-*"))


@pytest.mark.parametrize("command", ["export", "audit"])
def test_a_second_job_on_the_same_project_is_refused(workshop, make, command):
    good = filled(workshop, make)
    (workshop.folder / "exports.yaml").write_text(json.dumps(plan("item_lists")))
    target = workshop.folder / "exports.yaml" if command == "export" else workshop.folder
    with workshop.project.workspace.lock():
        found = CliRunner().invoke(app, [command, str(target)])
    assert isinstance(found.exception, WorkspaceError)
    assert found.exception.exit_code == 2
    assert "another job is writing here; one job at a time per workspace. Wait for it to end" in str(found.exception)  # fmt: skip
    assert workshop.project.workspace.current(EXPORT).run_id == good.run_id
