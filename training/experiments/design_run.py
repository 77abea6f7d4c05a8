"""`retarget design`: reckon a test on a file or on a project's histories; figures and page of one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features import columns as c
from features.arrays import FloatArray
from features.histories.histories import MICROSECONDS_PER_DAY, Histories, microseconds
from features.outcomes import observed_outcomes
from features.project import Project
from features.run import Run, RunWriter, to_json
from features.sources.flat_table import as_numbers, read_flat_table, require_columns
from features.steps.features import FEATURES, load_histories
from features.store import Workspace
from training.experiments.design import DesignHistory, design_test
from training.experiments.design_config import (
    DesignConfig,
    ProjectHistory,
    ReturnTarget,
    TableHistory,
)
from training.reports.design import design_page

DESIGN_STEP: Final = "design-experiment"
_DAYS_PER_WEEK: Final = 7


def design_flat(config: DesignConfig, history: TableHistory, *, folder: Path) -> Run:
    """Design a test from a file with a row per person.

    Args:
        config: what the test is to find.
        history: its `history`.
        folder: folder of the config file; relative paths start here.

    Returns:
        The run: `design.json`, `plans.parquet`, `report.html`.

    Raises:
        InputError: the file cannot be used.
        WorkspaceError: the workspace cannot be written.
    """
    flat = read_flat_table((folder / history.path).resolve(), separator=history.separator)
    require_columns(flat.table, _columns(config), source=flat.source)
    for column in _columns(config):
        flat = as_numbers(flat, column)
    found = DesignHistory(
        {name: flat.table[name].to_numpy() for name in _columns(config)},
        history.persons_per_week * np.arange(1.0, config.max_weeks + 1),
        flat.source,
    )
    content = config.model_copy(
        update={"workspace": "", "history": history.model_copy(update={"path": ""})}
    )
    return _carry_out(
        Workspace((folder / config.workspace).resolve()),
        found,
        config,
        content=content,
        inputs={"data": flat.content},
    )


def design_project(project: Project, config: DesignConfig, history: ProjectHistory) -> Run:
    """Design a test from a project's histories up to its moment of decision.

    Args:
        project: has the step features behind it.
        config: what the test is to find.
        history: its `history`.

    Raises:
        WorkspaceError: a step before it has not been run.
    """
    built = project.workspace.current(FEATURES)
    found = history_of(
        load_histories(built),
        as_of=microseconds(project.config.as_of),
        window_days=config.window_days,
        active_days=history.active_days,
        max_weeks=config.max_weeks,
    )
    return _carry_out(
        project.workspace,
        found,
        config,
        content=config.model_copy(update={"workspace": ""}),
        inputs={FEATURES: built.run_id, c.AS_OF: project.config.as_of.isoformat()},
    )


def history_of(
    histories: Histories, *, as_of: int, window_days: int, active_days: int, max_weeks: int
) -> DesignHistory:
    """What active persons did in the last window, and how many persons become active within 1, 2, … weeks.

    Args:
        histories: the events known.
        as_of: microseconds; nothing at or after it is looked at.
        window_days: length of the window.
        active_days: an event so many days before the window makes a person active.
        max_weeks: weeks to count.
    """
    window = window_days * MICROSECONDS_PER_DAY
    start = np.int64(as_of - window)
    everyone = np.arange(histories.n_persons)
    last = _last_event(histories, everyone, start)
    active = np.flatnonzero(last >= start - active_days * MICROSECONDS_PER_DAY)
    columns: dict[str, FloatArray] = {}
    for prefix, moment in (("", start), ("before_", start - window)):
        found = observed_outcomes(
            histories, active, np.full(len(active), moment), horizon_days=window_days
        )
        columns |= {
            f"{prefix}{c.VISITS}": found.visits.astype(np.float64),
            f"{prefix}{c.CONVERSION}": found.conversion.astype(np.float64),
            f"{prefix}{c.REVENUE}": found.revenue,
        }
    newest = _last_event(histories, everyone, np.int64(as_of))
    weeks = np.arange(1, max_weeks + 1) * _DAYS_PER_WEEK * MICROSECONDS_PER_DAY
    persons = np.array([float((newest >= as_of - reach).sum()) for reach in weeks])
    return DesignHistory(columns, persons, "the project's histories")


def _last_event(histories: Histories, persons: np.ndarray, moment: np.int64) -> np.ndarray:
    """Time of each person's last event before a moment; a long time ago where there is none."""
    rows = histories.as_of(persons, np.full(len(persons), moment))
    never = np.iinfo(np.int64).min // 2
    some = rows.stop > rows.start
    return np.where(some, histories.time[np.maximum(rows.stop - 1, 0)], never)


def _columns(config: DesignConfig) -> list[str]:
    named = [
        column
        for name, target in config.outcomes.items()
        for column in (target.revenue if isinstance(target, ReturnTarget) else name, target.before)
    ]
    return list(dict.fromkeys(column for column in named if column is not None))


def _carry_out(
    workspace: Workspace,
    history: DesignHistory,
    config: DesignConfig,
    *,
    content: DesignConfig,
    inputs: Mapping[str, str],
) -> Run:
    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        require_columns(pa.table(dict(history.columns)), _columns(config), source=history.source)
        plans = [asdict(plan) for plan in design_test(history, config)]
        stored = {
            "plans": plans,
            "persons_by_week": history.persons,
            "persons_of_history": len(next(iter(history.columns.values()))),
            "declared": content.model_dump(mode="json", exclude={"workspace", "history"}),
        }
        writer.json("design.json", stored)
        rows = [_flattened(plan) for plan in plans]
        writer.parquet("plans", pa.Table.from_pandas(pd.DataFrame(rows), preserve_index=False))
        writer.text("report.html", design_page(json.loads(to_json(stored))))
        figures |= {
            "persons": int(history.persons[-1]),
            "plans": len(rows),
            "answer": sum(row["answers"] for row in rows),
            "sentences": [row["sentence"] for row in rows],
        }

    return workspace.carry_out(
        DESIGN_STEP, compute, config=content, inputs=inputs, layer="training"
    )


def _flattened(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan with the figures of its simulation as columns of their own."""
    simulated = plan["simulated"] or {}
    return {name: value for name, value in plan.items() if name != "simulated"} | {
        f"simulated_{name}": value for name, value in simulated.items()
    }


def design_lines(run: Run) -> list[str]:
    """What was found, a line per outcome and holdout share."""
    return [str(line) for line in run.manifest["figures"]["sentences"]]
