"""Whom a week of a replay contacts: the policy's choice, a coin for some, nobody of the holdout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.assignment import uniform
from features.consent import contactable
from features.histories.histories import NO_CODE, Histories, microseconds
from features.project import Project
from features.run import Run
from features.simulate.store.files import item_ids
from features.simulate.store.replay_config import ReplayConfig
from features.simulate.store.world import Decisions
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.replay import ids_of, numbers_of
from features.tables import DECISIONS, PERSONS
from serving.config import HoldoutConfig
from serving.holdout import assign_arms
from serving.replays.arms import in_cart

_COIN: Final = 0.5
_NAMES: Final = ("explored", "in_cart", "judged", "targetable")


@dataclass(frozen=True, eq=False)
class Choice:
    """What one week decides.

    Attributes:
        decisions: of the world.
        explored: shape (n_decisions,), a coin decided, and another lot how.
        in_cart: shape (n_decisions,), had an open cart.
        judged: shape (n,), numbers of the persons the holdout is compared over: all who agreed to be contacted.
        targetable: shape (n,), not held out.
    """

    decisions: Decisions
    explored: BoolArray
    in_cart: BoolArray
    judged: IntArray
    targetable: BoolArray

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything, to be stored."""
        rest = {name: getattr(self, name) for name in _NAMES}
        return {**self.decisions._asdict(), **rest}

    @classmethod
    def from_arrays(cls, stored: Mapping[str, npt.NDArray[Any]]) -> Choice:
        """What `arrays` gave."""
        decisions = Decisions(*(np.array(stored[name]) for name in Decisions._fields))
        return cls(decisions, *(np.array(stored[name]) for name in _NAMES))


@dataclass(frozen=True, eq=False)
class _Asked:
    """Persons who agreed to be contacted, n rows.

    Attributes:
        ids: shape (n,).
        items: shape (n, places), item codes, -1 = none.
        free: shape (n,), may be contacted.
        contact: shape (n,), the policy contacts them.
    """

    ids: pa.ChunkedArray
    items: IntArray
    free: BoolArray
    contact: BoolArray


class Chooser:
    """Decides weeks.

    Args:
        config: shares, and the salt of the coins.
        holdout: who is never contacted.
        persons: of the store.
        items: of the store.
    """

    def __init__(
        self, config: ReplayConfig, holdout: HoldoutConfig, *, persons: int, items: int
    ) -> None:
        self._config, self._holdout, self._persons = config, holdout, persons
        self._item_ids = item_ids(items)

    def toss(self, project: Project, moment: int) -> Choice:
        """A coin about everybody who agreed; shown is what they looked at last, while nothing is learned."""
        histories = load_histories(project.workspace.current(FEATURES))
        ids = _agreed(project)
        items = self._last_items(histories, ids, at=microseconds(project.config.as_of))
        asked = _Asked(ids, items, items[:, 0] != NO_CODE, np.zeros(len(ids), np.bool_))
        return self._choose(project, moment, asked, np.zeros(2, np.int64), explored=1.0)

    def follow(self, project: Project, moment: int, scored: Run, arms: IntArray) -> Choice:
        """The decisions of `score`, with a coin about the explored.

        Args:
            project: at the decision.
            moment: number of the decision.
            scored: run of `score`.
            arms: shape (2,), how to contact whom the policy chose, without and with an open cart.
        """
        table = scored.read(DECISIONS).sort_by([(c.PERSON_ID, "ascending"), (c.RANK, "ascending")])
        agreed = _agreed(project).combine_chunks()
        table = table.filter(pc.is_in(table[c.PERSON_ID], value_set=agreed))
        rank = table[c.RANK].to_numpy()
        items = np.full((int((rank == 1).sum()), int(rank.max(initial=1))), NO_CODE, np.int64)
        items[np.cumsum(rank == 1) - 1, rank - 1] = self._codes(table[c.ITEM_ID].combine_chunks())
        head = table.take(pa.array(np.flatnonzero(rank == 1)))
        free = head[c.ELIGIBLE].to_numpy() & (items[:, 0] != NO_CODE)
        asked = _Asked(head[c.PERSON_ID], items, free, head[c.CONTACT].to_numpy())
        return self._choose(project, moment, asked, arms, explored=self._config.exploration)

    def _choose(
        self, project: Project, moment: int, asked: _Asked, arms: IntArray, *, explored: float
    ) -> Choice:
        """By numbers of persons; whom the shop knows under several ids counts under the one seen first."""
        ingested, names = project.workspace.current(INGEST), asked.ids.to_pylist()
        number = numbers_of(ingested, asked.ids)
        own = ids_of(ingested, self._persons)[number] == np.array(names, dtype=object)
        own &= number >= 0
        held = assign_arms(
            np.array(names, dtype=object), self._holdout, moment=project.config.as_of.isoformat()
        )
        salt = f"{self._config.experiment_id}|{moment}"
        by_coin = uniform(names, salt=f"{salt}|explore") < explored
        coin = uniform(names, salt=f"{salt}|coin") < _COIN
        lot = uniform(names, salt=f"{salt}|arm") * len(self._config.world.truth.arms)
        histories = load_histories(project.workspace.current(FEATURES))
        cart = in_cart(
            histories, histories.person_rows(asked.ids), microseconds(project.config.as_of)
        )
        free = own & asked.free & ~held.held_out
        rows = np.flatnonzero(free & (by_coin | asked.contact))
        decisions = Decisions.of(
            number[rows],
            asked.items[rows],
            np.where(by_coin, lot.astype(np.int64), arms[cart.astype(np.int64)])[rows],
            treated=np.where(by_coin, coin, asked.contact)[rows],
            probability=np.where(by_coin, _COIN, 1.0)[rows],
        )
        judged = np.flatnonzero(own)
        return Choice(decisions, by_coin[rows], cart[rows], number[judged], ~held.held_out[judged])

    def _last_items(self, histories: Histories, ids: pa.ChunkedArray, *, at: int) -> IntArray:
        """The last item of each person's events that the store sells under that id, shape (n, 1)."""
        codes = self._codes(pa.array(histories.item_ids, pa.string()))
        events = np.append(codes, NO_CODE)[histories.item]
        last = np.maximum.accumulate(np.where(events == NO_CODE, -1, np.arange(len(events))))
        view = histories.as_of(histories.person_rows(ids), at)
        place = np.append(-1, last)[view.stop]
        return np.where(place >= view.start, events[place], NO_CODE)[:, None]

    def _codes(self, items: pa.Array) -> IntArray:
        """Item codes of ids; -1 for what the store does not sell under that id."""
        place = pc.fill_null(pc.index_in(items, value_set=self._item_ids), NO_CODE)
        codes: IntArray = place.to_numpy(zero_copy_only=False).astype(np.int64)
        return codes


def _agreed(project: Project) -> pa.ChunkedArray:
    """Ids of the persons who may be contacted at the project's moment."""
    persons = project.workspace.current(INGEST).read(PERSONS)
    return persons[c.PERSON_ID].filter(pa.array(contactable(persons, project.config.as_of)))
