"""What a command prints while its jobs run: the plan, a line per job, where the outputs are."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from features.run import Run
    from serving.jobs import Job
    from serving.plans import Plan

_FEW: Final = 2
"""Up to so many jobs are one piece of work, whose output is that of the first."""


def execute(plan: Plan, *, dry_run: bool, log_json: bool) -> None:
    """Carry out the jobs in order, a line for each; or print the plan alone."""
    total = len(plan.jobs)
    if dry_run:
        for number, job in enumerate(plan.jobs, start=1):
            typer.echo(f"[{number}/{total}] {job.name}: {job.purpose}")
        typer.echo(f"would write to {plan.workspace.root}")
        return
    with plan.workspace.lock():
        runs = []
        for number, job in enumerate(plan.jobs, start=1):
            if not log_json:
                typer.echo(f"[{number}/{total}] {job.name:19} ", nl=False)
            begin = time.perf_counter()
            finished = job.carry_out()
            runs.append(finished)
            seconds = time.perf_counter() - begin
            typer.echo(
                _json_line(job.name, finished, seconds)
                if log_json
                else _line(job, finished, seconds)
            )
            if job.told is not None and not log_json:
                for line in job.told(finished):
                    typer.echo(f"      {line}")
            if job.judge is not None:
                job.judge(finished)
    if not log_json and total <= _FEW:
        typer.echo(f"output      {short(runs[0].path)}")


def _line(job: Job, finished: Run, seconds: float) -> str:
    state = "already done" if finished.reused else f"{seconds:.1f} s"
    figures = finished.manifest["figures"]
    shown = ", ".join(f"{_words(name)} {_number(figures[name])}" for name in job.shown)
    return f"{state:>12}  {shown}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float | str) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else value


def _json_line(name: str, finished: Run, seconds: float) -> str:
    record = {
        "step": name,
        "run_id": finished.run_id,
        "reused": finished.reused,
        "seconds": round(seconds, 3),
        "figures": finished.manifest["figures"],
        "path": str(finished.path),
    }
    return json.dumps(record, sort_keys=True)


def say_where_to_look(plan: Plan) -> None:
    """Where the outputs of a whole project lie."""
    from training.tracking.mlflow_store import ui_command  # noqa: PLC0415

    root = short(plan.workspace.root)
    program = short(Path(sys.executable).with_name("mlflow"))
    typer.echo("")
    typer.echo(f"report      {root / 'report' / 'current' / 'report.html'}")
    typer.echo(f"decisions   {root / 'score' / 'current' / 'decisions.csv'} (and .parquet)")
    if (plan.workspace.root / "export" / "current").exists():
        typer.echo(f"exports     {root / 'export' / 'current'}")
    typer.echo(f"MLflow      {ui_command(root, program=program)}")


def short(path: Path) -> Path:
    """The path from the current folder, when it lies inside."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
