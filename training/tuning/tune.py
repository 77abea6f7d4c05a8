"""Tune a training: equal budgets for every entry of a search space, then one look at the test.

Trials live in a study of the workspace, which outlasts a kill and is continued; the run of the tuning is made of the
first so many trials of each study, so it is the same whether it took one call or five. A study is named by the hash of
everything its trials depend on: other data, code, parts, seed or ranges are another study, more trials are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import pyarrow as pa
import yaml
from pydantic import BaseModel

from features import columns as c
from features.config import BaseConfig
from features.run import Run, RunWriter
from features.store import Workspace
from training.metrics.intervals import Interval
from training.search.space import SearchSpace
from training.search.study import StudyRules, StudyTrial, best_trial, run_study, trials_in
from training.tracking.runs import PARAMETERS, TRACKED
from training.tuning.config import TuneConfig, TuningPlan
from training.tuning.tracking import track_tuning

TUNE: Final = "tune"
STUDIES: Final = "studies.db"
"""Studies of a workspace; `optuna-dashboard sqlite:///<workspace>/studies.db` shows them."""

TUNED: Final = "tuned.yaml"
COMPLETE: Final = "complete"
PRUNED: Final = "pruned"

_STUDY: Final = "study"
_LAYER: Final = "training"
_METRICS: Final = "metrics.json"
_TRIALS: Final = "trials"


@dataclass(frozen=True)
class Chosen:
    """The best setting of one entry.

    Attributes:
        config: typed.
        content: as it stands in a config file.
        value: what it was worth on the parts it was chosen on; the best of many, so a little flattering.
    """

    config: Any
    content: Mapping[str, Any]
    value: float


@dataclass(frozen=True)
class Verdict:
    """What the chosen settings are worth on the test.

    Attributes:
        metric: name of the figure that counts.
        values: that figure with its interval, by entry.
        metrics: everything measured, as plain JSON.
        tracked: the same, one flat number per name.
    """

    metric: str
    values: Mapping[str, Interval]
    metrics: Mapping[str, Any]
    tracked: Mapping[str, float]


class Contest(Protocol):
    """One kind of training with its data read."""

    def estimates(self, setting: Any) -> Iterator[float]:
        """What a setting is worth, more is better: after the first part of the data, the first two, ... all of them."""

    def judge(self, chosen: Mapping[str, Chosen], training: Any, writer: RunWriter) -> Verdict:
        """Judge the chosen settings on the test, by entry, and write the best model; called once."""


@dataclass(frozen=True)
class Tunable:
    """A training that can be tuned.

    Attributes:
        workspace: where studies and runs are kept.
        project: tracking project.
        content: the training's config without its models and without what changes no result.
        inputs: run ids or hashes of all data read.
        metric: name of what is tuned for.
        parts: estimates per trial.
        open: reads the data; not called when the run is there.
    """

    workspace: Workspace
    project: str
    content: BaseModel
    inputs: Mapping[str, str]
    metric: str
    parts: int
    open: Callable[[], Contest]


Told = Callable[[str, int, StudyTrial], None]
"""Is shown the entry, its budget, and each of its finished trials."""


class _StudyContent(BaseConfig):
    """What the trials of one entry depend on, besides data and code."""

    entry: dict[str, Any]
    training: Any
    parts: int
    random_trials: int
    pruned_after: int
    seed: int


class _TuneContent(BaseConfig):
    """What the run of a tuning depends on, besides data and code."""

    tuning: TuneConfig
    training: Any


def tune(plan: TuningPlan, tunable: Tunable, *, told: Told) -> Run:
    """Carry a tuning out, or find it finished.

    Args:
        plan: the checked tuning.
        tunable: its training.
        told: is shown every finished trial.

    Returns:
        The finished run: `tuned.yaml`, a training config with the chosen settings; `trials.parquet`; `metrics.json`;
        and the champion as the training writes it.

    Invariants: killed anywhere and called again, no finished trial is run again, and the run is the same. The test is
    looked at once, after the last trial.
    """

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        contest = tunable.open()
        trials = {
            space.name: _study(space, plan, tunable, contest, told=told) for space in plan.spaces
        }
        writer.parquet(_TRIALS, _trials_table(plan.spaces, trials))
        chosen = {space.name: _chosen(space, trials[space.name]) for space in plan.spaces}
        champion = max(chosen, key=lambda name: chosen[name].value)
        settings = {name: best.content for name, best in chosen.items()}
        training = plan.chosen_training(settings, champion)
        writer.text(TUNED, _tuned(plan, plan.chosen_content(settings, champion)))
        test = contest.judge(chosen, training, writer)
        writer.json(_METRICS, _metrics(plan, tunable, trials, chosen, champion, test))
        value = test.values[champion]
        figures |= {
            "champion": champion,
            "trials": sum(map(len, trials.values())),
            "pruned": sum(trial.pruned for found in trials.values() for trial in found),
            "metric": test.metric,
            "value": value.estimate,
            "low": value.low,
            "high": value.high,
            TRACKED: {
                **test.tracked,
                **{f"{name}.tuned_{tunable.metric}": best.value for name, best in chosen.items()},
            },
            PARAMETERS: {
                "champion": champion,
                **{name: json.dumps(content) for name, content in settings.items()},
            },
        }

    run = tunable.workspace.carry_out(
        TUNE,
        compute,
        config=_TuneContent(
            tuning=plan.config.model_copy(update={"training": "", "overrides": ()}),
            training=tunable.content.model_dump(mode="json"),
        ),
        inputs=tunable.inputs,
        layer=_LAYER,
    )
    track_tuning(
        run,
        folder=tunable.workspace.root,
        project=tunable.project,
        metric=tunable.metric,
        description="\n".join(f"- {line}" for line in tuning_lines(run)),
    )
    return run


def tuning_lines(run: Run) -> list[str]:
    """What a finished tuning found, for a person."""
    found = run.json(_METRICS)
    lines = [
        f"{entry['name']:20} {entry['trials']} trials, {entry['pruned']} stopped early; {found['tuned_for']} "
        f"{entry['value']:.4g}; test {found['metric']} {entry['test']['estimate']:.4g} "
        f"[{entry['test']['low']:.4g}, {entry['test']['high']:.4g}]"
        for entry in found["entries"]
    ]
    return [*lines, f"{'chosen settings':20} {TUNED}, to be kept beside {found['training']}"]


def _study(
    space: SearchSpace[Any], plan: TuningPlan, tunable: Tunable, contest: Contest, *, told: Told
) -> tuple[StudyTrial, ...]:
    config = plan.config
    content = _StudyContent(
        entry=config.search_space[space.name],
        training=tunable.content.model_dump(mode="json"),
        parts=tunable.parts,
        random_trials=config.random_trials,
        pruned_after=config.pruned_after,
        seed=config.seed,
    )
    key = tunable.workspace.run_id(_STUDY, config=content, inputs=tunable.inputs, layer=_LAYER)
    budget = trials_in(space.distributions, config.trials)
    return run_study(
        lambda setting: contest.estimates(space.config(setting)),
        space.distributions,
        StudyRules("maximize", config.seed, config.random_trials, config.pruned_after),
        trials=budget,
        parts=tunable.parts,
        name=f"{space.name}-{key}",
        storage=tunable.workspace.root / STUDIES,
        told=lambda trial: told(space.name, budget, trial),
    )


def _chosen(space: SearchSpace[Any], trials: Sequence[StudyTrial]) -> Chosen:
    best = best_trial(trials, "maximize")
    return Chosen(space.config(best.setting), space.content(best.setting), best.value)


def _trials_table(
    spaces: Sequence[SearchSpace[Any]], trials: Mapping[str, Sequence[StudyTrial]]
) -> pa.Table:
    rows = [(space, trial) for space in spaces for trial in trials[space.name]]
    return pa.table(
        {
            c.ENTRY: pa.array([space.name for space, _ in rows]),
            c.TRIAL: pa.array([trial.number for _, trial in rows], pa.int32()),
            c.STATE: pa.array([PRUNED if trial.pruned else COMPLETE for _, trial in rows]),
            c.VALUE: pa.array([trial.value for _, trial in rows], pa.float64()),
            c.ESTIMATES: pa.array([trial.estimates for _, trial in rows], pa.list_(pa.float64())),
            c.SETTING: pa.array(
                [json.dumps(space.content(trial.setting)) for space, trial in rows]
            ),
        }
    )


def _metrics(
    plan: TuningPlan,
    tunable: Tunable,
    trials: Mapping[str, Sequence[StudyTrial]],
    chosen: Mapping[str, Chosen],
    champion: str,
    test: Verdict,
) -> dict[str, Any]:
    return {
        "training": plan.config.training,
        "tuned_for": tunable.metric,
        "champion": champion,
        "metric": test.metric,
        "entries": [
            {
                "name": name,
                "trials": len(trials[name]),
                "pruned": sum(trial.pruned for trial in trials[name]),
                "setting": best.content,
                "value": best.value,
                "test": vars(test.values[name]),
            }
            for name, best in chosen.items()
        ],
        "test": test.metrics,
    }


def _tuned(plan: TuningPlan, content: Mapping[str, Any]) -> str:
    """The training config with the chosen settings, one line per setting."""
    body = yaml.safe_dump(dict(content), sort_keys=False, default_flow_style=None, width=10_000)
    return (
        f"# retarget train {TUNED}      (chosen by retarget tune; keep it beside {plan.config.training})\n"
        f"{body}"
    )
