"""Compare finished uplift trainings on the same test rows, from what they stored: paired, with Holm, nothing retrained."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.errors import GateError, InputError
from features.run import MANIFEST, read_parquet
from features.store import Workspace
from training.metrics.estimates import Estimate
from training.metrics.intervals import holm
from training.metrics.uplift_comparison import measure, paired_difference
from training.train_flat import TRAIN_UPLIFT
from training.uplift.results import TEST

COMPARED: Final = ("qini_per_head", "autoc", "uplift_at_30", "calibration_slope")
_METRICS_FILE: Final = "metrics.json"
_SHOWN: Final = 12
_FEWEST: Final = 2


@dataclass(frozen=True, eq=False)
class StoredRun:
    """What one training left behind.

    Attributes:
        name: start of its run id.
        learner: kind of its learner.
        metrics: parsed metrics.json.
        data: hashes of its inputs.
        scores: test rows of all contrasts.
    """

    name: str
    learner: str
    metrics: Mapping[str, Any]
    data: Mapping[str, str]
    scores: pa.Table


@dataclass(frozen=True)
class Comparison:
    """One run against the first, on one contrast and metric.

    Attributes:
        contrast: treated arm.
        metric: name of the metric.
        run, learner: compared run.
        baseline, baseline_learner: first run.
        value: of the run.
        baseline_value: of the first run.
        difference: paired, run minus baseline.
        adjusted_p: Holm's, over all runs and contrasts of one metric; NaN where nothing differs.
        design: whether a lot was drawn; the runs share it.
    """

    contrast: str
    metric: str
    run: str
    learner: str
    baseline: str
    baseline_learner: str
    value: Estimate
    baseline_value: Estimate
    difference: Estimate
    adjusted_p: float
    design: str


def read_run(folder: Path) -> StoredRun:
    """What a training run stored.

    Raises:
        InputError: not the folder of a finished uplift training.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        metrics = json.loads((folder / _METRICS_FILE).read_text(encoding="utf-8"))
        learner = manifest["config"]["learner"]["kind"]
        scores = read_parquet(folder / "scores.parquet")
        tested = judging_rows(scores)
        tested[c.EFFECT_SCORE]
        return StoredRun(manifest["run_id"][:_SHOWN], learner, metrics, manifest["inputs"], tested)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            str(folder),
            f"is not the run of an uplift training ({type(error).__name__})",
            rule="a run folder holds manifest.json, metrics.json and scores.parquet",
            next_step="Name folders such as <workspace>/train-uplift/<run id>.",
        ) from None


def judging_rows(scores: pa.Table) -> pa.Table:
    """The rows of a score table that judge."""
    return scores.filter(pc.equal(scores[c.SPLIT], TEST))


def stored_runs(root: Path) -> list[StoredRun]:
    """Every finished uplift training of a workspace, the one in force first, then by run id.

    Raises:
        InputError: a run is damaged.
    """
    workspace = Workspace(root)
    trained = [run for run in workspace.runs() if run.path.parent.name == TRAIN_UPLIFT]
    trained.sort(key=lambda run: (not workspace.in_force(run), run.run_id))
    return [read_run(run.path) for run in trained]


def compare_runs(runs: Sequence[StoredRun]) -> list[Comparison]:
    """Every run against the first, on the doubly robust scores that the first run stored.

    Args:
        runs: at least two, over the same test rows and outcome.

    Raises:
        InputError: fewer than two runs, or the same one twice.
        GateError: the runs differ in data, outcome, arms, design or test rows; says which.
    """
    if len(runs) < _FEWEST or len({run.name for run in runs}) < len(runs):
        raise InputError(
            "compare",
            f"{len({run.name for run in runs})} different runs",
            rule="a comparison needs at least two",
            next_step="Name the folders of two or more runs.",
        )
    first = runs[0]
    for run in runs[1:]:
        require_same(first, run)
    found: list[Comparison] = []
    for metric in COMPARED:
        rows = [
            _compare(first, run, contrast, metric)
            for contrast in first.metrics["contrasts"]
            for run in runs[1:]
        ]
        known = [k for k, row in enumerate(rows) if np.isfinite(row.difference.p_value)]
        adjusted = holm(np.array([rows[k].difference.p_value for k in known]))
        values = dict(zip(known, adjusted.tolist(), strict=True))
        found += [_with_p(row, values.get(k, float("nan"))) for k, row in enumerate(rows)]
    return found


def require_same(first: StoredRun, other: StoredRun) -> None:
    """Refuse runs that were not judged on the same rows and outcome.

    Raises:
        GateError: says in what they differ.
    """
    differences = [
        f"{name} ({ours} and {theirs})"
        for name, ours, theirs in (
            ("data", first.data, other.data),
            ("design", first.metrics["design"], other.metrics["design"]),
            ("outcome and arms", _estimand(first), _estimand(other)),
        )
        if ours != theirs
    ]
    if not differences and not _rows_of(first).equals(_rows_of(other)):
        differences = [f"test rows ({first.scores.num_rows:,} and {other.scores.num_rows:,})"]
    if differences:
        raise GateError(
            f"runs {first.name} and {other.name}",
            f"differ in {'; '.join(differences)}",
            rule="only the same test rows and outcome can be compared",
            next_step="Train both with the same data, target, arms and split.",
        )


def _estimand(run: StoredRun) -> list[str]:
    return [
        f"{contrast['outcome']} ({contrast['outcome_kind']}), {contrast['treated']} over {contrast['control']}"
        for _, contrast in sorted(run.metrics["contrasts"].items())
    ]


def _rows_of(run: StoredRun) -> pa.Table:
    keys = [
        name for name in (c.LINE, c.PERSON_ID, c.ASSIGNED_AT) if name in run.scores.column_names
    ]
    return run.scores.select([*keys, c.CONTRAST, c.ARM]).combine_chunks()


@dataclass(frozen=True, eq=False)
class PairedScores:
    """Two scores on the test rows of one contrast, each array of shape (n_rows,).

    Attributes:
        effect: doubly robust scores of the first run.
        first, other: predicted uplift of each run.
        clusters: person of each row; None = every row another person.
    """

    effect: FloatArray
    first: FloatArray
    other: FloatArray
    clusters: IntArray | None


def paired_scores(first: StoredRun, other: StoredRun, contrast: str) -> PairedScores:
    """The scores of two runs over the same test rows."""
    inside = pc.equal(first.scores[c.CONTRAST], contrast)
    ours, theirs = first.scores.filter(inside), other.scores.filter(inside)
    return PairedScores(
        _numbers(ours, c.EFFECT_SCORE),
        _numbers(ours, c.UPLIFT),
        _numbers(theirs, c.UPLIFT),
        _persons(ours),
    )


def _compare(first: StoredRun, run: StoredRun, contrast: str, metric: str) -> Comparison:
    pair = paired_scores(first, run, contrast)
    return Comparison(
        contrast,
        metric,
        run.name,
        run.learner,
        first.name,
        first.learner,
        measure(metric, pair.effect, pair.other, clusters=pair.clusters),
        measure(metric, pair.effect, pair.first, clusters=pair.clusters),
        paired_difference(metric, pair.effect, pair.other, pair.first, clusters=pair.clusters),
        float("nan"),
        first.metrics["design"],
    )


def _with_p(row: Comparison, adjusted: float) -> Comparison:
    return replace(row, adjusted_p=adjusted)


def _numbers(table: pa.Table, column: str) -> FloatArray:
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def _persons(table: pa.Table) -> IntArray | None:
    if c.PERSON_ID not in table.column_names:
        return None
    codes = pc.dictionary_encode(table[c.PERSON_ID].combine_chunks()).indices
    return np.asarray(codes.to_numpy(), dtype=np.int64)
