"""The other direction: for an item, the persons on whose lists it stands, those it suits best first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from features import columns as c
from features.arrays import TextArray
from features.contracts import check
from features.tables import ITEM_AUDIENCES, LIST_LEVELS
from serving.candidates import ChosenItems
from serving.lists.shelf import Shelf

NOT_IN_CATALOG = "item_not_in_catalog"
NOBODY = "on_no_list"
ON_LIST = "on_list"


class Audience:
    """Persons for items, gathered from lists part by part; lists are made under the same rules in both directions.

    Scores of different persons cannot be compared, so persons are ordered by the item's place in their list, then by its
    score relative to the best of the list, then by person. A place the model gave no score does not count: fillers and
    pins suit nobody in particular.
    """

    def __init__(self, items: tuple[str, ...], shelf: Shelf, *, top: int) -> None:
        """Seek at most `top` persons for each of these items."""
        self._items = tuple(dict.fromkeys(items))
        self._codes = shelf.codes(np.array(self._items, dtype=object))
        self._top = top
        self._best: dict[str, list[tuple[int, float, str, float, str]]] = {
            item: [] for item in self._items
        }

    @property
    def missing(self) -> tuple[str, ...]:
        """Items that the shelf does not hold."""
        return tuple(i for i, code in zip(self._items, self._codes, strict=True) if code < 0)

    def add(self, persons: TextArray, chosen: ChosenItems) -> None:
        """Take in the lists of some persons."""
        best = np.nanmax(np.where(np.isnan(chosen.score), -np.inf, chosen.score), axis=1)
        for item, code in zip(self._items, self._codes, strict=True):
            row, place = np.nonzero((chosen.items == code) & (code >= 0) & ~np.isnan(chosen.score))
            score = chosen.score[row, place]
            relative = score / best[row]
            order = np.lexsort((persons[row].astype(str), -relative, place))[: self._top]
            found = [
                (
                    int(place[n]),
                    -float(relative[n]),
                    str(persons[row[n]]),
                    float(score[n]),
                    LIST_LEVELS[chosen.level[row[n], place[n]]],
                )
                for n in order
            ]
            self._best[item] = sorted([*self._best[item], *found])[: self._top]

    def table(self, *, recommender: str, version: str) -> pa.Table:
        """An item-audiences table, items in the order asked for."""
        rows: list[dict[str, Any]] = []
        missing = self.missing
        for item in self._items:
            told = {c.ITEM_ID: item, c.RECOMMENDER: recommender, c.RECOMMENDER_VERSION: version}
            if not self._best[item]:
                why = NOT_IN_CATALOG if item in missing else NOBODY
                rows.append({**told, c.RANK: 1, c.REASON_CODES: why})
            for rank, (place, _, person, score, level) in enumerate(self._best[item], start=1):
                rows.append(
                    {
                        **told,
                        c.RANK: rank,
                        c.PERSON_ID: person,
                        c.LIST_PLACE: place + 1,
                        c.SCORE: score,
                        c.LEVEL: level,
                        c.REASON_CODES: f"{ON_LIST};{level}",
                    }
                )
        table = pa.Table.from_pylist(rows, schema=ITEM_AUDIENCES.schema)
        return check(table, ITEM_AUDIENCES, source="item audiences")
