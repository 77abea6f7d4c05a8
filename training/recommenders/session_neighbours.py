"""Sessions like the present one, recent ones first, and what else they held."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

import numba
import numpy as np
import numpy.typing as npt
from pydantic import Field

from features.arrays import BoolArray, CodeArray, FloatArray, IntArray, ScoreArray
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.kept_lists import empty_lists, offer
from training.recommenders.observed import ItemEvents, Observed
from training.recommenders.top_k import Eligible

_ROWS_AT_ONCE: Final = 2_048


class SessionNeighboursConfig(ModelConfig):
    """What a session is, which ones are compared, and how places count."""

    kind: Literal["session_neighbours"] = "session_neighbours"

    gap_days: float = Field(default=1.0, ge=0)
    """A longer pause between two events of a person ends the session."""

    recent: int = Field(default=20, ge=1)
    """Newest events of a person that stand for the present session."""

    fade: float = Field(default=0.8, gt=0, le=1)
    """Weight of an event of the present session relative to the one after it."""

    sample: int = Field(default=1_000, ge=1)
    """Newest sessions looked up per item of the present session."""

    neighbours: int = Field(default=500, ge=1)
    """Most similar sessions whose items are candidates."""

    near_steps: float = Field(default=5.0, gt=0)
    """An item so many steps from the newest shared one counts 1 / e."""

    rarity: float = Field(default=0.0, ge=0, le=2)
    """Scores are multiplied by log(sessions / sessions with the item) to this power."""

    maximum_sessions: int = Field(default=1_000_000, ge=1)
    """Newest sessions kept."""

    threads: int = Field(default=2, ge=1)
    """Threads of recommend; the result does not depend on it."""


class SessionNeighbours(Recommender[SessionNeighboursConfig]):
    """Score of an item = sum over the nearest sessions with it of similarity * nearness * its event weight.

    Similarity = sum of fade ** (events since) over shared items / sqrt(items of the one * items of the other) *
    0.5 ** (age of the session at the training cut-off / half-life). Nearness = exp(-steps / near_steps), steps from the
    newest shared item. Sessions of one item are no neighbours.

    Source: Ludewig and Jannach (2018), V-SKNN; Garg et al. (2019), STAN.
    """

    config_type = SessionNeighboursConfig

    def __init__(self, config: SessionNeighboursConfig) -> None:
        super().__init__(config)
        self._offsets: IntArray = np.zeros(1, np.int64)
        self._items: CodeArray = np.empty(0, np.int32)
        self._weight: ScoreArray = np.empty(0, np.float32)
        self._recency: ScoreArray = np.empty(0, np.float32)
        self._index: tuple[IntArray, CodeArray] | None = None

    def _fit(self, observed: Observed) -> None:
        events = observed.events
        session, row_of = events.sessions(gap_days=self.config.gap_days)
        last = np.searchsorted(session, np.arange(len(row_of)), side="right") - 1
        age = events.age_days[last]
        item, weight, of = _distinct(session, events, n_items=observed.n_items)
        length = np.bincount(of, minlength=len(row_of))
        # newest first, so that a session's number is also its rank by age
        order = np.lexsort((np.arange(len(age)), age))
        order = order[length[order] > 1][: self.config.maximum_sessions]
        starts = np.concatenate([[0], np.cumsum(length)])
        self._offsets = np.concatenate([[0], np.cumsum(length[order])]).astype(np.int64)
        places = np.repeat(starts[order] - self._offsets[:-1], length[order])
        places = places + np.arange(self._offsets[-1])
        self._items, self._weight = item[places], weight[places].astype(np.float32)
        self._recency = np.exp2(-age[order] / self.config.half_life_days).astype(np.float32)
        self._index = None

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        events = observed.events
        events = events.of(events.places_from_end() <= self.config.recent)
        items, scores = empty_lists(len(observed), k)
        starts, sessions = self._sessions_of_items()
        rarity = self._rarity(starts)
        barred = eligible.barred

        def rank(first: int) -> None:
            stop = min(first + _ROWS_AT_ONCE, len(observed))
            _vote(
                events.offsets[first : stop + 1],
                events.item,
                self.config.fade,
                self._offsets,
                self._items,
                self._weight,
                self._recency,
                starts,
                sessions,
                rarity,
                self.config.sample,
                self.config.neighbours,
                self.config.near_steps,
                eligible.allowed,
                barred.indptr[first : stop + 1],
                barred.indices,
                items[first:stop],
                scores[first:stop],
            )

        with ThreadPoolExecutor(self.config.threads) as pool:
            list(pool.map(rank, range(0, len(observed), _ROWS_AT_ONCE)))
        return items, scores

    def _cells_at_once(self) -> int:
        """Rows are ranked one by one, so a block needs no cell per item."""
        return super()._cells_at_once() * 64

    def _sessions_of_items(self) -> tuple[IntArray, CodeArray]:
        """Sessions of each item, newest first: offsets, shape (n_items + 1,), and session numbers."""
        if self._index is None:
            session = np.repeat(np.arange(len(self._offsets) - 1), np.diff(self._offsets))
            order = np.argsort(self._items, kind="stable")
            counts = np.bincount(self._items, minlength=self.n_items)
            starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
            self._index = (starts, session[order].astype(np.int32))
        return self._index

    def _rarity(self, starts: IntArray) -> ScoreArray:
        sessions = max(1, len(self._offsets) - 1)
        rarity = np.log1p(sessions / np.maximum(np.diff(starts), 1))
        return np.power(rarity, self.config.rarity).astype(np.float32)

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {
            "offsets": self._offsets,
            "items": self._items,
            "weight": self._weight,
            "recency": self._recency,
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._offsets, self._items = np.array(arrays["offsets"]), np.array(arrays["items"])
        self._weight, self._recency = np.array(arrays["weight"]), np.array(arrays["recency"])


def _distinct(
    session: IntArray, events: ItemEvents, *, n_items: int
) -> tuple[CodeArray, FloatArray, IntArray]:
    """Distinct items of each session in the order of their last event: item, largest weight, session."""
    key, inverse = np.unique(session * n_items + events.item, return_inverse=True)
    last = np.zeros(len(key), np.int64)
    np.maximum.at(last, inverse, np.arange(len(session)))
    weight = np.zeros(len(key))
    np.maximum.at(weight, inverse, events.weight)
    order = np.argsort(last, kind="stable")
    return events.item[last[order]], weight[order], session[last[order]]


@numba.njit(cache=True, nogil=True)
def _vote(
    row_offsets: IntArray,
    row_items: CodeArray,
    fade: float,
    offsets: IntArray,
    session_items: CodeArray,
    session_weight: ScoreArray,
    recency: ScoreArray,
    starts: IntArray,
    sessions: CodeArray,
    rarity: ScoreArray,
    sample: int,
    neighbours: int,
    near_steps: float,
    allowed: BoolArray,
    barred_indptr: CodeArray,
    barred: CodeArray,
    items: CodeArray,
    scores: ScoreArray,
) -> None:
    similarity = np.zeros(len(offsets) - 1, np.float64)
    near = np.empty(len(offsets) - 1, np.int64)
    own = np.zeros(len(allowed), np.float64)
    votes = np.zeros(len(allowed), np.float64)
    voted = np.empty(len(allowed), np.int64)
    barred_for = np.full(len(allowed), -1, np.int64)
    for row in range(len(items)):
        for entry in range(barred_indptr[row], barred_indptr[row + 1]):
            barred_for[barred[entry]] = row
        present = row_items[row_offsets[row] : row_offsets[row + 1]]
        n_near = _compare(
            present, fade, offsets, recency, starts, sessions, sample, own, similarity, near
        )
        n_near = _keep_nearest(similarity, near, n_near, neighbours)
        n_voted = 0
        for number in range(n_near):
            begin, end = offsets[near[number]], offsets[near[number] + 1]
            shared = begin + np.argmax(own[session_items[begin:end]])
            for place in range(begin, end):
                item = session_items[place]
                if not allowed[item] or barred_for[item] == row:
                    continue
                if votes[item] == 0:
                    voted[n_voted] = item
                    n_voted += 1
                nearness = np.exp(-abs(place - shared) / near_steps)
                votes[item] += similarity[near[number]] * nearness * session_weight[place]
            similarity[near[number]] = 0
        own[present] = 0
        filled = 0
        for number in range(n_voted):
            item = voted[number]
            score = np.float32(votes[item] * rarity[item])
            votes[item] = 0
            if score > 0:
                filled = offer(items[row], scores[row], filled, item, score)


@numba.njit(cache=True, nogil=True)
def _compare(
    present: CodeArray,
    fade: float,
    offsets: IntArray,
    recency: ScoreArray,
    starts: IntArray,
    sessions: CodeArray,
    sample: int,
    own: FloatArray,
    similarity: FloatArray,
    near: IntArray,
) -> int:
    """Similarity of every session that shares an item; which ones, in `near`; weight of each present item, in `own`."""
    n_near = 0
    n_own = 0
    weight = 1.0
    for place in range(len(present) - 1, -1, -1):
        item = present[place]
        if own[item] == 0:
            n_own += 1
            own[item] = weight
            for posting in range(starts[item], min(starts[item] + sample, starts[item + 1])):
                session = sessions[posting]
                if similarity[session] == 0:
                    near[n_near] = session
                    n_near += 1
                similarity[session] += weight
        weight *= fade
    for number in range(n_near):
        session = near[number]
        length = offsets[session + 1] - offsets[session]
        similarity[session] *= recency[session] / np.sqrt(length * n_own)
    return n_near


@numba.njit(cache=True, nogil=True)
def _keep_nearest(similarity: FloatArray, near: IntArray, n_near: int, wanted: int) -> int:
    """Keep the most similar sessions in `near`, of equals those met first; the others' similarity becomes 0."""
    if n_near <= wanted:
        return n_near
    threshold = np.partition(similarity[near[:n_near]], n_near - wanted)[n_near - wanted]
    equals = wanted - np.sum(similarity[near[:n_near]] > threshold)
    kept = 0
    for number in range(n_near):
        session = near[number]
        value = similarity[session]
        if value == threshold:
            equals -= 1
        if value > threshold or (value == threshold and equals >= 0):
            near[kept] = session
            kept += 1
        else:
            similarity[session] = 0
    return kept
