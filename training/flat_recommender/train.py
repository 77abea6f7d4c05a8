"""Train recommenders from flat files and write the run: metrics, rejects, the champion's bundle."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from features.run import Run, RunWriter, to_json
from features.sources.flat_table import FlatTable
from features.store import Workspace
from features.tables import REJECTS
from training.flat_recommender.comparison import FlatComparison
from training.flat_recommender.config import FlatRecommenderConfig, InteractionTableData
from training.flat_recommender.fit import fit_sessions, fit_table
from training.flat_recommender.interactions import read_interaction_table, read_sessions
from training.reports.recommender import flat_card, recommender_plots
from training.test_values import TEST_VALUES
from training.tracking.model_pages import write_pages
from training.tracking.runs import PARAMETERS, TRACKED, track_run

TRAIN_FLAT_RECOMMENDER: Final = "train-recommender"
_BUNDLE: Final = "bundle"
FLAT_PROJECT: Final = "recommender"


def flat_recommender_workspace(config: FlatRecommenderConfig, *, folder: Path) -> Workspace:
    """The workspace of a training whose config file lies in `folder`."""
    return Workspace((folder / config.workspace).resolve())


def train_flat_recommender(config: FlatRecommenderConfig, *, folder: Path) -> Run:
    """Run a comparison on the files a config names.

    The same files, config and code give the same run: a second call finds it and computes nothing.

    Args:
        config: which files, which settings.
        folder: folder of the config file; relative paths start here.

    Returns:
        The finished run: `metrics.json`, `model_card.md`, `plots/`, `test_values.parquet`, the champion under `bundle/`, and for a table `rejects.parquet`.

    Raises:
        InputError: a file cannot be used.
        GateError: too many rows are refused; nothing is written.
    """
    workspace = flat_recommender_workspace(config, folder=folder)
    files = open_flat_files(config, folder=folder)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        figures |= {"rows_in": files.rows_in, "rejects": 0}
        if files.table is not None:
            figures["rejects"] = files.table.rejects.num_rows
            writer.table(files.table.rejects, REJECTS, source=files.table.source)
        _write(files.compare(config), config, writer, figures)

    run = workspace.carry_out(
        TRAIN_FLAT_RECOMMENDER,
        compute,
        config=content_config(config),
        inputs={"data": files.content},
        layer="training",
    )
    models = {FLAT_PROJECT: run.path / _BUNDLE}
    track_run(run, folder=workspace.root, project=FLAT_PROJECT, models=models)
    return run


@dataclass(frozen=True, eq=False)
class FlatFiles:
    """The files of a comparison, read.

    Attributes:
        content: hash of their bytes.
        rows_in: rows, refused ones too.
        table: the table they are; None for sessions.
        compare: the comparison of a config's candidates on them.
    """

    content: str
    rows_in: int
    table: FlatTable | None
    compare: Callable[[FlatRecommenderConfig], FlatComparison]


def open_flat_files(config: FlatRecommenderConfig, *, folder: Path) -> FlatFiles:
    """Read the files a config names; relative paths start at `folder`.

    Raises:
        InputError: a file cannot be used.
        GateError: too many rows are refused.
    """
    data = config.data
    if isinstance(data, InteractionTableData):
        rows, flat = read_interaction_table(data, folder=folder)
        return FlatFiles(flat.content, flat.rows_in, flat, partial(fit_table, rows))
    sessions, pairs, content = read_sessions(data, folder=folder)
    rows_in = len(sessions.item) + len(pairs.prefixes.item)
    return FlatFiles(content, rows_in, None, partial(fit_sessions, sessions, pairs))


def content_config(config: FlatRecommenderConfig) -> FlatRecommenderConfig:
    """The config without what does not change the result: where the output goes and where the files lie."""
    paths = (
        {"path": ""} if isinstance(config.data, InteractionTableData) else {"path": "", "test": ""}
    )
    data = config.data.model_copy(update=paths)
    return config.model_copy(update={"workspace": "", "data": data})


def _write(
    comparison: FlatComparison,
    config: FlatRecommenderConfig,
    writer: RunWriter,
    figures: dict[str, Any],
) -> None:
    comparison.model.save(writer.path / _BUNDLE)
    writer.json("metrics.json", comparison.metrics())
    stored = json.loads(to_json(comparison.metrics()))  # the card shows what was stored
    write_pages(
        writer,
        card=flat_card(stored, config.model_dump(mode="json")),
        plots=recommender_plots(stored, comparison.metric),
    )
    best = comparison.result(comparison.champion)
    writer.parquet(TEST_VALUES, best.values.table)
    figures |= {
        "champion": comparison.champion,
        "metric": comparison.metric,
        "value": best.metrics[comparison.metric].estimate,
        "low": best.metrics[comparison.metric].low,
        "high": best.metrics[comparison.metric].high,
        "lists": comparison.lists,
        TRACKED: comparison.tracked(),
        PARAMETERS: {"champion": comparison.champion},
    }
