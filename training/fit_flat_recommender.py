"""Compare recommenders on flat files: choose settings inside the training rows, judge once on the others, repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import FloatArray, IntArray, TextArray
from features.errors import InputError
from features.histories.histories import AsOf
from training.flat_interactions import Interactions, SessionPairs, last_prefixes
from training.flat_recommender_config import (
    FlatRecommenderConfig,
    NextItemSplit,
    RandomByItemSplit,
)
from training.metrics.intervals import Interval, resample_persons
from training.metrics.ranking import (
    Relevant,
    average_precision_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)
from training.recommenders.base import Recommender
from training.recommenders.observed import codes_of
from training.recommenders.registry import RecommenderConfig, build
from training.splits import random_by_item
from training.test_values import TestValues, values_table

METRICS: Final[Mapping[str, Callable[..., FloatArray]]] = {
    "ndcg": ndcg_at_k,
    "precision": precision_at_k,
    "recall": recall_at_k,
    "average_precision": average_precision_at_k,
    "hit_rate": hit_rate_at_k,
    "reciprocal_rank": reciprocal_rank_at_k,
}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Round:
    """One split: what is learned from, who gets a list, what they wanted.

    Attributes:
        train: one row per training person.
        history: one row per list.
        relevant: wanted items of each list, as positions in `item_ids`.
        unit: shape (n_lists,), whom a list belongs to: the unit of the intervals.
        item_ids: every item of the files.
    """

    train: AsOf
    history: AsOf
    relevant: Relevant
    unit: IntArray
    item_ids: TextArray

    def take(self, rows: IntArray) -> Round:
        """The same model on some of the lists, shape (n_taken,), rising."""
        taken = np.isin(self.relevant.row, rows)
        wanted = np.searchsorted(rows, self.relevant.row[taken])
        relevant = Relevant(wanted, self.relevant.item[taken], len(rows))
        return Round(self.train, self.history.take(rows), relevant, self.unit[rows], self.item_ids)


@dataclass(frozen=True)
class FlatResult:
    """One kind of model.

    Attributes:
        kind: kind of model.
        chosen: its setting in each round, chosen inside the training rows.
        metrics: '<metric>_at_<k>' -> mean over all lists of all rounds, with an interval over persons or sessions.
        by_round: '<metric>_at_<k>' -> mean of each round.
        values: of every list, by person or session.
    """

    kind: str
    chosen: tuple[RecommenderConfig, ...]
    metrics: Mapping[str, Interval]
    by_round: Mapping[str, tuple[float, ...]]
    values: TestValues

    def spread(self, metric: str) -> float:
        """Standard deviation of a metric over rounds, with n - 1; NaN with one round."""
        values = self.by_round[metric]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


@dataclass(frozen=True)
class FlatComparison:
    """The outcome.

    Attributes:
        results: one per kind, in the order of the config.
        champion: kind with the best mean of the chosen metric inside the training rows.
        model: the champion's setting of the first round, fitted on all rows.
        metric: name of the metric that settings were chosen by, with its cut-off.
        lists: lists judged, over all rounds.
    """

    results: tuple[FlatResult, ...]
    champion: str
    model: Recommender[Any]
    metric: str
    lists: int

    def result(self, kind: str) -> FlatResult:
        return next(result for result in self.results if result.kind == kind)

    def metrics(self) -> dict[str, Any]:
        """Everything but the model itself, as plain JSON."""
        return {
            "champion": self.champion,
            "metric": self.metric,
            "lists": self.lists,
            "items": self.model.n_items,
            "models": [
                {
                    "kind": result.kind,
                    "chosen": [config.model_dump(mode="json") for config in result.chosen],
                    "metrics": {name: asdict(found) for name, found in result.metrics.items()},
                    "by_round": {name: list(values) for name, values in result.by_round.items()},
                    "spread": {
                        name: result.spread(name) if len(values) > 1 else None
                        for name, values in result.by_round.items()
                    },
                }
                for result in self.results
            ],
        }

    def tracked(self) -> dict[str, float]:
        """One flat number per name: '<kind>.<metric>_at_<k>' and its ends."""
        flat: dict[str, float] = {}
        for result in self.results:
            for name, interval in result.metrics.items():
                flat[f"{result.kind}.{name}"] = interval.estimate
                flat[f"{result.kind}.{name}.low"] = interval.low
                flat[f"{result.kind}.{name}.high"] = interval.high
        return flat


def fit_table(rows: Interactions, config: FlatRecommenderConfig) -> FlatComparison:
    """Compare on random splits of a table, each with its own choice of settings."""
    split = config.split
    if not isinstance(split, RandomByItemSplit):
        raise TypeError(f"a table is split at random, not by {split.kind}")
    chosen: list[dict[str, RecommenderConfig]] = []
    inside: list[dict[str, float]] = []
    rounds = []
    everything = np.arange(len(rows.item))
    for seed in range(split.seeds):
        rng = np.random.default_rng(seed)
        train = random_by_item(rows.item, train_share=split.train_share, rng=rng)
        own = everything[train]
        inner = random_by_item(rows.item[own], train_share=split.train_share, rng=rng)
        judge = table_round(rows, own[inner], own[~inner], config)
        best = _choose(judge, config)
        chosen.append({kind: setting for kind, (setting, _) in best.items()})
        inside.append({kind: value for kind, (_, value) in best.items()})
        rounds.append(table_round(rows, own, everything[~train], config))
    whole = rows.histories(everything, event=config.event).everyone(rows.end)
    return judge_on_test(rounds, chosen, inside, whole, config)


def fit_sessions(
    sessions: Interactions, pairs: SessionPairs, config: FlatRecommenderConfig
) -> FlatComparison:
    """Compare on the test pairs; settings are chosen on the last training sessions."""
    split = config.split
    if not isinstance(split, NextItemSplit):
        raise TypeError(f"sessions are judged by the next item, not by {split.kind}")
    best = _choose(last_sessions_round(sessions, split, config), config)
    whole = session_round(sessions, np.arange(len(sessions.item)), pairs, config)
    chosen = {kind: setting for kind, (setting, _) in best.items()}
    inside = {kind: value for kind, (_, value) in best.items()}
    return judge_on_test([whole], [chosen], [inside], whole.train, config)


def table_round(
    rows: Interactions, train: IntArray, test: IntArray, config: FlatRecommenderConfig
) -> Round:
    """Learn from some rows of a table, want those of others.

    Raises:
        InputError: no test row belongs to a person with training rows.
    """
    histories = rows.histories(train, event=config.event)
    everyone = histories.everyone(rows.end)
    persons = np.unique(rows.person[train])
    place = np.searchsorted(persons, rows.person[test])
    known = np.append(persons, -1)[place] == rows.person[test]
    if not known.any():
        raise InputError(
            "split",
            "no test row belongs to a person with training rows",
            rule="a split without such rows measures nothing",
            next_step="Check the person column, or raise train_share.",
        )
    relevant = Relevant.from_pairs(place[known], rows.item[test][known], n_rows=len(persons))
    return Round(everyone, everyone, relevant, persons, rows.item_ids)


def last_sessions_round(
    sessions: Interactions, split: NextItemSplit, config: FlatRecommenderConfig
) -> Round:
    """Learn from all training sessions but the last, want the next item of prefixes of those."""
    stays, held_out = last_prefixes(
        sessions,
        share=split.validation_share,
        rows=split.validation_rows,
        rng=np.random.default_rng(config.seed),
    )
    return session_round(sessions, stays, held_out, config)


def session_round(
    sessions: Interactions, train: IntArray, pairs: SessionPairs, config: FlatRecommenderConfig
) -> Round:
    """Learn from some rows of the sessions, want the next item of each pair."""
    prefixes = pairs.prefixes
    rows = prefixes.histories(np.arange(len(prefixes.item)), event=config.event)
    relevant = Relevant.from_pairs(
        np.arange(len(pairs.target)), pairs.target, n_rows=len(pairs.target)
    )
    return Round(
        train=sessions.histories(train, event=config.event).everyone(sessions.end),
        history=rows.everyone(prefixes.end),
        relevant=relevant,
        unit=pairs.session,
        item_ids=sessions.item_ids,
    )


def _choose(
    inner: Round, config: FlatRecommenderConfig
) -> dict[str, tuple[RecommenderConfig, float]]:
    """The best setting of each kind on an inner round, with its value; the first of equals."""
    metric = list(METRICS).index(config.metric)
    best: dict[str, tuple[RecommenderConfig, float]] = {}
    for candidate in config.settings():
        _log.info("trying %s", candidate.kind)
        values = judged(build(candidate).fit(inner.train), inner, config)[:, metric]
        value = float(np.nanmean(values))
        if candidate.kind not in best or value > best[candidate.kind][1]:
            best[candidate.kind] = (candidate, value)
    return best


def judged(model: Recommender[Any], judge: Round, config: FlatRecommenderConfig) -> FloatArray:
    """Every metric of every list, shape (n_lists, n_metrics), NaN = nothing wanted."""
    barred = None if config.show_seen else model.seen(judge.history)
    ranked = model.recommend(judge.history, k=config.k, barred=barred)
    codes = np.append(codes_of(model.item_ids, known=judge.item_ids), np.int32(-1))
    lists = codes[ranked.items]
    return np.column_stack(
        [metric(lists, judge.relevant, k=config.k) for metric in METRICS.values()]
    )


def judge_on_test(
    rounds: Sequence[Round],
    chosen: Sequence[Mapping[str, RecommenderConfig]],
    inside: Sequence[Mapping[str, float]],
    whole: AsOf,
    config: FlatRecommenderConfig,
) -> FlatComparison:
    """Judge the chosen setting of each kind on every round, and fit the champion on all rows.

    Args:
        rounds: what is learned from and judged on.
        chosen: setting by kind, for each round.
        inside: what the settings were worth inside the training rows, for each round; the champion is chosen by it.
        whole: all rows, one row per person.
        config: metrics and intervals.
    """
    kinds = list(chosen[0])
    champion = max(kinds, key=lambda kind: np.mean([values[kind] for values in inside]))
    results = tuple(_result(kind, rounds, chosen, config) for kind in kinds)
    return FlatComparison(
        results=results,
        champion=champion,
        model=build(chosen[0][champion]).fit(whole),
        metric=f"{config.metric}_at_{config.k}",
        lists=sum(int(np.sum(judge.relevant.counts() > 0)) for judge in rounds),
    )


def _result(
    kind: str,
    rounds: Sequence[Round],
    chosen: Sequence[Mapping[str, RecommenderConfig]],
    config: FlatRecommenderConfig,
) -> FlatResult:
    values, units = [], []
    for judge, settings in zip(rounds, chosen, strict=True):
        _log.info("judging %s", kind)
        values.append(judged(build(settings[kind]).fit(judge.train), judge, config))
        units.append(judge.unit)
    names = [f"{name}_at_{config.k}" for name in METRICS]
    unit, table = _by_unit(np.concatenate(units), np.concatenate(values))
    resampled = resample_persons(
        table, replicates=config.replicates, rng=config.seed, level=config.level
    )
    return FlatResult(
        kind=kind,
        chosen=tuple(settings[kind] for settings in chosen),
        metrics={name: resampled.interval(column) for column, name in enumerate(names)},
        by_round={
            name: tuple(float(np.nanmean(part[:, column])) for part in values)
            for column, name in enumerate(names)
        },
        values=TestValues(
            values_table(
                table,
                names=names,
                units=pa.array(unit),
                lists=pa.array(np.arange(table.shape[1])),
                keys=(c.UNIT, c.LIST),
            )
        ),
    )


def _by_unit(unit: IntArray, value: FloatArray) -> tuple[IntArray, FloatArray]:
    """All lists of a person (of a session) together, over all rounds: they are drawn together.

    Args:
        unit: shape (n_lists,), whom a list belongs to.
        value: shape (n_lists, n_metrics).

    Returns:
        Units, rising, and their values, shape (n_units, most lists of one, n_metrics), NaN where they have fewer.
    """
    known, row = np.unique(unit, return_inverse=True)
    order = np.argsort(row, kind="stable")
    row, value = row[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    table = np.full((len(known), place.max() + 1, value.shape[1]), np.nan)
    table[row, place] = value
    return known, table
