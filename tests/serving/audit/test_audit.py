"""The audit of what we publish: clean, written down, and told."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

from features import columns as c
from features.erasure.erase import EXPORT
from features.errors import ConfigError, GateError, InputError, WorkspaceError
from features.steps.ingest import INGEST
from features.tables import AUDIT_FINDINGS
from serving.audit.audit import (
    AUDIT,
    CHECKS,
    alert_lines,
    audit_lines,
    audit_project,
    audit_run,
    require_clean,
    workspace_of,
)
from serving.cli import app
from serving.plans import plan_audit
from serving.score import SCORE


def test_our_own_output_breaks_no_rule(bench):
    assert bench.audit() == {}
    run = bench.project.workspace.current(AUDIT)
    assert run.manifest["figures"]["violations"] == 0
    assert run.manifest["figures"]["rules"] == len(CHECKS)
    assert run.manifest["figures"]["rules_not_checked"] == 0
    assert run.manifest["figures"]["files"] > len(list(bench.path(EXPORT).glob("*.csv")))
    table = run.read(AUDIT_FINDINGS)
    assert set(table[c.STATE].to_pylist()) == {"ok"}
    require_clean(run)
    assert len(audit_lines(run)) == len(CHECKS)
    assert alert_lines(run) == []


def test_an_audit_is_done_again_when_bytes_change_and_not_before(bench):
    first = audit_project(bench.project)
    assert audit_project(bench.project).reused
    (bench.folder / "crm.csv").write_text(f"person_id\n{bench.contacted()[0]}\n")
    again = audit_project(bench.project)
    assert again.run_id != first.run_id
    with pytest.raises(GateError, match=r"rows break 1 of \d+ rules; what was published obeys"):
        require_clean(again)


def test_a_violation_is_told_with_masked_persons_and_what_to_do(bench):
    (bench.folder / "crm.csv").write_text(f"person_id\n{bench.contacted()[0]}\n")
    lines = audit_lines(audit_project(bench.project))
    place = next(n for n, line in enumerate(lines) if line.startswith("suppression"))
    assert "violated" in lines[place]
    assert lines[place + 1].endswith(f"person ***({len(bench.contacted()[0])})")
    assert any("run 'retarget export' again with the lists of now" in line for line in lines)
    alerts = alert_lines(bench.project.workspace.current(AUDIT))
    assert alerts == lines[place : place + len(alerts)]
    assert len(alerts) > 2


def test_decisions_without_export_and_a_run_of_its_own(bench):
    exported = audit_run(bench.path(EXPORT))
    states = {one["name"]: one for one in exported.json("audit.json")["checks"]}
    assert states["suppression"]["state"] == "not checked"
    assert "project folder" in states["suppression"]["unchecked"]
    scored = audit_run(bench.path(SCORE))
    assert scored.manifest["figures"]["files"] == 0
    assert scored.json("audit.json")["audited"][EXPORT] is None
    assert workspace_of(bench.path(SCORE)).root == bench.folder / "out"


def test_an_export_of_earlier_decisions_is_not_judged_by_these(bench):
    bench.manifest(EXPORT, lambda m: m["inputs"].update({SCORE: "earlier"}))
    assert audit_project(bench.project).json("audit.json")["audited"][EXPORT] is None
    with pytest.raises(ConfigError, match="is no project folder and no stored run"):
        audit_run(bench.path(EXPORT))


def test_what_cannot_be_audited(bench, tmp_path):
    with pytest.raises(ConfigError, match="is no project folder and no stored run of 'score'"):
        plan_audit(tmp_path)
    with pytest.raises(ConfigError, match="no stored run"):
        audit_run(bench.path(INGEST))
    (bench.path(SCORE) / "decisions.parquet").write_bytes(b"no table")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        audit_project(bench.project)
    shutil.rmtree(bench.folder / "out" / INGEST)
    with pytest.raises(WorkspaceError, match="which is not in the workspace; an audit compares"):
        audit_project(bench.project)


def test_a_file_that_cannot_be_read_does_not_stop_the_audit(bench):
    (bench.path(EXPORT) / "typed.parquet").write_bytes(b"no table")
    found = bench.audit()
    assert set(found) == {"file_hash", "export_sums"}
    assert "cannot be read" in found["export_sums"]["first"][0]["what"]


def test_exit_codes(bench):
    runner = CliRunner()
    clean = runner.invoke(app, ["audit", str(bench.folder)])
    assert clean.exit_code == 0
    assert f"rules {len(CHECKS)}, violations 0, rules broken 0" in clean.stdout
    (bench.folder / "crm.csv").write_text(f"person_id\n{bench.contacted()[0]}\n")
    broken = runner.invoke(app, ["audit", str(bench.folder)])
    assert isinstance(broken.exception, GateError)
    assert "suppression" in broken.stdout
    missing = runner.invoke(app, ["audit", str(bench.folder / "nowhere")])
    assert isinstance(missing.exception, ConfigError)
    assert missing.exception.exit_code == 2
