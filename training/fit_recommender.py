"""From histories to the chosen recommender: pick settings on validation weeks, judge on later test weeks, refit.

The settings of each model and the champion are chosen on validation windows only. Test windows come later; each model's
setting is fitted once more, strictly before the first test cut-off, and recommends for histories as of every test
cut-off. The champion's test figures are therefore figures of a model that was not chosen by them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from features.arrays import BoolArray, CodeArray, FloatArray
from features.config import BaseConfig
from features.errors import InputError
from features.histories import AsOf, Histories
from features.interactions import EventName
from features.tables import EVENT_NAMES
from training.metrics.intervals import Difference, Interval, holm, resample_persons
from training.metrics.ranking import (
    Relevant,
    coverage_at_k,
    exposure_gini,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)
from training.recommenders.base import Recommender
from training.recommenders.registry import RecommenderConfig, build
from training.splits import time_splits

TARGETS: Final = ("all", "repeat", "novel")
"""Which relevant items count: all, those the person had an event with before the cut-off, and the others."""

_METRICS: Final = {"ndcg": ndcg_at_k, "recall": recall_at_k, "precision": precision_at_k}

_log = logging.getLogger(__name__)


class RecommenderTrainingConfig(BaseConfig):
    """Which settings of which models compete, and on which weeks."""

    kind: Literal["recommender"] = "recommender"

    trials: int = Field(default=3, ge=1)
    """Candidates per kind of model; the same for all, so that none wins by being tuned harder."""

    candidates: tuple[RecommenderConfig, ...] = Field(min_length=1)
    """Settings that compete, `trials` of each kind."""

    weights: dict[EventName, Annotated[float, Field(ge=0)]] | None = None
    """Event weights of every candidate that does not name its own; null = one per purchase."""

    baseline: str = "buy_again"
    """Kind of model the others are compared with."""

    target_events: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """An item with one of these events inside a window is relevant."""

    horizon_days: int = Field(default=7, ge=1)
    """Length of a target window."""

    test_weeks: int = Field(default=4, ge=1)
    """Weekly cut-offs the chosen models are judged on, the last window ending at `as_of`."""

    validation_weeks: int = Field(default=1, ge=1)
    """Weekly cut-offs the settings are chosen on, before all test windows."""

    k: int = Field(default=10, ge=1)
    """Length of a list."""

    minimum_interactions: int = Field(default=1_000, ge=1)
    """Refuse to train on fewer events of persons with items before the first validation cut-off."""

    replicates: int = Field(default=2_000, ge=100)
    """Bootstrap resamples of persons."""

    level: float = Field(default=0.95, gt=0, lt=1)
    """Confidence level of the intervals."""

    seed: int = Field(default=0, ge=0)
    """Seed of the bootstrap."""

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        kinds = [candidate.kind for candidate in self.candidates]
        for kind in dict.fromkeys(kinds):
            if kinds.count(kind) != self.trials:
                raise ValueError(
                    f"{kinds.count(kind)} candidates of kind '{kind}', but trials is {self.trials}; "
                    "every kind needs the same number"
                )
        if self.baseline not in kinds:
            raise ValueError(f"baseline '{self.baseline}' is not among the candidates")
        for position, candidate in enumerate(self.candidates):
            if candidate in self.candidates[:position]:
                raise ValueError(f"candidate {position + 1} repeats an earlier one")
        return self

    def settings(self) -> list[RecommenderConfig]:
        """The candidates, with the shared event weights where they name none."""
        shared = {} if self.weights is None else {"weights": self.weights}
        return [
            candidate
            if "weights" in candidate.model_fields_set
            else candidate.model_copy(update=shared)
            for candidate in self.candidates
        ]


@dataclass(frozen=True)
class Trial:
    """One candidate on the validation weeks.

    Attributes:
        config: its settings.
        ndcg: mean nDCG@k over all (person, validation cut-off) pairs with a relevant item.
    """

    config: RecommenderConfig
    ndcg: float


@dataclass(frozen=True)
class ModelResult:
    """One kind of model: what was chosen, and how it did on the test weeks.

    Attributes:
        kind: kind of model.
        chosen: its best setting on the validation weeks.
        validation_ndcg: nDCG@k of that setting there; the best of several, so a little flattering.
        trials: every setting tried.
        metrics: '<metric>_at_<k>.<target>' -> mean and interval over all (person, test cut-off) pairs evaluated.
        ndcg_by_cutoff: nDCG@k on all targets, one per test cut-off, oldest first.
        coverage: share of the model's items in at least one list, mean over test cut-offs.
        gini: Gini coefficient of item exposure, mean over test cut-offs.
        difference: nDCG@k on all targets minus the baseline's, paired by person; None for the baseline itself.
        adjusted_p_value: its p-value, adjusted by Holm over all models compared with the baseline.
    """

    kind: str
    chosen: RecommenderConfig
    validation_ndcg: float
    trials: tuple[Trial, ...]
    metrics: Mapping[str, Interval]
    ndcg_by_cutoff: tuple[float, ...]
    coverage: float
    gini: float
    difference: Difference | None
    adjusted_p_value: float | None


@dataclass(frozen=True)
class Population:
    """Who and what one test cut-off evaluates, and what falls outside.

    Attributes:
        cutoff: the moment.
        persons: persons with any event before the end of the window.
        with_all, with_repeat, with_novel: persons with a relevant item of that kind; the others are not evaluated.
        cold_persons: evaluated persons without any event before the cut-off; they get the popular items.
        pairs: relevant (person, item) pairs.
        unseen_pairs: those whose item had no weighted event before the models were fitted: misses for every model.
    """

    cutoff: datetime
    persons: int
    with_all: int
    with_repeat: int
    with_novel: int
    cold_persons: int
    pairs: int
    unseen_pairs: int


@dataclass(frozen=True)
class RecommenderComparison:
    """The outcome of a training.

    Attributes:
        results: one per kind, in the order of the config.
        champion: kind with the best validation nDCG.
        model: the champion's setting, fitted on everything before `as_of`.
        populations: one per test cut-off, oldest first.
        validation: validation cut-offs.
        interactions: weighted events the final model was fitted on.
        as_of: end of the data used.
    """

    results: tuple[ModelResult, ...]
    champion: str
    model: Recommender[Any]
    populations: tuple[Population, ...]
    validation: tuple[datetime, ...]
    interactions: int
    as_of: datetime

    def result(self, kind: str) -> ModelResult:
        return next(result for result in self.results if result.kind == kind)

    def metrics(self) -> dict[str, Any]:
        """Everything but the model itself, as plain JSON."""
        return {
            "as_of": self.as_of.isoformat(),
            "validation_cutoffs": [cutoff.isoformat() for cutoff in self.validation],
            "champion": self.champion,
            "interactions": self.interactions,
            "items": self.model.n_items,
            "populations": [
                {**asdict(population), "cutoff": population.cutoff.isoformat()}
                for population in self.populations
            ],
            "models": [_plain(result) for result in self.results],
        }

    def tracked(self) -> dict[str, float]:
        """One flat number per name, every model's: '<kind>.<metric>_at_<k>.<target>' and its ends."""
        flat: dict[str, float] = {}
        for result in self.results:
            for name, interval in result.metrics.items():
                flat[f"{result.kind}.{name}"] = interval.estimate
                flat[f"{result.kind}.{name}.low"] = interval.low
                flat[f"{result.kind}.{name}.high"] = interval.high
            flat[f"{result.kind}.validation_ndcg"] = result.validation_ndcg
            flat[f"{result.kind}.coverage"] = result.coverage
            flat[f"{result.kind}.gini"] = result.gini
        return flat

    def parameters(self) -> dict[str, str]:
        """The champion and the chosen settings of every model."""
        chosen = {
            f"{result.kind}.{name}": str(value)
            for result in self.results
            for name, value in result.chosen.model_dump(mode="json").items()
            if name != "kind"
        }
        return {"champion": self.champion, "as_of": self.as_of.isoformat(), **chosen}


@dataclass(frozen=True, eq=False)
class _Window:
    """One cut-off: everybody's history before it and their relevant items after it."""

    cutoff: datetime
    history: AsOf
    relevant: Mapping[str, Relevant]
    persons: int

    @property
    def warm(self) -> BoolArray:
        return self.history.stop > self.history.start


@dataclass(frozen=True, eq=False)
class _Scores:
    """One model on several windows.

    Attributes:
        values: shape (n_persons, n_cutoffs, n_metrics x n_targets), NaN = not evaluated.
        coverage, gini: means over the windows.
    """

    values: FloatArray
    coverage: float
    gini: float


def fit_recommenders(
    histories: Histories, config: RecommenderTrainingConfig, *, as_of: datetime
) -> RecommenderComparison:
    """Compare recommenders and fit the champion.

    Args:
        histories: every event; those at or after `as_of` are never looked at.
        config: candidates and weeks.
        as_of: end of the data the trainer may see.

    Raises:
        InputError: too few interactions before the first validation cut-off, or no relevant item in some window.
        ConfigError: a setting that does not fit the data.

    Invariants: events at or after `as_of` change nothing; the same input gives the same result.
    """
    splits = time_splits(
        as_of,
        horizon_days=config.horizon_days,
        test_weeks=config.test_weeks,
        validation_weeks=config.validation_weeks,
    )
    _refuse_too_few(histories, config, cutoff=splits.validation[0])
    validation = [_window(histories, config, cut, splits.horizon) for cut in splits.validation]
    trials = [_try(candidate, validation, config) for candidate in config.settings()]
    chosen = _best_by_kind(trials)

    test = [_window(histories, config, cut, splits.horizon) for cut in splits.test]
    models = {kind: _fitted(trial.config, test[0].history) for kind, trial in chosen.items()}
    scores = {kind: _score(model, test, config) for kind, model in models.items()}
    champion = max(chosen, key=lambda kind: chosen[kind].ndcg)
    everything = histories.everyone(as_of)
    return RecommenderComparison(
        results=_results(trials, chosen, scores, config),
        champion=champion,
        model=_fitted(chosen[champion].config, everything),
        populations=tuple(_population(window, models[champion]) for window in test),
        validation=splits.validation,
        interactions=_interactions(everything, config),
        as_of=as_of,
    )


def _refuse_too_few(
    histories: Histories, config: RecommenderTrainingConfig, *, cutoff: datetime
) -> None:
    found = _interactions(histories.everyone(cutoff), config)
    if found < config.minimum_interactions:
        raise InputError(
            "training history",
            f"{found} weighted events before {cutoff.isoformat()}",
            rule=f"a recommender needs {config.minimum_interactions} (minimum_interactions)",
            next_step="Take a later as_of or fewer weeks, or lower the minimum.",
        )


def _interactions(history: AsOf, config: RecommenderTrainingConfig) -> int:
    """Events with an item and a weight in some candidate."""
    names = {n for c in config.settings() for n, weight in c.weights.items() if weight > 0}
    _, position = history.events()
    columns = history.histories
    counted = np.isin(columns.event[position], _codes(sorted(names)))
    return int(np.sum(counted & (columns.item[position] >= 0)))


def _codes(names: Sequence[str]) -> list[int]:
    return [EVENT_NAMES.index(name) for name in names]


def _window(
    histories: Histories,
    config: RecommenderTrainingConfig,
    cutoff: datetime,
    horizon: timedelta,
) -> _Window:
    history = histories.everyone(cutoff)
    end = histories.everyone(cutoff + horizon)
    row, position = AsOf(histories, end.person, end.time, history.stop, end.stop).events()
    item = histories.item[position]
    target = np.isin(histories.event[position], _codes(config.target_events)) & (item >= 0)
    relevant = Relevant.from_pairs(row[target], item[target], n_rows=len(history))
    if len(relevant.row) == 0:
        raise InputError(
            "evaluation window",
            f"no {' or '.join(config.target_events)} from {cutoff.isoformat()} to "
            f"{(cutoff + horizon).isoformat()}",
            rule="a window without relevant items measures nothing",
            next_step="Check as_of, the number of weeks, and the events table.",
        )
    before_row, before = history.events()
    repeat = relevant.among(before_row, histories.item[before])
    return _Window(
        cutoff=cutoff,
        history=history,
        relevant={
            "all": relevant,
            "repeat": relevant.where(repeat),
            "novel": relevant.where(~repeat),
        },
        persons=int(np.sum(end.stop > end.start)),
    )


def _fitted(config: RecommenderConfig, history: AsOf) -> Recommender[Any]:
    _log.info("fitting %s", config.kind)
    return build(config).fit(history)


def _try(
    candidate: RecommenderConfig, windows: Sequence[_Window], config: RecommenderTrainingConfig
) -> Trial:
    model = _fitted(candidate, windows[0].history)
    values = [
        ndcg_at_k(_lists(model, window, config), window.relevant["all"], k=config.k)
        for window in windows
    ]
    return Trial(candidate, _mean(np.concatenate(values)))


def _mean(values: FloatArray) -> float:
    """Mean of the evaluated; unevaluated persons do not even move the rounding."""
    return float(np.mean(values[~np.isnan(values)]))


def _best_by_kind(trials: Sequence[Trial]) -> dict[str, Trial]:
    """The best trial of each kind; the first of equals."""
    best: dict[str, Trial] = {}
    for trial in trials:
        kind = trial.config.kind
        if kind not in best or trial.ndcg > best[kind].ndcg:
            best[kind] = trial
    return best


def _lists(
    model: Recommender[Any], window: _Window, config: RecommenderTrainingConfig
) -> CodeArray:
    """Lists for everybody in the window, in the coding of the histories."""
    return model.recommend(window.history, k=config.k).codes_in(window.history.histories)


def _score(
    model: Recommender[Any], windows: Sequence[_Window], config: RecommenderTrainingConfig
) -> _Scores:
    columns, coverage, gini = [], [], []
    for window in windows:
        ranked = model.recommend(window.history, k=config.k)
        lists = ranked.codes_in(window.history.histories)
        columns.append(
            np.column_stack(
                [
                    metric(lists, window.relevant[target], k=config.k)
                    for metric in _METRICS.values()
                    for target in TARGETS
                ]
            )
        )
        shown = ranked.items[window.warm]
        coverage.append(coverage_at_k(shown, n_items=model.n_items, k=config.k))
        gini.append(exposure_gini(shown, n_items=model.n_items, k=config.k))
    return _Scores(np.stack(columns, axis=1), float(np.mean(coverage)), float(np.mean(gini)))


def _results(
    trials: Sequence[Trial],
    chosen: Mapping[str, Trial],
    scores: Mapping[str, _Scores],
    config: RecommenderTrainingConfig,
) -> tuple[ModelResult, ...]:
    names = [f"{metric}_at_{config.k}.{target}" for metric in _METRICS for target in TARGETS]
    headline = names.index(f"ndcg_at_{config.k}.all")
    first = {kind: position * len(names) for position, kind in enumerate(scores)}
    resampled = resample_persons(
        np.concatenate([score.values for score in scores.values()], axis=2),
        replicates=config.replicates,
        rng=config.seed,
        level=config.level,
    )
    differences = {
        kind: resampled.difference(
            first[kind] + headline, baseline=first[config.baseline] + headline
        )
        for kind in scores
        if kind != config.baseline
    }
    adjusted = holm(np.array([difference.p_value for difference in differences.values()]))
    p_values = dict(zip(differences, adjusted.tolist(), strict=True))
    return tuple(
        ModelResult(
            kind=kind,
            chosen=chosen[kind].config,
            validation_ndcg=chosen[kind].ndcg,
            trials=tuple(trial for trial in trials if trial.config.kind == kind),
            metrics={
                name: resampled.interval(first[kind] + column) for column, name in enumerate(names)
            },
            ndcg_by_cutoff=tuple(_mean(week) for week in score.values[:, :, headline].T),
            coverage=score.coverage,
            gini=score.gini,
            difference=differences.get(kind),
            adjusted_p_value=p_values.get(kind),
        )
        for kind, score in scores.items()
    )


def _plain(result: ModelResult) -> dict[str, Any]:
    trials = [
        {"config": trial.config.model_dump(mode="json"), "ndcg": trial.ndcg}
        for trial in result.trials
    ]
    return {
        "kind": result.kind,
        "chosen": result.chosen.model_dump(mode="json"),
        "validation_ndcg": result.validation_ndcg,
        "trials": trials,
        "metrics": {name: asdict(interval) for name, interval in result.metrics.items()},
        "ndcg_by_cutoff": list(result.ndcg_by_cutoff),
        "coverage": result.coverage,
        "gini": result.gini,
        "difference": None if result.difference is None else asdict(result.difference),
        "adjusted_p_value": result.adjusted_p_value,
    }


def _population(window: _Window, model: Recommender[Any]) -> Population:
    histories = window.history.histories
    relevant = window.relevant["all"]
    known = np.isin(histories.item_ids.astype(str), model.item_ids.astype(str))
    counts = {target: int(np.sum(r.counts() > 0)) for target, r in window.relevant.items()}
    return Population(
        cutoff=window.cutoff,
        persons=window.persons,
        with_all=counts["all"],
        with_repeat=counts["repeat"],
        with_novel=counts["novel"],
        cold_persons=int(np.sum((relevant.counts() > 0) & ~window.warm)),
        pairs=len(relevant.row),
        unseen_pairs=int(np.sum(~known[relevant.item])),
    )
