"""Where candidates come from: own past items, items popular lately, items bought together with the last ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from pydantic import Field

from features.arrays import FloatArray, IntArray
from features.builders.feature import WINDOW_DAYS
from features.builders.item_counts import ITEM_STAGES
from features.builders.knowledge import Knowledge, ShopCodes
from features.config import BaseConfig
from features.histories.histories import NO_CODE, AsOf
from features.interactions import InteractionConfig, event_weights

SEPARATOR: Final = ";"
"""Between the names of a candidate's sources."""

_BUY: Final = ITEM_STAGES.index("purchase")


@dataclass(frozen=True, eq=False)
class Proposals:
    """Candidates of one source.

    Attributes:
        row: shape (n,), row of the history, never falling.
        item: shape (n,), item code in the knowledge, >= 0; no item twice in a row.
        rank: shape (n,), 1 = the best of its row.
    """

    row: IntArray
    item: IntArray
    rank: IntArray


class CandidateSource(Protocol):
    """Proposes items for histories. A trained recommender can be one."""

    @property
    def name(self) -> str:
        """How rows name it; no `;`. Its column is `<name>_rank`."""

    def propose(self, history: AsOf, knowledge: Knowledge) -> Proposals:
        """Items for each row, from events before the row's time and what is known of the shop.

        Invariants: a row's proposals depend on no other row, nor on events at or after the row's time.
        """


class OwnItems(BaseConfig):
    """Items the person took up before, the strongest decayed weight first."""

    kind: Literal["own_items"] = "own_items"

    limit: int = Field(default=40, ge=1)
    """Items per person at most."""

    interactions: InteractionConfig = InteractionConfig(
        weights={"view": 0.2, "cart_add": 0.5, "purchase": 1.0}
    )
    """How much one event counts."""

    @property
    def name(self) -> str:
        return "own"

    def propose(self, history: AsOf, knowledge: Knowledge) -> Proposals:
        """See `CandidateSource`."""
        return _best(_touched(history, knowledge, self.interactions), self.limit)


class RecentPopular(BaseConfig):
    """Items with most purchases of all persons lately, the same for everybody."""

    kind: Literal["recent_popular"] = "recent_popular"

    limit: int = Field(default=20, ge=1)
    """Items."""

    window_days: Literal[1, 3, 7, 14, 30, 90] = 7
    """Purchases of so many days count."""

    @property
    def name(self) -> str:
        return "popular"

    def propose(self, history: AsOf, knowledge: Knowledge) -> Proposals:
        """See `CandidateSource`."""
        counts = _counts_of(knowledge, WINDOW_DAYS.index(self.window_days))
        order = np.argsort(-counts, kind="stable")[: self.limit]
        items = order[counts[order] > 0]
        n = len(history)
        return Proposals(
            np.repeat(np.arange(n, dtype=np.int64), len(items)),
            np.tile(items.astype(np.int64), n),
            np.tile(np.arange(1, len(items) + 1, dtype=np.int64), n),
        )


class BoughtTogether(BaseConfig):
    """Items that go together with the last ones the person took up."""

    kind: Literal["bought_together"] = "bought_together"

    limit: int = Field(default=20, ge=1)
    """Items per person at most."""

    last_days: float = Field(default=28, gt=0)
    """Only items taken up in so many days count."""

    interactions: InteractionConfig = InteractionConfig(
        weights={"view": 0.2, "cart_add": 0.5, "purchase": 1.0}, half_life_days=14
    )
    """How much one event counts."""

    @property
    def name(self) -> str:
        return "together"

    def propose(self, history: AsOf, knowledge: Knowledge) -> Proposals:
        """See `CandidateSource`."""
        if knowledge.similarity is None:
            nothing = np.zeros(0, np.int64)
            return Proposals(nothing, nothing, nothing)
        touched = _touched(history, knowledge, self.interactions, last_days=self.last_days)
        return _best((touched @ knowledge.similarity).tocsr(), self.limit)


SourceConfig = Annotated[OwnItems | RecentPopular | BoughtTogether, Field(discriminator="kind")]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Every candidate once, with its rank in each source.

    Attributes:
        row: shape (n,), row of the history, never falling.
        item: shape (n,), item code in the knowledge, rising within a row.
        ranks: per source name shape (n,), float32, NaN = the source did not propose it.
    """

    row: IntArray
    item: IntArray
    ranks: dict[str, npt.NDArray[np.float32]]

    def source_names(self) -> pa.Array:
        """The sources of each candidate, joined by `;` in the order of `ranks`."""
        present = np.array([~np.isnan(rank) for rank in self.ranks.values()])
        code = (present.T @ (1 << np.arange(len(self.ranks)))).astype(np.int64)
        names = list(self.ranks)
        texts = [
            SEPARATOR.join(name for place, name in enumerate(names) if subset >> place & 1)
            for subset in range(1 << len(names))
        ]
        return pa.array(texts, pa.string()).take(pa.array(code))


def gather_candidates(
    history: AsOf, knowledge: Knowledge, sources: Sequence[CandidateSource]
) -> Candidates:
    """The candidates of all sources; several sources of one item make one candidate."""
    proposals = [source.propose(history, knowledge) for source in sources]
    width = max(knowledge.n_items, 1)
    keys = [part.row * width + part.item for part in proposals]
    every = np.unique(np.concatenate([np.zeros(0, np.int64), *keys]))
    ranks = {}
    for source, key, part in zip(sources, keys, proposals, strict=True):
        rank = np.full(len(every), np.nan, np.float32)
        rank[np.searchsorted(every, key)] = part.rank
        ranks[source.name] = rank
    return Candidates(every // width, every % width, ranks)


def _counts_of(knowledge: Knowledge, window: int) -> FloatArray:
    if knowledge.counts is None:
        return np.zeros(knowledge.n_items)
    counts: FloatArray = knowledge.counts.events[:, _BUY, window]
    return counts


def _touched(
    history: AsOf,
    knowledge: Knowledge,
    config: InteractionConfig,
    *,
    last_days: float = float("inf"),
) -> sp.csr_matrix:
    """Decayed weight of each (row, item of the knowledge)."""
    columns = history.histories
    codes = ShopCodes.of(columns, knowledge).item
    row, position = history.events()
    weight = event_weights(config)[columns.event[position]]
    item = np.append(codes, NO_CODE)[columns.item[position]]
    age = history.age_days(row, position)
    keep = (weight > 0) & (item != NO_CODE) & (age <= last_days)
    decayed = weight[keep] * np.exp2(-age[keep] / config.half_life_days)
    shape = (len(history), knowledge.n_items)
    return sp.coo_matrix((decayed, (row[keep], item[keep])), shape=shape).tocsr()


def _best(weights: sp.csr_matrix, limit: int) -> Proposals:
    """The items of each row with the highest weight; ties by item code. Weights are rounded, so that they tie anywhere."""
    cells = weights.tocoo()
    order = np.lexsort((cells.col, -np.round(cells.data, 9), cells.row))
    row, item = cells.row[order].astype(np.int64), cells.col[order].astype(np.int64)
    first = np.searchsorted(row, np.arange(weights.shape[0]))
    rank = np.arange(len(row)) - first[row] + 1
    keep = rank <= limit
    return Proposals(row[keep], item[keep], rank[keep])
