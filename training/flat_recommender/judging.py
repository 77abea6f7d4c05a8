"""What lists are worth on the rounds of a comparison: every metric, with intervals over persons or sessions."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.histories.histories import AsOf
from training.flat_recommender.comparison import FlatComparison, FlatResult
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.rounds import Round
from training.metrics.intervals import resample_persons
from training.metrics.ranking import (
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
