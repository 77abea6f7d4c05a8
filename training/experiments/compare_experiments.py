"""Several measured experiments in one table, pooled where their outcomes are defined the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features.errors import InputError
from features.run import to_json
from training.experiments.measure_run import LIFT
from training.experiments.shrinkage import between_variance
from training.metrics.estimates import Z

_SHOWN: Final = 60


@dataclass(frozen=True)
class ExperimentRow:
    """One headline effect of one experiment.

    Attributes:
        experiment: name of its run's folder.
        treated, control, outcome: what is compared.
        definition: the outcome's config as JSON: what has to be the same to be pooled.
        effect, se, low, high: absolute, with its 95 % interval.
        relative: over the control's mean; NaN where that is not above 0.
    """

    experiment: str
    treated: str
    control: str
    outcome: str
    definition: str
    effect: float
    se: float
    low: float
    high: float
    relative: float


@dataclass(frozen=True)
class Pooled:
    """An outcome over all experiments.

    Attributes:
        outcome: what is measured.
        experiments: how many.
        effect, low, high: mean effect of experiments like these, random effects; NaN where it is not pooled.
        spread: standard deviation of the true effects between experiments, by the method of moments.
        refused: why it is not pooled; "" = it is.
    """

    outcome: str
    experiments: int
    effect: float
    low: float
    high: float
    spread: float
    refused: str


@dataclass(frozen=True)
class ComparedExperiments:
    """Rows of every experiment, and every outcome that several have, pooled or refused."""

    rows: tuple[ExperimentRow, ...]
    pooled: tuple[Pooled, ...]

    def lines(self, *, as_json: bool) -> list[str]:
        """For a person, or one JSON object per line."""
        if as_json:
            found = [*map(asdict, self.rows), *map(asdict, self.pooled)]
            return [json.dumps(json.loads(to_json(row))) for row in found]
        shown = [
            f"{row.experiment:18} {row.treated:16} {row.outcome:18} {row.effect:+.5g} [{row.low:+.5g}, {row.high:+.5g}]"
            for row in self.rows
        ]
        return [*shown, *(_line(one) for one in self.pooled)]

    def table(self) -> pa.Table:
        """One row per experiment, arm and outcome."""
        return pa.Table.from_pandas(pd.DataFrame(map(asdict, self.rows)), preserve_index=False)


def _line(one: Pooled) -> str:
    if one.refused:
        return f"{'not pooled':18} {one.outcome}: {one.refused}"
    return (
        f"{'pooled':18} {one.outcome}: {one.effect:+.5g} [{one.low:+.5g}, {one.high:+.5g}] over {one.experiments} experiments, true "
        f"effects spread by {one.spread:.3g}"
    )


def is_experiment(folder: Path) -> bool:
    """Whether a folder holds a measured experiment."""
    return (folder / LIFT).is_file()


def compare_experiments(folders: Sequence[Path]) -> ComparedExperiments:
    """Headline effects of several runs of `retarget measure`; nothing is measured anew.

    Raises:
        InputError: fewer than two different runs, or a folder that holds no measured experiment.
    """
    runs = list(dict.fromkeys(folder.resolve() for folder in folders))
    if len(runs) < 2:  # noqa: PLR2004 - a comparison needs two
        raise InputError(
            "compare",
            f"{len(runs)} different runs",
            rule="a comparison needs two",
            next_step="Name folders that 'retarget measure' wrote.",
        )
    rows = [row for run in runs for row in _rows(run)]
    return ComparedExperiments(tuple(rows), tuple(_pooled(rows)))


def _rows(run: Path) -> list[ExperimentRow]:
    if not is_experiment(run):
        raise InputError(
            str(run),
            f"holds no {LIFT}",
            rule="experiments are compared with experiments",
            next_step="Name folders that 'retarget measure' wrote.",
        )
    found = json.loads((run / LIFT).read_text(encoding="utf-8"))
    return [
        ExperimentRow(
            run.name,
            effect["treated"],
            effect["control"],
            effect["outcome"],
            _definition(found["design"]["outcomes"][effect["outcome"]]),
            **{name: _number(effect["lift"][name]) for name in ("effect", "se", "low", "high", "relative")},
        )
        for effect in found["effects"]
        if effect["headline"]
    ]  # fmt: skip


def _definition(outcome: dict[str, Any]) -> str:
    """What was counted, without what only makes an estimate of it more precise."""
    counted = {name: value for name, value in outcome.items() if name != "before"}
    return json.dumps(counted, sort_keys=True)


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _pooled(rows: Sequence[ExperimentRow]) -> list[Pooled]:
    found = []
    for outcome in dict.fromkeys(row.outcome for row in rows):
        same = [row for row in rows if row.outcome == outcome and row.se > 0]
        experiments = len({row.experiment for row in same})
        if experiments < 2:  # noqa: PLR2004 - nothing to pool
            continue
        definitions = list(dict.fromkeys(row.definition for row in same))
        several = len(same) > experiments
        nan = float("nan")
        if len(definitions) > 1:
            refused = (
                f"defined differently ({' and '.join(text[:_SHOWN] for text in definitions[:2])})"
            )
            found.append(Pooled(outcome, experiments, nan, nan, nan, nan, refused))
        elif several:
            refused = "an experiment has several treated arms, which share their control"
            found.append(Pooled(outcome, experiments, nan, nan, nan, nan, refused))
        else:
            found.append(_random_effects(outcome, same))
    return found


def _random_effects(outcome: str, rows: Sequence[ExperimentRow]) -> Pooled:
    """Inverse-variance mean with a variance between experiments (`between_variance`)."""
    effect = np.array([row.effect for row in rows])
    noise = np.array([row.se for row in rows]) ** 2
    between = between_variance(effect, noise)
    weight = 1 / (noise + between)
    mean, se = float(weight @ effect / weight.sum()), float(1 / np.sqrt(weight.sum()))
    return Pooled(
        outcome, len(rows), mean, mean - Z * se, mean + Z * se, float(np.sqrt(between)), ""
    )
