"""One split of flat files: what is learned from, who gets a list, what they wanted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import IntArray, TextArray
from features.errors import InputError
from features.histories.histories import AsOf
from training.flat_recommender.config import FlatRecommenderConfig, NextItemSplit
from training.flat_recommender.interactions import Interactions, SessionPairs, last_prefixes
from training.metrics.ranking import Relevant


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
