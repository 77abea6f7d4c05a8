"""Settings of uplift learners chosen by trials, on training rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.search.space import SearchSpace
from training.search.study import StudyRules, best_trial, run_study
from training.uplift.base import TrialRows
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.gains import ScoredRows, running_gains
from training.uplift.learners.auto import AutoConfig
from training.uplift.learners.simple import SimpleConfig, fit_simple
from training.uplift.tuned_config import TunedConfig, entry_keeps_monotone


@dataclass(frozen=True)
class TunedEntry:
    """What the trials of one entry of a search space came to.

    Attributes:
        name: of the entry.
        trials: settings tried.
        pruned: of these, stopped before the last fold.
        setting: the best, as it stands in a config file.
        gain: what it was worth (see `training.uplift.gains`); the best of many, so a little flattering.
    """

    name: str
    trials: int
    pruned: int
    setting: Mapping[str, Any]
    gain: float


@dataclass(frozen=True)
class TunedChoice:
    """What was chosen.

    Attributes:
        entries: the search space, entry by entry; of monotone uplift those that can keep it.
        learner: config of the learner to fit.
    """

    entries: tuple[TunedEntry, ...]
    learner: AutoConfig


def choose_settings(rows: TrialRows, config: TunedConfig) -> TunedChoice:
    """Try settings on folds of the rows.

    A setting is worth its out-of-fold gain in doubly robust loss over one constant effect. The folds that weigh the
    chosen ones afterwards are drawn anew; they are of the same rows, so what stands inside the training rows flatters,
    and only rows never seen say what the learner is worth.

    Args:
        rows: training rows of one contrast; those it will be judged on are not among them.
        config: search space and budget.

    Returns:
        The same for the same rows and config.

    Raises:
        InputError: a fold lacks an arm.
    """
    scores = doubly_robust_scores(
        rows, config=config.outcome, n_folds=config.n_folds, seed=config.seed
    )
    spaces = [s for s in config.spaces() if entry_keeps_monotone(s) or not rows.monotone]
    found = [_try_entry(space, (rows, scores), config) for space in spaces]
    learner = AutoConfig(
        candidates=tuple(setting for _, setting in found),
        outcome=config.outcome,
        n_folds=config.n_folds,
        seed=config.seed + 1,
        n_jobs=config.n_jobs,
    )
    return TunedChoice(tuple(entry for entry, _ in found), learner)


def _try_entry(
    space: SearchSpace[SimpleConfig], scored: ScoredRows, config: TunedConfig
) -> tuple[TunedEntry, SimpleConfig]:
    trials = run_study(
        lambda setting: running_gains(
            [scored], lambda rows: fit_simple(rows, space.config(setting))
        ),
        space.distributions,
        StudyRules("maximize", config.seed),
        trials=config.trials,
        parts=config.n_folds,
    )
    best = best_trial(trials, "maximize")
    pruned = sum(trial.pruned for trial in trials)
    content = space.content(best.setting)
    entry = TunedEntry(space.name, len(trials), pruned, content, best.value)
    return entry, space.config(best.setting)
