"""Score, export and audit at many persons: `python -m benchmarks.many_persons PROJECT --times 10`.

PROJECT is a finished project whose workspace lies inside it or is named in its project.yaml. Its persons are repeated under new ids, with all
their events, logins and contacts, in a copy; models, items and configs stay. Prints seconds, peak memory and persons per second
of each step, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.peak_memory import peak_mib
from features.project import PROJECT_FILE, Project
from features.steps.features import FEATURES, build_features
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import PERSONS
from serving.audit.audit import AUDIT, audit_project
from serving.plans import plan_export, plan_score

IDS = ("person_id", "event_id", "refund_event_id", "user_id", "anonymous_id", "identity", "merged_into", "exposure_id")  # fmt: skip
REPEATED = {
    INGEST: ("persons", "events", "identities", "person_merges", "reversals"),
    SIMULATE: ("assignments", "exposures"),
}
EMPTIED = (FEATURES, "score", "export", AUDIT)


def repeat_persons(project: Project, times: int) -> None:
    """Write every table that names persons so many times, under ids that differ."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 2; SET preserve_insertion_order = true")
    for step, names in REPEATED.items():
        folder = project.workspace.current(step).path
        for path in (folder / f"{name}.parquet" for name in names):
            if path.exists():
                _repeat(connection, path, times)
    for step in EMPTIED:
        shutil.rmtree(project.workspace.root / step, ignore_errors=True)


def _repeat(connection: duckdb.DuckDBPyConnection, path: Path, times: int) -> None:
    columns = connection.read_parquet(str(path)).columns
    own = ", ".join(f"{name} || '.' || copy AS {name}" for name in IDS if name in columns)
    fresh = path.with_suffix(".fresh")
    repeated = (
        f"SELECT * EXCLUDE copy REPLACE ({own}) FROM '{path}', range({times}) AS copies(copy)"  # noqa: S608 - names of our own columns
    )
    connection.sql(repeated).write_parquet(str(fresh), compression="zstd")
    fresh.replace(path)


def measured(step: str, folder: Path) -> dict[str, float]:
    """One step in this process: its seconds, its peak memory, and what an audit found."""
    project = Project(folder)
    begin = time.perf_counter()
    if step == FEATURES:
        run = build_features(project)
    elif step == AUDIT:
        run = audit_project(project)
    else:
        plans = {"score": plan_score, "export": plan_export}
        files = {"score": "campaign.yaml", "export": "exports.yaml"}
        run = plans[step](folder / files[step], []).jobs[0].carry_out()
    return {
        "seconds": time.perf_counter() - begin,
        "mib": peak_mib(),
        "violations": run.manifest["figures"].get("violations", 0),
    }


def main() -> None:
    """Copy, repeat, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--step", help="only this one, here and now: how each step is measured")
    asked = parser.parse_args()
    if asked.step:
        print(json.dumps(measured(asked.step, asked.project)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        folder.mkdir()
        for file in asked.project.glob("*.*"):
            shutil.copyfile(file, folder / file.name)
        own = Project(asked.project).workspace.root
        shutil.copytree(own, folder / "workspace", symlinks=True)
        settings = (folder / PROJECT_FILE).read_text().splitlines()
        moved = ["workspace: workspace" if x.startswith("workspace:") else x for x in settings]
        (folder / PROJECT_FILE).write_text("\n".join(moved) + "\n")
        repeat_persons(Project(folder), asked.times)
        everybody = Project(folder).workspace.current(INGEST).read(PERSONS).num_rows
        for step in EMPTIED:
            command = [sys.executable, "-m", __spec__.name, str(folder), "--step", step]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this program itself
            found = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{step:9} {everybody:>10,} persons {found['seconds']:>8.1f} s {found['mib']:>7,.0f} MiB "
                f"{everybody / found['seconds']:>9,.0f} persons/s"
                + (f", violations {found['violations']:.0f}" if step == AUDIT else ""),
                flush=True,
            )


if __name__ == "__main__":
    main()
