"""`retarget measure` on an experiment: a file, or the campaign of a project; figures, tables and the page of one run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.engines.local import LocalEngine
from features.files.parquet import require_rows
from features.project import Project
from features.provenance import file_hash
from features.run import Run, RunWriter, to_json
from features.sources.flat_table import FlatTable, flat_table_of, read_flat_table
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST, QUALITY
from features.steps.simulate import SIMULATE
from features.store import Workspace
from features.tables import ASSIGNMENTS, EXPOSURES, OUTCOMES, REJECTS
from features.training_sets.uplift import KEYS, uplift_set
from training.experiments.attribution import Attributed
from training.experiments.config import MeasureConfig
from training.experiments.data_config import ExperimentHistories, ExperimentTable, LargeTable
from training.experiments.findings import Measurement
from training.experiments.large_table import measure_large
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows
from training.experiments.tier_levels import TierLevel
from training.reports.experiment import experiment_page
from training.tracking.runs import TRACKED, track_run

EXPERIMENT_STEP: Final = "measure-experiment"
LIFT: Final = "lift.json"
_NEW, _RETURNING, _EXPOSED = "new_customer", "returning_customer", "exposed"
_IMPRESSIONS, _TIER = "impressions", "bought"
_EXPERIMENTS: Final = "experiments"
_SIMULATED: Final = "The histories are the project's; the campaign is simulated: its assignment, exposures and effects were laid over them."


def measure_flat(config: MeasureConfig, data: ExperimentTable, *, folder: Path) -> Run:
    """Measure the experiment of one file.

    The same file, config and code give the same run: a second call finds it and computes nothing.

    Args:
        config: what is measured.
        data: its `data`.
        folder: folder of the config file; relative paths start here.

    Returns:
        The finished run: `lift.json`, `report.html`, `rejects.parquet`, and `effects`, `levels`, `segments`, `days`, `checks` as
        Parquet.

    Raises:
        InputError: the file cannot be used.
        GateError: a check failed; nothing is written.
        WorkspaceError: the workspace cannot be written.
    """
    flat = read_flat_table((folder / data.path).resolve(), separator=data.separator)
    content = config.model_copy(
        update={"workspace": "", "data": data.model_copy(update={"path": ""})}
    )
    return _carry_out(
        Workspace((folder / config.workspace).resolve()),
        flat,
        data,
        config,
        content=content,
        inputs={"data": flat.content},
        tracking_project=_EXPERIMENTS,
    )


def measure_project(project: Project, config: MeasureConfig, data: ExperimentHistories) -> Run:
    """Measure a recorded campaign of a project: rows are (person, time of assignment), clustered by person.

    Args:
        project: has the steps ingest, features and simulate behind it.
        config: what is measured.
        data: its `data`.

    Raises:
        WorkspaceError: a step before it has not been run.
        GateError: a check failed; nothing is written.
    """
    runs = {step: project.workspace.current(step) for step in (INGEST, FEATURES, SIMULATE)}
    table = campaign_table(runs[FEATURES], runs[SIMULATE], data.experiment)
    return _carry_out(
        project.workspace,
        flat_table_of(table, source=f"experiment '{data.experiment}'"),
        campaign_columns(data),
        config,
        content=config.model_copy(update={"workspace": ""}),
        inputs={step: run.run_id for step, run in runs.items()},
        tracking_project=project.config.name,
        notice=_SIMULATED,
        facts=runs[INGEST].json(QUALITY),
    )


def campaign_columns(data: ExperimentHistories) -> ExperimentTable:
    """What the columns of a `campaign_table` are."""
    return ExperimentTable(
        kind="flat_table",
        path="",
        arm=c.ARM,
        control=data.control,
        treated=data.treated,
        probability=c.PROBABILITY,
        cluster=c.PERSON_ID,
        covariates=data.covariates,
        segments=data.segments,
        day=c.ASSIGNED_AT,
        exposed=_EXPOSED,
        would_be_exposed=c.GHOST,
    )


def campaign_table(built: Run, simulated: Run, experiment: str) -> pa.Table:
    """A campaign as one table: features as of each assignment, outcomes after it, exposures and their cost."""
    assignments = simulated.read(ASSIGNMENTS)
    chosen = assignments.filter(pc.equal(assignments[c.EXPERIMENT_ID], experiment))
    outcomes = simulated.read(OUTCOMES)
    table = uplift_set(chosen, outcomes, load_histories(built)).to_pandas()
    late = outcomes.select([*KEYS, c.DAYS_TO_CONVERSION]).to_pandas()
    table = table.merge(late, on=list(KEYS), how="left", validate="one_to_one")
    exposures = simulated.read(EXPOSURES).to_pandas().rename(columns={c.TIME: c.ASSIGNED_AT})
    exposures[_IMPRESSIONS] = 1.0
    how = {c.GHOST: "all", c.COST: "sum", _IMPRESSIONS: "sum"}
    seen = exposures.groupby(list(KEYS), as_index=False).agg(how)
    table = table.merge(seen, on=list(KEYS), how="left", validate="one_to_one")
    reached = table[c.GHOST].notna().to_numpy()
    ghost = table[c.GHOST].eq(True).to_numpy()
    is_new = table["tenure_days"].isna()
    table[_EXPOSED] = (reached & ~ghost).astype(np.float64)
    table[c.GHOST] = reached.astype(np.float64)
    table[c.COST] = table[c.COST].fillna(0.0) * ~ghost
    table[_IMPRESSIONS] = table[_IMPRESSIONS].fillna(0.0)
    table[_TIER] = np.select(
        [table["orders_7d"] > 0, table["orders_28d"] > 0],
        ["last week", "last four weeks"],
        "earlier",
    )
    table[_NEW] = table[c.CONVERSION] * is_new
    table[_RETURNING] = table[c.CONVERSION] * ~is_new
    table[c.ASSIGNED_AT] = table[c.ASSIGNED_AT].dt.tz_convert(
        None
    )  # Arrow takes no zoned column of pandas 3
    return pa.Table.from_pandas(table, preserve_index=False)


def _carry_out(
    workspace: Workspace,
    flat: FlatTable,
    data: ExperimentTable,
    config: MeasureConfig,
    *,
    content: MeasureConfig,
    inputs: Mapping[str, str],
    tracking_project: str,
    notice: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Run:
    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        rows, judged = experiment_rows(flat, data, config)
        found = measure_experiment(rows, config)
        _write(found, content, writer, figures, notice=notice, facts=facts)
        writer.table(judged.rejects, REJECTS, source=judged.source)
        figures["rejects"] = judged.rejects.num_rows

    return _run(workspace, compute, content, inputs, tracking_project)


def measure_large_file(config: MeasureConfig, data: LargeTable, *, folder: Path) -> Run:
    """Measure the experiment of a Parquet file that need not fit into memory.

    Args:
        config: what is measured.
        data: its `data`.
        folder: folder of the config file; relative paths start here.

    Raises:
        InputError: the file cannot be used.
        GateError: a check failed; nothing is written.
    """
    path = (folder / data.path).resolve()

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        with writer.scratch() as spill:
            engine = LocalEngine(threads=data.threads, memory_limit=data.memory_limit, spill=spill)
            found = measure_large(engine.parquet(path), data, config, source=str(path))
        _write(found, content, writer, figures)

    require_rows(path)
    content = config.model_copy(
        update={"workspace": "", "data": data.model_copy(update={"path": ""})}
    )
    workspace = Workspace((folder / config.workspace).resolve())
    return _run(workspace, compute, content, {"data": file_hash(path)}, _EXPERIMENTS)


def _write(
    found: Measurement,
    content: MeasureConfig,
    writer: RunWriter,
    figures: dict[str, Any],
    *,
    notice: str = "",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """The files and figures of a measurement; `facts` is the quality report of what came in, None where there is none."""
    stored = {**asdict(found), "design": _declared(content), "notice": notice, "facts": facts}
    writer.json(LIFT, stored)
    for name, table in result_tables(found).items():
        writer.parquet(name, table)
    writer.text("report.html", experiment_page(json.loads(to_json(stored))))
    passed = sum(check.passed for check in found.checks)
    figures |= {
        "rows": found.rows,
        "units": found.units,
        "checks": f"{passed} of {len(found.checks)} passed",
        **_first(found),
        TRACKED: tracked(found),
    }


def _first(found: Measurement) -> dict[str, Any]:
    """The first headline, for the line of the command; the first incremental ratio where there is no other outcome."""
    if found.effects:
        effect = found.effects[0]
        name, lift = f"{effect.outcome} ({effect.treated})", effect.lift
        return {"outcome": name, "lift": lift.effect, "low": lift.low, "high": lift.high}
    part = found.ratios[0]
    name, ratio = f"{part.outcome} ({part.treated})", part.estimate
    return {"outcome": name, "lift": ratio.value, "low": ratio.low, "high": ratio.high}


def _run(
    workspace: Workspace,
    compute: Callable[[RunWriter, dict[str, Any]], None],
    content: MeasureConfig,
    inputs: Mapping[str, str],
    tracking_project: str,
) -> Run:
    run = workspace.carry_out(
        EXPERIMENT_STEP, compute, config=content, inputs=inputs, layer="training"
    )
    track_run(run, folder=workspace.root, project=tracking_project, models={})
    return run


def _declared(config: MeasureConfig) -> dict[str, Any]:
    """What was decided before looking, as the report shows it."""
    declared = config.model_dump(mode="json", include={"outcomes", "primary", "method"})
    return {**declared, "planned_rows": config.planned_rows}


def result_tables(found: Measurement) -> dict[str, pa.Table]:
    """Every result as a flat table, by name."""
    days = [
        {
            "treated": part.treated,
            "outcome": part.outcome,
            **{name: getattr(day, name) for name in ("day", "n_rows", "valid_low", "valid_high")},
            **_lift_columns(day.lift, ""),
            **_lift_columns(day.so_far, "so_far_"),
        }
        for part in found.days
        for day in part.days
    ]
    return {
        name: pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False)
        for name, rows in {
            "effects": list(map(_flattened, found.effects)),
            "levels": list(map(_flattened, found.levels)),
            "ratios": list(map(_flattened, found.ratios)),
            "segments": list(map(_flattened, found.segments)),
            "funnel": list(map(_flattened, found.funnel)),
            "tiers": [_level(row) for row in found.tiers],
            "cohorts": list(map(_flattened, found.cohorts)),
            "channels": list(map(_flattened, found.channels)),
            "attributed": [_attributed(row) for row in found.attributed],
            "checks": [asdict(check) for check in found.checks],
            "days": days,
        }.items()
        if rows
    }


def tracked(found: Measurement) -> dict[str, float]:
    """Headline figures with the ends of their intervals, by the name MLflow shows."""
    return {
        f"{effect.treated}/{effect.outcome}/{end}".replace("'", ""): value
        for effect in found.effects
        if effect.headline
        for end, value in (
            ("effect", effect.lift.effect),
            ("low", effect.lift.low),
            ("high", effect.lift.high),
            ("relative", effect.lift.relative),
        )
    }


def _flattened(row: Any) -> dict[str, Any]:
    """A result with its lift or estimate as columns beside the others."""
    flat: dict[str, Any] = {}
    for name, value in asdict(row).items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _level(row: TierLevel) -> dict[str, Any]:
    """A level with its interval; its rows are those of the arm in the tier."""
    flat = asdict(row)
    part = flat.pop("level") or {}
    return flat | {end: part.get(end, float("nan")) for end in ("value", "se", "low", "high")}


def _attributed(row: Attributed) -> dict[str, Any]:
    """A rule with its estimates as columns of their own."""
    flat = asdict(row)
    for name in ("incremental", "overstatement", "anyway"):
        part = flat.pop(name)
        flat |= {f"{name}_{end}": part[end] for end in ("value", "low", "high")}
    return flat


def _lift_columns(lift: Any, prefix: str) -> dict[str, float]:
    names: Iterable[str] = ("effect", "se", "low", "high")
    return {f"{prefix}{name}": getattr(lift, name, float("nan")) for name in names}
