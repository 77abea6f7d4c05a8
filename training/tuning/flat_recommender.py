"""Tune recommenders on flat files: trials inside the training rows, one look at the test rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from features.arrays import FloatArray
from features.histories.histories import AsOf
from features.run import RunWriter
from training.flat_recommender.config import (
    FlatRecommenderConfig,
    InteractionTableData,
    NextItemSplit,
    RandomByItemSplit,
)
from training.flat_recommender.interactions import (
    Interactions,
    SessionPairs,
    read_interaction_table,
    read_sessions,
)
from training.flat_recommender.judging import METRICS, judge_on_test, judged
from training.flat_recommender.rounds import (
    Round,
    last_sessions_round,
    session_round,
    table_round,
)
from training.flat_recommender.train import (
    FLAT_PROJECT,
    content_config,
    flat_recommender_workspace,
)
from training.recommenders.registry import RecommenderConfig, build
from training.splits import random_by_item
from training.tuning.tune import Chosen, Tunable, Verdict

_BUNDLE: Final = "bundle"


@dataclass(frozen=True, eq=False)
class FlatContest:
    """Recommenders on the rows of flat files.

    Attributes:
        config: metrics and lists.
        inner: rounds inside the training rows, each cut into parts that are judged one after the other.
        test: makes the round that is judged once.
        whole: all rows, one row per person.
    """

    config: FlatRecommenderConfig
    inner: Sequence[tuple[Round, Sequence[Round]]]
    test: Callable[[], Round]
    whole: AsOf

    def estimates(self, setting: RecommenderConfig) -> Iterator[float]:
        """Mean of the metric over all lists of the parts so far."""
        (complete,) = self.config.model_copy(update={"candidates": (setting,)}).settings()
        column = list(METRICS).index(self.config.metric)
        values: list[FloatArray] = []
        for round_, parts in self.inner:
            model = build(complete).fit(round_.train)
            for part in parts:
                values.append(judged(model, part, self.config)[:, column])
                yield float(np.nanmean(np.concatenate(values)))

    def judge(
        self, chosen: Mapping[str, Chosen], training: FlatRecommenderConfig, writer: RunWriter
    ) -> Verdict:
        """Fit each chosen setting once on the training rows, and judge it on the test rows."""
        settings: dict[str, RecommenderConfig] = {s.kind: s for s in training.settings()}
        inside = {best.config.kind: best.value for best in chosen.values()}
        found = judge_on_test([self.test()], [settings], [inside], self.whole, training)
        found.model.save(writer.path / _BUNDLE)
        return Verdict(
            metric=found.metric,
            values={
                name: found.result(best.config.kind).metrics[found.metric]
                for name, best in chosen.items()
            },
            metrics=found.metrics(),
            tracked=found.tracked(),
        )


def tunable_flat_recommender(config: FlatRecommenderConfig, *, folder: Path, parts: int) -> Tunable:
    """The recommenders on the files a config names.

    Args:
        config: which files; relative paths start at `folder`.
        folder: folder of the config file.
        parts: inner splits of a table, or blocks of the held-out sessions.

    Raises:
        InputError: a file cannot be used.
        GateError: too many rows are refused.
    """
    data = config.data
    if isinstance(data, InteractionTableData):
        rows, flat = read_interaction_table(data, folder=folder)
        content = flat.content
        contest = partial(table_contest, rows, config, parts)
    else:
        sessions, pairs, content = read_sessions(data, folder=folder)
        contest = partial(session_contest, sessions, pairs, config, parts)
    return Tunable(
        workspace=flat_recommender_workspace(config, folder=folder),
        project=FLAT_PROJECT,
        content=content_config(config).model_copy(update={"candidates": (), "trials": 1}),
        inputs={"data": content},
        metric=f"{config.metric}_at_{config.k}",
        parts=parts,
        open=contest,
    )


def table_contest(rows: Interactions, config: FlatRecommenderConfig, parts: int) -> FlatContest:
    """On a table: the first of its random splits, and further splits inside its training rows.

    One split only: the inner splits of a second would hold rows that the first one judges on.
    """
    split = config.split
    if not isinstance(split, RandomByItemSplit):
        raise TypeError(f"a table is split at random, not by {split.kind}")
    rng = np.random.default_rng(0)
    everything = np.arange(len(rows.item))
    train = random_by_item(rows.item, train_share=split.train_share, rng=rng)
    own = everything[train]
    inner = []
    for _ in range(parts):
        learns = random_by_item(rows.item[own], train_share=split.train_share, rng=rng)
        round_ = table_round(rows, own[learns], own[~learns], config)
        inner.append((round_, [round_]))
    return FlatContest(
        config=config,
        inner=inner,
        test=lambda: table_round(rows, own, everything[~train], config),
        whole=rows.histories(everything, event=config.event).everyone(rows.end),
    )


def session_contest(
    sessions: Interactions,
    pairs: SessionPairs,
    config: FlatRecommenderConfig,
    parts: int,
) -> FlatContest:
    """On sessions: prefixes of the last training sessions, every so many-th in one part, and the test pairs."""
    split = config.split
    if not isinstance(split, NextItemSplit):
        raise TypeError(f"sessions are judged by the next item, not by {split.kind}")
    held_out = last_sessions_round(sessions, split, config)
    lists = len(held_out.history)
    everything = np.arange(len(sessions.item))
    return FlatContest(
        config=config,
        inner=[(held_out, [held_out.take(np.arange(part, lists, parts)) for part in range(parts)])],
        test=lambda: session_round(sessions, everything, pairs, config),
        whole=sessions.histories(everything, event=config.event).everyone(sessions.end),
    )
