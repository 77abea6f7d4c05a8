"""Train uplift models from a flat file and write the run: metrics, scores, curves, rejects, bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from features.errors import ConfigError
from features.sources.flat_table import FlatTable, read_flat_table
from features.store import Run, RunWriter, Workspace
from features.tables import REJECTS
from training.fit_uplift import UpliftResult, fit_uplift
from training.uplift.config import FlatTableData, UpliftTrainingConfig
from training.uplift.rows import rows_from_flat_table

STEP: Final = "train-uplift"
BUNDLE: Final = "bundle"


def train_flat(config: UpliftTrainingConfig, *, folder: Path) -> Run:
    """Run an uplift training whose rows come from one file.

    The same file, config and code give the same run: a second call finds it and computes nothing.

    Args:
        config: with `data.kind: flat_table`.
        folder: folder of the config file; relative paths start here.

    Returns:
        The finished run: `metrics.json`, `scores.parquet`, `curves.parquet`, `rejects.parquet` and one bundle per treated
        arm under `bundle/`.

    Raises:
        ConfigError: the rows do not come from a file.
        InputError: the file cannot be used.
        GateError: a check said no; nothing is written.
        WorkspaceError: the workspace is locked or cannot be written.
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
        rows, judged = rows_from_flat_table(flat, data)
        result = fit_uplift(rows, config)
        figures |= _counts(judged)
        write_uplift(result, writer, extra={"rows_in": judged.rows_in, **figures})
        writer.table(judged.rejects, REJECTS, source=judged.source)

    return flat_workspace(config, folder=folder).carry_out(
        STEP, compute, config=config, inputs={"data": flat.content}, layer="training"
    )


def flat_workspace(config: UpliftTrainingConfig, *, folder: Path) -> Workspace:
    """The workspace of a training whose config file lies in `folder`."""
    return Workspace((folder / config.workspace).resolve())


def write_uplift(result: UpliftResult, writer: RunWriter, *, extra: dict[str, Any]) -> None:
    """Write the files of an uplift training into a run; `extra` joins the population counts."""
    metrics = result.metrics()
    metrics["population"] |= extra
    writer.json("metrics.json", metrics)
    writer.parquet("scores", result.scores())
    writer.parquet("curves", result.curves())
    for contrast in result.contrasts:
        contrast.model.save(writer.path / BUNDLE / contrast.name)


def _counts(flat: FlatTable) -> dict[str, int]:
    return {
        "rows_in": flat.rows_in,
        "rows_out": flat.table.num_rows,
        "rejects": flat.rejects.num_rows,
    }
