"""Score, export and audit at many persons: `python -m benchmarks.many_persons PROJECT --times 10`.

PROJECT is a finished project whose workspace lies inside it or is named in its project.yaml. Its persons are repeated under new ids, with all
their events, logins and contacts, in a copy whose budget grows alike; models, items and the other configs stay. Prints seconds,
processor seconds, peak memory and persons per second of each step, each in a process of its own. With --shares scoring has one
thread and also prints the shares of its processor time inside the recommender and the uplift model.
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
from typing import Any

import duckdb

from benchmarks.peak_memory import peak_mib
from features import columns as c
from features.erasure.erase import EXPORT
from features.project import PROJECT_FILE, Project
from features.steps.features import FEATURES, build_features
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import PERSONS
from serving.audit.audit import AUDIT, audit_project
from serving.config import CampaignConfig
from serving.plans import plan_export, plan_score
from serving.score import SCORE
from training.recommenders.base import Recommender
from training.uplift.model import UpliftModel

IDS = ("person_id", "event_id", "refund_event_id", "user_id", "anonymous_id", "identity", "merged_into", "exposure_id")  # fmt: skip
REPEATED = {
    INGEST: ("persons", "events", "identities", "person_merges", "reversals"),
    SIMULATE: ("assignments", "exposures"),
}
EMPTIED = (FEATURES, SCORE, EXPORT, AUDIT)


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
    order = f" ORDER BY {c.PERSON_ID}" if path.stem == PERSONS.name else ""
    repeated = f"SELECT * EXCLUDE copy REPLACE ({own}) FROM '{path}', range({times}) AS copies(copy){order}"  # noqa: S608 - names of our own columns
    connection.sql(repeated).write_parquet(str(fresh), compression="zstd")
    fresh.replace(path)


def counted(owner: type, name: str, spent: dict[str, float]) -> None:
    """Add up the processor time inside a method from now on; true with one thread only."""
    method, key = getattr(owner, name), f"in_{owner.__name__}"

    def timed(*given: Any, **named: Any) -> Any:
        begin = time.process_time()
        try:
            return method(*given, **named)
        finally:
            spent[key] = spent.get(key, 0.0) + time.process_time() - begin

    setattr(owner, name, timed)


def measured(step: str, folder: Path, *, shares: bool = False, times: int = 1) -> dict[str, float]:
    """One step in this process: its seconds, its peak memory, what an audit found, and time inside models."""
    project = Project(folder)
    spent: dict[str, float] = {}
    if shares:
        counted(Recommender, "recommend", spent)
        counted(UpliftModel, "predict", spent)
        counted(UpliftModel, "predict_control", spent)
    begin, worked = time.perf_counter(), time.process_time()
    if step == FEATURES:
        run = build_features(project)
    elif step == AUDIT:
        run = audit_project(project)
    else:
        plans = {SCORE: plan_score, EXPORT: plan_export}
        files = {SCORE: "campaign.yaml", EXPORT: "exports.yaml"}
        amount = project.step_config(CampaignConfig, "campaign").budget.amount
        larger = {SCORE: [f"budget.amount={amount * times}"], EXPORT: []}
        run = plans[step](folder / files[step], larger[step]).jobs[0].carry_out()
    return {
        "seconds": time.perf_counter() - begin,
        "processor_seconds": time.process_time() - worked,
        "mib": peak_mib(),
        "violations": run.manifest["figures"].get("violations", 0),
        "contacted": run.manifest["figures"].get("contacted", 0),
        **spent,
    }


def main() -> None:
    """Copy, repeat, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--shares", action="store_true", help="one thread; time inside models")
    parser.add_argument("--step", help="only this one, here and now: how each step is measured")
    asked = parser.parse_args()
    if asked.step:
        print(
            json.dumps(measured(asked.step, asked.project, shares=asked.shares, times=asked.times))
        )
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
        moved += ["engine: {kind: local, threads: 1}"] if asked.shares else []
        (folder / PROJECT_FILE).write_text("\n".join(moved) + "\n")
        repeat_persons(Project(folder), asked.times)
        everybody = Project(folder).workspace.current(INGEST).read(PERSONS).num_rows
        for step in EMPTIED:
            command = [sys.executable, "-m", __spec__.name, str(folder), "--step", step]
            command += ["--times", str(asked.times), *(["--shares"] if asked.shares else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this program itself
            found = json.loads(done.stdout.splitlines()[-1])
            worked = found["processor_seconds"]
            print(
                f"{step:9} {everybody:>10,} persons {found['seconds']:>8.1f} s ({worked:,.1f} s of processor time) "
                f"{found['mib']:>7,.0f} MiB {everybody / found['seconds']:>9,.0f} persons/s"
                + (f", {found['contacted']:,.0f} contacted" if step == SCORE else "")
                + (f", violations {found['violations']:.0f}" if step == AUDIT else "")
                + "".join(
                    f", {100 * found[key] / worked:.0f} % {key.replace('_', ' ')}"
                    for key in sorted(found)
                    if key.startswith("in_")
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
