"""The command line as a user meets it: exit codes, words, plans, and a quick start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RETARGET = str(Path(sys.executable).with_name("retarget"))


def test_help_names_the_commands_and_imports_nothing_heavy(tmp_path):
    found = subprocess.run(
        [RETARGET, "--help"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert found.returncode == 0
    assert all(
        name in found.stdout for name in ("run", "ingest", "train", "score", "measure", "report")
    )
    heavy = "import sys, serving.cli; print([m for m in ('numpy', 'pandas', 'mlflow', 'ibis') if m in sys.modules])"
    imported = subprocess.run(
        [sys.executable, "-c", heavy], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert imported.stdout.strip() == "[]"


def test_dry_run_prints_the_plan_and_writes_nothing(retarget, project_folder):
    found = retarget("run", project_folder, "--dry-run")
    assert found.returncode == 0
    assert found.stdout.splitlines()[0] == "[1/15] ingest: read the source into tables and rejects"
    assert "would write to" in found.stdout
    assert not (project_folder / "out").exists()


def test_json_lines_tell_each_step(retarget, project_folder):
    found = retarget("ingest", project_folder / "project.yaml", "--log-json")
    record = json.loads(found.stdout)
    assert record["step"] == "ingest"
    assert (
        record["figures"]["rows_in"] == record["figures"]["events"] + record["figures"]["rejects"]
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["run", "{}", "campaign.holdout.shar=0.2"],
            "'holdout.shar': unknown key, did you mean 'share'?",
        ),
        (["run", "{}/nowhere"], "no such file"),
        (["ingest", "{}/project.yaml", "source.folder=/nowhere"], "this step reads it"),
        (["score", "{}/campaign.yaml"], "has no finished run"),
    ],
)
def test_bad_input_ends_with_2_and_says_what_to_do(retarget, project_folder, arguments, words):
    found = retarget(*(argument.format(project_folder) for argument in arguments))
    assert found.returncode == 2, found.stderr
    assert words in found.stderr
    assert "Traceback" not in found.stderr


def test_a_process_ends_as_the_command_does(tmp_path):
    found = subprocess.run(
        [RETARGET, "run", "nowhere"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert found.returncode == 2
    assert "no such file" in found.stderr


def test_a_gate_ends_with_1(retarget, project_folder):
    found = retarget("ingest", project_folder / "project.yaml", "source.max_reject_rate=0.01")
    assert found.returncode == 1
    assert found.stderr.lstrip().startswith("GateError: events: ")


def test_doctor_shows_where_the_packages_come_from(retarget):
    found = retarget("doctor")
    assert found.returncode == 0
    assert "features" in found.stdout
    assert "lightgbm" in found.stdout
