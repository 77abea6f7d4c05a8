"""Compare recommenders on flat files: choose settings inside the training rows, judge once on the others, repeat."""

from __future__ import annotations

import logging

import numpy as np

from training.flat_recommender.comparison import FlatComparison
from training.flat_recommender.config import (
    FlatRecommenderConfig,
    NextItemSplit,
    RandomByItemSplit,
)
from training.flat_recommender.interactions import Interactions, SessionPairs
from training.flat_recommender.judging import METRICS, judge_on_test, judged
from training.flat_recommender.rounds import Round, last_sessions_round, session_round, table_round
from training.recommenders.registry import RecommenderConfig, build
from training.splits import random_by_item

_log = logging.getLogger(__name__)


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
