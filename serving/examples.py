"""Example persons for the report: what they bought before, what was decided, which items were chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from features import columns as c
from features.assignment import uniform
from features.histories.histories import AsOf, Histories, microseconds
from serving.decisions import (
    CONTACTED,
    EXPLORED,
    HELD_OUT,
    NOT_WORTH_IT,
    OVER_BUDGET,
    POLICY_HELD_OUT,
)
from training.reports.page import money, percent, points

_SALT: Final = "report sample"
_HISTORY_LINES: Final = 6
_SAMPLE: Final = {
    CONTACTED: 2,
    HELD_OUT: 1,
    POLICY_HELD_OUT: 1,
    EXPLORED: 1,
    NOT_WORTH_IT: 1,
    OVER_BUDGET: 1,
    "recent_purchaser": 1,
    "frequency_cap": 1,
    "no_consent": 1,
}
"""How many persons of each verdict are shown."""

_WORDS: Final = {
    CONTACTED: "contacted",
    HELD_OUT: "held out at random",
    POLICY_HELD_OUT: "held out at random this time",
    EXPLORED: "contacted by lot",
    NOT_WORTH_IT: "not worth the cost",
    OVER_BUDGET: "budget spent",
    "recent_purchaser": "bought too recently",
    "frequency_cap": "frequency cap reached",
    "too_early": "too soon after the visit",
    "too_late": "too long after the visit",
    "no_consent": "no consent",
    "no_history": "no history",
}


@dataclass(frozen=True)
class Example:
    """One person, in words.

    Attributes:
        person_id: who.
        contact: whether they are contacted.
        verdict: why, in a few words.
        explanation: what the models expect of them.
        history: what they bought most often.
        chosen: the items chosen, best first.
    """

    person_id: str
    contact: bool
    verdict: str
    explanation: str
    history: tuple[str, ...]
    chosen: tuple[str, ...]


def example_persons(
    decisions: pa.Table, catalog: pa.Table, histories: Histories, *, as_of: datetime, currency: str
) -> list[Example]:
    """A few persons of each verdict, the first in the order of a random hash: picked by rule, not by looks.

    Args:
        decisions: a run of the nightly job.
        catalog: the snapshot it used.
        histories: every event; only those before `as_of` are shown.
        as_of: moment of the decisions.
        currency: of prices and values.
    """
    title_of = dict(zip(catalog[c.ITEM_ID].to_pylist(), catalog[c.TITLE].to_pylist(), strict=True))
    table = decisions.to_pandas()
    found = []
    for person_id in _sampled(table):
        rows = table[table[c.PERSON_ID] == person_id].sort_values(c.RANK).to_dict("records")
        history = histories.as_of(histories.person_rows(pa.array([person_id])), microseconds(as_of))
        found.append(_example(rows, _most_bought(history, title_of), currency))
    return found


def _sampled(table: pd.DataFrame) -> list[str]:
    first = table[table[c.RANK] == 1]
    draw = uniform(first[c.PERSON_ID], salt=_SALT)
    ordered = first.iloc[np.argsort(draw, kind="stable")]
    verdict = ordered[c.REASON_CODES].map(_verdict)
    return [
        str(person)
        for reason, count in _SAMPLE.items()
        for person in ordered.loc[verdict == reason, c.PERSON_ID].head(count)
    ]


def _verdict(reason_codes: str) -> str:
    return reason_codes.split(";", maxsplit=1)[0]


def _example(rows: list[dict[Any, Any]], history: tuple[str, ...], currency: str) -> Example:
    first = rows[0]
    reason = _verdict(first[c.REASON_CODES])
    return Example(
        person_id=first[c.PERSON_ID],
        contact=bool(first[c.CONTACT]),
        verdict=_WORDS.get(reason, reason),
        explanation=(
            f"Stage {first[c.STAGE].replace('_', ' ')}. Likely to buy within a week anyway: "
            f"{percent(first[c.BASE_OUTCOME], 0)}; a contact is expected to change that by "
            f"{points(first[c.UPLIFT], 1)} points, worth {money(first[c.EXPECTED_VALUE], currency)} of margin."
        ),
        history=history,
        chosen=tuple(_item(row, currency) for row in rows if pd.notna(row[c.ITEM_ID])),
    )


def _item(row: Mapping[Any, Any], currency: str) -> str:
    kind = row[c.RECO_KIND].replace("_", " ")
    level = row[c.LEVEL].replace("_", " ")
    how = kind if level == "exact" else f"{kind}, {level}"
    return f"{row[c.TITLE]}, {money(row[c.PRICE], currency)}, item {row[c.ITEM_ID]}: {how}"


def _most_bought(history: AsOf, title_of: Mapping[str, str]) -> tuple[str, ...]:
    """The items bought most often, with how often and how long ago."""
    row, position = history.events()
    columns = history.histories
    items, inverse, times = np.unique(
        columns.item[position], return_inverse=True, return_counts=True
    )
    youngest = np.full(len(items), np.inf)
    np.minimum.at(youngest, inverse, history.age_days(row, position))
    order = np.lexsort((items, youngest, -times))[:_HISTORY_LINES]
    return tuple(
        f"{title_of.get(columns.item_ids[items[i]], 'not in the catalog')}, item {columns.item_ids[items[i]]}: "
        f"bought {times[i]} times, last {youngest[i]:.0f} days before"
        for i in order
    )
