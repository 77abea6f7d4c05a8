"""`retarget design` and `retarget measure` on regions: a table in; figures, tables and the page of one run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features.errors import InputError
from features.run import Run, RunWriter, to_json
from features.sources.flat_table import (
    FlatTable,
    read_flat_table,
    reject_missing,
    require_columns,
    text_values,
)
from features.store import Workspace
from features.tables import REJECTS
from training.experiments.regions.config import (
    RegionDesignConfig,
    RegionLot,
    RegionMeasureConfig,
)
from training.experiments.regions.design import group_regions, plan_regions
from training.experiments.regions.findings import RegionMeasurement
from training.experiments.regions.groups import NO_GROUP
from training.experiments.regions.measure import RegionRows, measure_regions
from training.experiments.regions.panel import RegionPanel, day_number, region_panel
from training.reports.regions import region_design_page, region_page
from training.tracking.runs import TRACKED, track_run

DESIGN_REGIONS: Final = "design-regions"
MEASURE_REGIONS: Final = "measure-regions"
ASSIGNMENT: Final = "assignment"
_TRACKING_PROJECT: Final = "experiments"


def design_on_regions(config: RegionDesignConfig, *, folder: Path) -> Run:
    """Groups, a lot, and what a test on regions could find.

    Args:
        config: what the test is to find.
        folder: folder of the config file; relative paths start here.

    Returns:
        The run: `assignment.parquet` (region, group, arm), `plans.parquet`, `design.json`, `report.html`.

    Raises:
        InputError: the file cannot be used, or its regions are too few.
        WorkspaceError: the workspace cannot be written.
    """
    flat = read_flat_table((folder / config.data.path).resolve(), separator=config.data.separator)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        names = list(dict.fromkeys([config.alike_in, *config.outcomes]))
        panel, judged = region_panel(flat, config.data, names)
        groups = group_regions(panel, config)
        plans = [asdict(plan) for plan in plan_regions(panel, groups, config)]
        lot = [
            {
                "region": name,
                "group": int(group),
                "arm": "left out" if group == NO_GROUP else "treated" if treated else "control",
            }
            for name, group, treated in zip(
                panel.regions, groups.group, groups.treated, strict=True
            )
        ]
        stored = {
            "plans": plans,
            "lot": lot,
            "possible": groups.possible,
            "days": len(panel.days),
            "declared": content.model_dump(mode="json", exclude={"workspace", "data"}),
        }
        writer.json("design.json", stored)
        for name, rows in (("plans", plans), (ASSIGNMENT, lot)):
            writer.parquet(name, pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False))
        writer.text("report.html", region_design_page(json.loads(to_json(stored))))
        writer.table(judged.rejects, REJECTS, source=judged.source)
        figures |= {
            "regions": int((groups.group != NO_GROUP).sum()),
            "treated": int(groups.treated.sum()),
            "plans": len(plans),
            "answer": sum(plan["answers"] for plan in plans),
            "sentences": [plan["sentence"] for plan in plans],
        }

    content = config.model_copy(
        update={"workspace": "", "data": config.data.model_copy(update={"path": ""})}
    )
    return Workspace((folder / config.workspace).resolve()).carry_out(
        DESIGN_REGIONS, compute, config=content, inputs={"data": flat.content}, layer="training"
    )


def measure_on_regions(config: RegionMeasureConfig, *, folder: Path) -> Run:
    """Measure a test on regions.

    Args:
        config: what is measured.
        folder: folder of the config file; relative paths start here.

    Returns:
        The run: `lift.json`, `report.html`, `rejects.parquet`, and `effects`, `days`, `weights`, `checks` as Parquet.

    Raises:
        InputError: a file cannot be used, or its regions are too few.
        GateError: a check failed; nothing is written.
    """
    flat, lot = _read(config, folder)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        found, judged = measure_tables(flat, lot, config)
        stored = {
            **asdict(found),
            "design": content.model_dump(
                mode="json", include={"outcomes", "primary", "method", "start", "end"}
            ),
        }
        writer.json("lift.json", stored)
        for name in ("effects", "days", "weights", "checks"):
            rows = [_flattened(row) for row in stored[name]]
            if rows:
                writer.parquet(name, pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False))
        writer.text("report.html", region_page(json.loads(to_json(stored))))
        writer.table(judged.rejects, REJECTS, source=judged.source)
        figures |= _figures(found)

    content = config.model_copy(
        update={
            "workspace": "",
            "data": config.data.model_copy(update={"path": ""}),
            "lot": config.lot.model_copy(update={"path": None}),
        }
    )
    workspace = Workspace((folder / config.workspace).resolve())
    run = workspace.carry_out(
        MEASURE_REGIONS,
        compute,
        config=content,
        inputs={"data": flat.content, "lot": lot.content},
        layer="training",
    )
    track_run(run, folder=workspace.root, project=_TRACKING_PROJECT, models={})
    return run


def measure_tables(
    flat: FlatTable, lot: FlatTable, config: RegionMeasureConfig
) -> tuple[RegionMeasurement, FlatTable]:
    """What the tables of a test on regions show; also returns the first table with every refused row in its rejects.

    Raises:
        InputError: a table cannot be used, or its regions are too few.
        GateError: a check failed.
    """
    start = day_number(config.start)
    panel, judged = region_panel(flat, config.data, config.ordered, before=start)
    if config.end is not None:
        panel = panel.until(day_number(config.end))
    return measure_regions(region_rows(panel, lot, config.lot, start=start), config), judged


def _read(config: RegionMeasureConfig, folder: Path) -> tuple[FlatTable, FlatTable]:
    """The table of outcomes and that of the lot, which may be the same."""
    flat = read_flat_table((folder / config.data.path).resolve(), separator=config.data.separator)
    if config.lot.path is None:
        return flat, flat
    return flat, read_flat_table(
        (folder / config.lot.path).resolve(), separator=config.data.separator
    )


def region_rows(panel: RegionPanel, lot: FlatTable, config: RegionLot, *, start: int) -> RegionRows:
    """The regions of the panel that the lot names, with their arm and group.

    Args:
        panel: outcomes.
        lot: a row per region, or many that say the same.
        config: its columns; regions of other arms are not part of the test.
        start: first day of the treatment, days since 1970.

    Raises:
        SchemaError: a column is missing.
        InputError: a region is in two arms or groups, or has no outcomes; or an arm has no region.
    """
    columns = [config.region, config.arm, *([config.group] if config.group else [])]
    require_columns(lot.table, columns, source=lot.source)
    for column in columns:
        lot = reject_missing(lot, column)
    parts = zip(*(text_values(lot.table[column]) for column in columns), strict=True)
    drawn: dict[str, tuple[str, ...]] = {}
    for region, *rest in parts:
        place = tuple(map(str, rest))
        if place[0] not in (config.treated, config.control):
            continue
        if drawn.setdefault(str(region), place) != place:
            raise InputError(
                lot.source,
                f"region '{region}' is {drawn[str(region)]} in one row and {place} in another",
                rule="a region has one arm and one group",
                next_step="Repair the assignment.",
            )
    missing = sorted(set(drawn) - set(panel.regions))
    if missing:
        raise InputError(
            panel.source,
            f"{len(missing)} assigned regions have no rows, among them '{missing[0]}'",
            rule="every region of the test is measured",
            next_step="Check that both files name regions alike, and 'data.most_regions'.",
        )
    arms = {place[0] for place in drawn.values()}
    for arm in (config.treated, config.control):
        if arm not in arms:
            raise InputError(
                lot.source,
                f"no region has the arm '{arm}'",
                rule="a test compares treated regions with controls",
                next_step="Check 'lot.treated' and 'lot.control'.",
            )
    inside = panel.where(np.array([name in drawn for name in panel.regions]))
    chosen = [drawn[name] for name in inside.regions]
    return RegionRows(
        inside,
        np.array([place[0] == config.treated for place in chosen]),
        _codes([place[-1] if config.group else "" for place in chosen]),
        start,
    )


def region_lines(run: Run) -> list[str]:
    """What a test on regions could find, a line per outcome, length and estimate."""
    return [str(line) for line in run.manifest["figures"]["sentences"]]


def _codes(labels: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(labels, np.str_), return_inverse=True)[1].astype(np.int64)


def _flattened(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return flat


def _figures(found: RegionMeasurement) -> dict[str, Any]:
    effect = found.effects[0]
    passed = sum(check.passed for check in found.checks)
    return {
        "regions": found.regions,
        "treated": found.treated,
        "checks": f"{passed} of {len(found.checks)} passed",
        "outcome": effect.outcome,
        "lift": effect.lift.relative,
        "low": effect.lift.low,
        "high": effect.lift.high,
        TRACKED: {
            f"{one.outcome}/{end}".replace("'", ""): getattr(one.lift, end)
            for one in found.effects
            if one.headline
            for end in ("relative", "low", "high", "p_value")
        },
    }
