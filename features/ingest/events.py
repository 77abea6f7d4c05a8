"""Raw event rows become events or rejects: every row ends in exactly one of the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.engines.base import Engine
from features.ingest.rejects import (
    count_reasons,
    require_balance,
    require_quality,
    sorted_rejects,
)
from features.tables import EVENT_NAMES, EVENTS, REJECTS

_ITEM_EVENTS = ("select", "view", "cart_add", "cart_remove", "purchase")
_IDENTITY_COLUMNS = frozenset({c.USER_ID, c.ANONYMOUS_ID, c.PERSON_ID})


@dataclass(frozen=True)
class RejectRule:
    """One reason to refuse a row.

    Attributes:
        reason_code: what the rejects table records.
        column: the column shown as the raw value, masked when it identifies a person.
        breaks: true where a row breaks the rule.
    """

    reason_code: str
    column: str
    breaks: Callable[[Any], Any]


ROW_RULES: Final = (
    RejectRule("unknown_event", c.EVENT_NAME, lambda row: ~row[c.EVENT_NAME].isin(EVENT_NAMES)),
    RejectRule("bad_timestamp", c.TIME, lambda row: row[c.TIME].isnull()),
    RejectRule(
        "no_identity",
        c.USER_ID,
        lambda row: row[c.USER_ID].isnull() & row[c.ANONYMOUS_ID].isnull(),
    ),
    RejectRule(
        "missing_item_id",
        c.ITEM_ID,
        lambda row: row[c.EVENT_NAME].isin(_ITEM_EVENTS) & row[c.ITEM_ID].isnull(),
    ),
    RejectRule("bad_quantity", c.QUANTITY, lambda row: row[c.QUANTITY] <= 0),
    RejectRule("bad_value", c.VALUE, lambda row: row[c.VALUE] < 0),
    RejectRule("missing_event_id", c.EVENT_ID, lambda row: row[c.EVENT_ID].isnull()),
)
"""Rules that a row breaks by itself."""

RULES: Final = (
    *ROW_RULES,
    RejectRule("duplicate_event", c.EVENT_ID, lambda row: row.repeat_ > 0),
)
"""In order: a row is refused for the first rule it breaks."""


@dataclass(frozen=True)
class CleanEvents:
    """Rows in = events + rejects, always.

    Attributes:
        events: checked events, sorted by time, then event id.
        rejects: refused rows with reason, source and line.
        rows_in: number of raw rows.
    """

    events: pa.Table
    rejects: pa.Table
    rows_in: int

    @property
    def counts(self) -> Mapping[str, int]:
        """Rejected rows per reason code."""
        return count_reasons(self.rejects)


def clean_events(raw_: Any, engine: Engine, *, max_reject_rate: float) -> CleanEvents:
    """Split raw rows into events and rejects.

    Args:
        raw_: unchecked Ibis table with the columns of the events contract; `time` without zone is UTC.
        engine: where the expressions run.
        max_reject_rate: share of rejects above which the run stops, in [0, 1].

    Raises:
        GateError: more rows are refused than `max_reject_rate` allows; the message names the commonest reason.
    """
    judged = engine.collect(judge(_with_repeats(raw_), RULES))
    refused = pc.is_valid(judged[c.REASON_CODE])
    accepted = judged.filter(pc.invert(refused)).select(EVENTS.schema.names)
    rejects = judged.filter(refused).select(REJECTS.schema.names)
    result = CleanEvents(
        events=accepted.sort_by([(c.TIME, "ascending"), (c.EVENT_ID, "ascending")]),
        rejects=sorted_rejects(rejects),
        rows_in=engine.collect(raw_.agg(rows=raw_.count()))["rows"][0].as_py(),
    )
    require_balance(result.rows_in, result.events.num_rows + result.rejects.num_rows)
    require_quality(result.rejects, result.rows_in, max_reject_rate=max_reject_rate)
    return result


def judge(raw: Any, rules: Sequence[RejectRule], *, found: Sequence[tuple[Any, Any]] = ()) -> Any:
    """Rows with the reason code of the first rule they break, null = none, and the value to show.

    Args:
        raw: unchecked Ibis table.
        rules: in order.
        found: (condition, reason code) pairs that come before the rules; they show no value.
    """
    broken = [(rule.breaks(raw).fill_null(False), rule) for rule in rules]
    nothing = ibis.null("string")
    reason = ibis.cases(*found, *[(breaks, rule.reason_code) for breaks, rule in broken])
    shown = ibis.cases(
        *[(condition, nothing) for condition, _ in found],
        *[(breaks, _shown(raw, rule.column)) for breaks, rule in broken],
    )
    return raw.mutate(**{c.REASON_CODE: reason, c.RAW_VALUE: shown})


def _with_repeats(raw: Any) -> Any:
    """Rows numbered among those of their event id, from 0. Most ids occur once, so few rows have to be sorted."""
    ids = raw.filter(raw[c.EVENT_ID].notnull()).group_by(c.EVENT_ID).agg(rows_=ibis._.count())
    repeated = ids.filter(ids.rows_ > 1)
    first = ibis.window(group_by=c.EVENT_ID, order_by=[c.SOURCE, c.LINE])
    several = raw.semi_join(repeated, c.EVENT_ID).mutate(repeat_=ibis.row_number().over(first))
    once = raw.anti_join(repeated, c.EVENT_ID).mutate(repeat_=ibis.literal(0, "int64"))
    return several.union(once)


def _shown(raw: Any, column: str) -> Any:
    if column in _IDENTITY_COLUMNS:
        return ibis.literal("(masked)")
    return ibis.literal(f"{column}=") + raw[column].cast("string").fill_null("null")
