"""From histories to the chosen recommender: pick settings on validation weeks, judge on later test weeks, refit.

The settings of each model and the champion are chosen on validation windows only. Test windows come later; each model's
setting is fitted once more, strictly before the first test cut-off, and recommends for histories as of every test
cut-off. The champion's test figures are therefore figures of a model that was not chosen by them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import CodeArray, FloatArray
from features.errors import InputError
from features.histories.histories import AsOf, Histories
from features.tables import TIMESTAMP
from training.metrics.ranking import ndcg_at_k
from training.project_recommender.comparison import RecommenderComparison, Trial
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.results import (
    Scores,
    best_single,
    mean_value,
    metric_names,
    model_results,
    score,
)
from training.project_recommender.windows import Window, event_codes, population_of, window_at
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import Recommender
from training.recommenders.registry import RecommenderConfig, build
from training.splits import TimeSplits, time_splits
from training.test_values import TestValues, values_table

_log = logging.getLogger(__name__)


def fit_recommenders(
    histories: Histories,
    config: RecommenderTrainingConfig,
    *,
    as_of: datetime,
    attributes: ItemAttributes | None = None,
) -> RecommenderComparison:
    """Compare recommenders and fit the champion.

    Args:
        histories: every event; those at or after `as_of` are never looked at.
        config: candidates and weeks.
        as_of: end of the data the trainer may see.
        attributes: what the catalog says of items, for the models that look at it.

    Raises:
        InputError: too few interactions before the first validation cut-off, or no relevant item in some window.
        ConfigError: a setting that does not fit the data.
        GateError: the champion fails a gate of its own.

    Invariants: events at or after `as_of` change nothing; the same input gives the same result.
    """
    validation = validation_windows(histories, config, as_of=as_of)
    trials = [
        Trial(candidate, list(estimates(candidate, validation, config, attributes=attributes))[-1])
        for candidate in config.settings()
    ]
    return judge_on_test(histories, config, trials, as_of=as_of, attributes=attributes)


def validation_windows(
    histories: Histories, config: RecommenderTrainingConfig, *, as_of: datetime
) -> list[Window]:
    """The windows that settings are chosen on, oldest first.

    Raises:
        InputError: too few interactions before the first of them, or no relevant item in one.
    """
    splits = _splits(config, as_of)
    _refuse_too_few(histories, config, cutoff=splits.validation[0])
    return _windows(histories, config, splits.validation)


def estimates(
    candidate: RecommenderConfig,
    windows: Sequence[Window],
    config: RecommenderTrainingConfig,
    *,
    attributes: ItemAttributes | None = None,
) -> Iterator[float]:
    """Mean nDCG@k of a setting over (person, window) pairs, after the first window, the first two, ... all of them.

    The model is fitted once, before the first window.
    """
    model = _fitted(candidate, windows[0].history, attributes)
    values: list[FloatArray] = []
    for window in windows:
        lists = _lists(model, window, config)
        values.append(ndcg_at_k(lists, window.relevant["all"], k=config.k))
        yield mean_value(np.concatenate(values))


def judge_on_test(
    histories: Histories,
    config: RecommenderTrainingConfig,
    trials: Sequence[Trial],
    *,
    as_of: datetime,
    attributes: ItemAttributes | None = None,
) -> RecommenderComparison:
    """Judge the best trial of each kind on the test windows, and fit the champion on everything before `as_of`.

    Args:
        histories: every event.
        config: weeks and metrics; the weights of its candidates say which interactions count.
        trials: settings with what they were worth on the validation windows.
        as_of: end of the data the trainer may see.
        attributes: what the catalog says of items, for the models that look at it.

    Raises:
        InputError: no relevant item in some test window.
        ConfigError: a setting that does not fit the data.
        GateError: the champion fails a gate of its own.
    """
    splits = _splits(config, as_of)
    chosen = _best_by_kind(trials)
    test = _windows(histories, config, splits.test)
    models = {
        kind: _fitted(trial.config, test[0].history, attributes) for kind, trial in chosen.items()
    }
    scores = {kind: score(model, test, config) for kind, model in models.items()}
    champion = max(chosen, key=lambda kind: chosen[kind].ndcg)
    everything = histories.everyone(as_of)
    model = _fitted(chosen[champion].config, everything, attributes)
    model.require_usable()
    return RecommenderComparison(
        test_values=_test_values(scores[champion], histories, test, config),
        results=model_results(trials, chosen, scores, config),
        champion=champion,
        baseline=best_single(chosen, config),
        model=model,
        populations=tuple(population_of(window, models[champion]) for window in test),
        validation=splits.validation,
        interactions=_interactions(everything, config),
        as_of=as_of,
    )


def value_on_test(
    setting: RecommenderConfig,
    histories: Histories,
    config: RecommenderTrainingConfig,
    *,
    as_of: datetime,
    attributes: ItemAttributes | None = None,
) -> TestValues:
    """What a setting, fitted before the first test cut-off, is worth to each person. Arguments as in `judge_on_test`."""
    test = _windows(histories, config, _splits(config, as_of).test)
    scores = score(_fitted(setting, test[0].history, attributes), test, config)
    return _test_values(scores, histories, test, config)


def _test_values(
    scores: Scores,
    histories: Histories,
    test: Sequence[Window],
    config: RecommenderTrainingConfig,
) -> TestValues:
    table = values_table(
        scores.values,
        names=metric_names(config),
        units=pa.array(histories.person_ids, pa.string()),
        lists=pa.array([window.cutoff for window in test], TIMESTAMP),
        keys=(c.PERSON_ID, c.AS_OF),
    )
    return TestValues(table, scores.coverage)


def _splits(config: RecommenderTrainingConfig, as_of: datetime) -> TimeSplits:
    return time_splits(
        as_of,
        horizon_days=config.horizon_days,
        test_weeks=config.test_weeks,
        validation_weeks=config.validation_weeks,
    )


def _windows(
    histories: Histories, config: RecommenderTrainingConfig, cutoffs: Sequence[datetime]
) -> list[Window]:
    horizon = timedelta(days=config.horizon_days)
    return [
        window_at(histories, cut, horizon=horizon, targets=config.target_events) for cut in cutoffs
    ]


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
    counted = np.isin(columns.event[position], event_codes(sorted(names)))
    return int(np.sum(counted & (columns.item[position] >= 0)))


def _fitted(
    config: RecommenderConfig, history: AsOf, attributes: ItemAttributes | None
) -> Recommender[Any]:
    _log.info("fitting %s", config.kind)
    return build(config).fit(history, attributes=attributes)


def _best_by_kind(trials: Sequence[Trial]) -> dict[str, Trial]:
    """The best trial of each kind; the first of equals."""
    best: dict[str, Trial] = {}
    for trial in trials:
        kind = trial.config.kind
        if kind not in best or trial.ndcg > best[kind].ndcg:
            best[kind] = trial
    return best


def _lists(model: Recommender[Any], window: Window, config: RecommenderTrainingConfig) -> CodeArray:
    """Lists for everybody in the window, in the coding of the histories."""
    return model.recommend(window.history, k=config.k).codes_in(window.history.histories)
