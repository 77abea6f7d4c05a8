"""Train uplift models from a flat file and write the run: metrics, scores, curves, rejects, bundles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pandas as pd

from features import columns as c
from features.errors import ConfigError
from features.run import Run, RunWriter, to_json
from features.sources.flat_table import FlatTable, read_flat_table
from features.store import Workspace
from features.tables import REJECTS
from training.fit_uplift import fit_uplift
from training.reports.uplift import model_card, uplift_page
from training.reports.uplift_charts import uplift_charts
from training.tracking.model_pages import write_pages
from training.tracking.runs import TRACKED, track_run
from training.uplift.config import ColumnSplit, UpliftTrainingConfig
from training.uplift.data_config import FlatTableData
from training.uplift.results import UpliftResult
from training.uplift.rows import UpliftRows, rows_from_flat_table

TRAIN_UPLIFT: Final = "train-uplift"
_BUNDLE: Final = "bundle"
UPLIFT_PROJECT: Final = "uplift"


def train_flat(config: UpliftTrainingConfig, *, folder: Path) -> Run:
    """Run an uplift training whose rows come from one file.

    The same file, config and code give the same run: a second call finds it and computes nothing. The run is logged to
    MLflow in the workspace, and each treated arm's model registered as `uplift_<arm>`.

    Args:
        config: with `data.kind: flat_table`.
        folder: folder of the config file; relative paths start here.

    Returns:
        The finished run: `report.html`, `model_card.md`, `plots/`, `metrics.json`, `scores.parquet`, `curves.parquet`,
        `rejects.parquet` and one bundle per treated arm under `bundle/`.

    Raises:
        ConfigError: the rows do not come from a file.
        InputError: the file cannot be used.
        GateError: a check said no; nothing is written.
        WorkspaceError: the workspace cannot be written.
    """
    data = config.data
    if not isinstance(data, FlatTableData):
        raise ConfigError(
            "data",
            f"is of kind '{data.kind}'",
            rule="this training reads one file",
            next_step="Set 'data.kind: flat_table', or run the project that holds the histories.",
        )
    flat = read_flat_table((folder / data.path).resolve(), separator=data.separator)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        rows, judged = flat_rows(flat, data, config)
        result = fit_uplift(rows, config)
        counts = _counts(judged)
        write_uplift(result, writer, extra=counts)
        figures |= {**counts, TRACKED: result.tracked()}
        writer.table(judged.rejects, REJECTS, source=judged.source)

    workspace = flat_workspace(config, folder=folder)
    run = workspace.carry_out(
        TRAIN_UPLIFT,
        compute,
        config=content_config(config),
        inputs={"data": flat.content},
        layer="training",
    )
    models = dict(zip(flat_model_names(run), uplift_bundles(run).values(), strict=True))
    track_run(run, folder=workspace.root, project=UPLIFT_PROJECT, models=models)
    return run


def flat_rows(
    flat: FlatTable, data: FlatTableData, config: UpliftTrainingConfig
) -> tuple[UpliftRows, FlatTable]:
    """The rows of a file, and the file with its rejects."""
    column = config.split.column if isinstance(config.split, ColumnSplit) else None
    return rows_from_flat_table(flat, data, split_column=column)


def flat_workspace(config: UpliftTrainingConfig, *, folder: Path) -> Workspace:
    """The workspace of a training whose config file lies in `folder`."""
    return Workspace((folder / config.workspace).resolve())


def content_config(config: UpliftTrainingConfig) -> UpliftTrainingConfig:
    """The config without what does not change the result: where the output goes and where the file lies."""
    data = config.data
    if isinstance(data, FlatTableData):
        data = data.model_copy(update={"path": ""})
    return config.model_copy(update={"workspace": "", "data": data})


def uplift_bundles(run: Run) -> dict[str, Path]:
    """Folder of the model of each contrast, by name of the contrast."""
    return {folder.name: folder for folder in sorted((run.path / _BUNDLE).iterdir())}


def flat_model_names(run: Run) -> list[str]:
    """Names under which the models of a training on a flat file are registered, in the order of `uplift_bundles`."""
    return [f"uplift_{name}" for name in uplift_bundles(run)]


def write_uplift(result: UpliftResult, writer: RunWriter, *, extra: dict[str, Any]) -> None:
    """Write the files of an uplift training into a run; `extra` joins the population counts."""
    metrics = result.metrics()
    metrics["population"] |= extra
    writer.json("metrics.json", metrics)
    writer.parquet("scores", result.scores())
    curves = result.curves()
    writer.parquet("curves", curves)
    stored = json.loads(to_json(metrics))  # the page shows what was stored
    writer.text("report.html", uplift_page(stored, curves.to_pandas()))
    write_pages(writer, card=model_card(stored), plots=_plots(stored, curves.to_pandas()))
    for contrast in result.contrasts:
        contrast.model.save(writer.path / _BUNDLE / contrast.name)


def _plots(metrics: dict[str, Any], curves: pd.DataFrame) -> dict[str, str]:
    """Every plot of every contrast, by file name."""
    return {
        f"{name}_{kind}.svg": chart.svg
        for name, contrast in metrics["contrasts"].items()
        for kind, chart in uplift_charts(contrast, curves[curves[c.CONTRAST] == name]).items()
    }


def _counts(flat: FlatTable) -> dict[str, int]:
    return {
        "rows_in": flat.rows_in,
        "rows_out": flat.table.num_rows,
        "rejects": flat.rejects.num_rows,
    }
