"""Train recommenders from flat files and write the run: metrics, rejects, the champion's bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from features.run import Run, RunWriter
from features.store import Workspace
from features.tables import REJECTS
from training.fit_flat_recommender import FlatComparison, fit_sessions, fit_table
from training.flat_interactions import read_interaction_table, read_sessions
from training.flat_recommender_config import FlatRecommenderConfig, InteractionTableData
from training.tracking import PARAMETERS, TRACKED, track_run

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
        The finished run: `metrics.json`, the champion under `bundle/`, and for a table `rejects.parquet`.

    Raises:
        InputError: a file cannot be used.
        GateError: too many rows are refused; nothing is written.
    """
    data = config.data
    workspace = flat_recommender_workspace(config, folder=folder)
    if isinstance(data, InteractionTableData):
        rows, flat = read_interaction_table(data, folder=folder)
        content = flat.content

        def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
            figures |= {"rows_in": flat.rows_in, "rejects": flat.rejects.num_rows}
            _write(fit_table(rows, config), writer, figures)
            writer.table(flat.rejects, REJECTS, source=flat.source)

    else:
        sessions, pairs, content = read_sessions(data, folder=folder)

        def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
            figures |= {"rows_in": len(sessions.item) + len(pairs.prefixes.item), "rejects": 0}
            _write(fit_sessions(sessions, pairs, config), writer, figures)

    run = workspace.carry_out(
        TRAIN_FLAT_RECOMMENDER,
        compute,
        config=content_config(config),
        inputs={"data": content},
        layer="training",
    )
    models = {FLAT_PROJECT: run.path / _BUNDLE}
    track_run(run, folder=workspace.root, project=FLAT_PROJECT, models=models)
    return run


def content_config(config: FlatRecommenderConfig) -> FlatRecommenderConfig:
    """The config without what does not change the result: where the output goes and where the files lie."""
    paths = (
        {"path": ""} if isinstance(config.data, InteractionTableData) else {"path": "", "test": ""}
    )
    data = config.data.model_copy(update=paths)
    return config.model_copy(update={"workspace": "", "data": data})


def _write(comparison: FlatComparison, writer: RunWriter, figures: dict[str, Any]) -> None:
    comparison.model.save(writer.path / _BUNDLE)
    writer.json("metrics.json", comparison.metrics())
    best = comparison.result(comparison.champion)
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
