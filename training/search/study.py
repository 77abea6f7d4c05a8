"""A study: settings suggested one after the other from what the earlier ones were worth, resumable after a kill.

Each suggestion is a function of the finished trials and the seed alone. So a study that is killed and called again goes
on as if nothing had happened, and one of 50 trials begins with the trials of one of 20.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from features.errors import WorkspaceError
from features.run import writing_to

Space = Mapping[str, BaseDistribution]
"""What may be chosen, by parameter."""

Setting = Mapping[str, Any]
"""One choice of every parameter of a space."""

Objective = Callable[[Setting], Iterable[float]]
"""What a setting is worth: an estimate after each part of the data, the last one after all of them.

A setting whose estimates fall behind is not asked for the rest, so do the work between the estimates.
"""

Told = Callable[["StudyTrial"], None]
"""Is shown every finished trial, those found finished too."""

Direction = Literal["maximize", "minimize"]

_PATIENCE: Final = 20
_FINISHED: Final = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True)
class StudyTrial:
    """One setting that was tried.

    Attributes:
        number: its place among the finished trials, from 0.
        setting: what was tried.
        value: the last estimate; of a pruned trial the one it was stopped at, which covers a part of the data.
        pruned: whether it was stopped early; such a trial is never the best.
        estimates: every estimate, in order.
    """

    number: int
    setting: Setting
    value: float
    pruned: bool
    estimates: tuple[float, ...]


@dataclass(frozen=True)
class StudyRules:
    """How settings are suggested and stopped.

    Attributes:
        direction: whether large or small values are good.
        seed: of the suggestions.
        random_trials: so many are drawn at random before the sampler learns from them.
        pruned_after: so many trials run to their end before others are stopped at estimates worse than the median.
    """

    direction: Direction
    seed: int = 0
    random_trials: int = 8
    pruned_after: int = 5


def run_study(
    objective: Objective,
    space: Space,
    rules: StudyRules,
    *,
    trials: int,
    parts: int = 1,
    name: str = "study",
    storage: Path | None = None,
    told: Told | None = None,
) -> tuple[StudyTrial, ...]:
    """Try settings until so many are finished; those that a storage holds already are not tried again.

    Args:
        objective: what a setting is worth; the same setting must always give the same estimates.
        space: what may be chosen, at least one parameter.
        rules: how settings are suggested and stopped.
        trials: finished trials wanted, pruned ones included. A space with fewer settings is tried whole.
        parts: estimates that the objective gives; a setting is never stopped at the last.
        name: of the study inside the storage; let it change with everything the estimates depend on.
        storage: a sqlite file, made if need be; None = in memory. One process at a time.
        told: is shown every finished trial.

    Returns:
        The first `trials` finished trials, in order. All settings differ.

    Raises:
        WorkspaceError: the storage cannot be read or written.

    Invariants: interrupted anywhere and called again, it returns what one call would have returned; fewer trials are
    the beginning of more.

    Source: Bergstra et al. (2011), tree-structured Parzen estimator, and Golovin et al. (2017), median stopping, as
    Optuna implements them.
    """
    wanted = trials_in(space, trials)
    found: list[StudyTrial] = []
    with _explained(storage):
        study = _open(name, storage, rules)
        _give_up_unfinished(study)
        for number in range(wanted):
            finished = _finished(study)
            if number >= len(finished):
                _try_next(study, objective, space, _suggestion(space, rules, finished), parts)
                finished = _finished(study)
            found.append(_study_trial(number, finished[number]))
            if told is not None:
                told(found[-1])
    return tuple(found)


def trials_in(space: Space, trials: int) -> int:
    """How many trials a study of a space has: as many as asked for, or one of each setting if there are fewer."""
    settings = math.prod(_values_in(distribution) for distribution in space.values())
    return trials if settings > trials else int(settings)


def best_trial(trials: Sequence[StudyTrial], direction: Direction) -> StudyTrial:
    """The best trial that ran to its end; the first of equals."""
    complete = [trial for trial in trials if not trial.pruned]
    sign = -1 if direction == "maximize" else 1
    return min(complete, key=lambda trial: sign * trial.value)


def _open(name: str, storage: Path | None, rules: StudyRules) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage is not None:
        with writing_to(storage.parent):
            storage.parent.mkdir(parents=True, exist_ok=True)
    return optuna.create_study(
        storage=None if storage is None else f"sqlite:///{storage}",
        study_name=name,
        direction=rules.direction,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=rules.pruned_after),
        load_if_exists=True,
    )


@contextlib.contextmanager
def _explained(storage: Path | None) -> Iterator[None]:
    """Errors of Optuna and its database, as errors of the workspace."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("optuna", "sqlalchemy", "sqlite3", "alembic")):
            raise
        raise WorkspaceError(
            str(storage),
            f"Optuna failed ({' '.join(str(error).split())[:300]})",
            rule="studies are kept in this file",
            next_step="Check that it can be written and holds studies of this Optuna version, or move it away: its "
            "trials are then run again.",
        ) from error


def _give_up_unfinished(study: optuna.Study) -> None:
    """Trials that a killed process left open, begun or only queued, take no part."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    for _ in study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
        study.tell(study.ask(), state=TrialState.FAIL)  # a queued trial is begun before it can end


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=_FINISHED)


def _try_next(
    study: optuna.Study,
    objective: Objective,
    space: Space,
    setting: dict[str, Any],
    parts: int,
) -> None:
    study.enqueue_trial(setting)
    trial = study.ask(dict(space))
    value = math.nan
    for step, estimate in enumerate(objective(trial.params)):
        value = float(estimate)
        if math.isnan(value):
            raise ValueError(f"estimate {step} of {trial.params} is NaN")
        trial.report(value, step)
        if step + 1 < parts and trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED)
            return
    study.tell(trial, values=value)


def _suggestion(space: Space, rules: StudyRules, finished: Sequence[FrozenTrial]) -> dict[str, Any]:
    """A setting that has not been tried, from a sampler that starts anew and sees the finished trials only."""
    state = np.random.SeedSequence([rules.seed, len(finished)]).generate_state(1)
    sampler = optuna.samplers.TPESampler(
        seed=int(state[0]), n_startup_trials=rules.random_trials, multivariate=True
    )
    study = optuna.create_study(direction=rules.direction, sampler=sampler)
    study.add_trials(finished)
    tried = [trial.params for trial in finished]
    trial = study.ask(dict(space))
    while trial.params in tried:
        study.tell(trial, state=TrialState.FAIL)
        if (
            trial.number == len(finished) + _PATIENCE
        ):  # little is left, and learning does not find it
            study.sampler = optuna.samplers.RandomSampler(seed=int(state[0]))
        trial = study.ask(dict(space))
    return trial.params


def _values_in(distribution: BaseDistribution) -> float:
    if isinstance(distribution, CategoricalDistribution):
        return len(distribution.choices)
    low, high, step = (float(getattr(distribution, name) or 0) for name in ("low", "high", "step"))
    if step == 0:
        return 1 if low == high else math.inf
    return round((high - low) / step) + 1


def _study_trial(number: int, trial: FrozenTrial) -> StudyTrial:
    estimates = tuple(trial.intermediate_values[step] for step in sorted(trial.intermediate_values))
    return StudyTrial(
        number=number,
        setting=trial.params,
        value=estimates[-1],
        pruned=trial.state == TrialState.PRUNED,
        estimates=estimates,
    )
