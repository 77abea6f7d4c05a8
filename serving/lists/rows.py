"""Chosen items as rows of the recommendations table, each with its reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, TextArray
from features.histories.histories import NO_CODE
from features.tables import EVENT_NAMES, LIST_LEVELS, RECO_KINDS, RECOMMENDATIONS, TIMESTAMP
from serving.candidates import ChosenItems
from serving.lists.reasons import reason_codes, source_events


def list_rows(
    chosen: ChosenItems, persons: TextArray, *, filters: str, recommender: str, version: str
) -> pa.Table:
    """Rows of the recommendations table, by row, then by rank; a row without items gives one without item.

    Args:
        chosen: lists of n rows.
        persons: person of each row, shape (n,).
        filters: rules that every item passed, joined by semicolons.
        recommender: kind of the model.
        version: of the model.
    """
    shown = chosen.items != NO_CODE
    shown[:, 0] = True
    row, column = np.nonzero(shown)
    at = (row, column)
    item, shelf, histories = chosen.items[at], chosen.past.shelf, chosen.past.history.histories
    has_item = item != NO_CODE
    source = source_events(chosen.past, chosen.items, chosen.origin, chosen.level).at(at)
    known = source.position != NO_CODE
    cold = has_item & (chosen.past.single_event()[row] | ~np.append(shelf.touched, True)[item])
    n_caps = len(chosen.merchandising.caps)
    gave_way = [(chosen.relaxed >= n_caps - cap)[row] for cap in range(n_caps)]
    reasons = reason_codes(
        chosen.level[at],
        source,
        boosted=(chosen.score_after != chosen.score)[at] & ~np.isnan(chosen.score_after[at]),
        cold=cold,
        by_default=chosen.near.by_default[row],
        gave_way=gave_way,
        caps=chosen.merchandising.caps,
    )
    return pa.table(
        {
            c.PERSON_ID: pa.array(persons[row], pa.string()),
            c.RANK: column + 1,
            c.ITEM_ID: _texts(shelf.item_ids, item),
            c.SCORE: _numbers(chosen.score[at]),
            c.SCORE_AFTER: _numbers(chosen.score_after[at]),
            c.LEVEL: _names(LIST_LEVELS, chosen.level[at]),
            c.RECO_KIND: _names(RECO_KINDS, chosen.kind[at]),
            c.COLD_START: cold,
            c.SOURCE_ITEM_ID: _texts(shelf.item_ids, source.item),
            c.SOURCE_EVENT: _event_names(histories.event, source.position, known),
            c.SOURCE_TIME: pa.array(
                np.append(histories.time, 0)[source.position], pa.int64(), mask=~known
            ).cast(TIMESTAMP),
            c.FILTERS_PASSED: pa.array(np.where(has_item, filters, ""), pa.string()),
            c.RELEVANCE_LOST: chosen.relevance_lost[row],
            c.GAIN_LOST: chosen.gain_lost[row],
            c.RECOMMENDER: _constant(recommender, len(row)),
            c.RECOMMENDER_VERSION: _constant(version, len(row)),
            c.REASON_CODES: reasons,
        },
        schema=RECOMMENDATIONS.schema,
    )


def _texts(texts: TextArray, code: npt.NDArray[np.integer]) -> pa.Array:
    """The text of each code, null for -1."""
    return pa.array(texts[code], pa.string(), mask=code == NO_CODE)


def _numbers(values: npt.NDArray[np.float64]) -> pa.Array:
    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _names(names: tuple[str, ...], codes: npt.NDArray[np.int8]) -> pa.Array:
    return pa.array(np.array(names, dtype=object)[codes], pa.string())


def _event_names(
    event: npt.NDArray[np.int8], position: npt.NDArray[np.int64], known: BoolArray
) -> pa.Array:
    codes = np.append(event, np.int8(0))[position]
    return pa.array(np.array(EVENT_NAMES, dtype=object)[codes], pa.string(), mask=~known)


def _constant(text: str, length: int) -> Any:
    return pa.array([text] * length, pa.string())
