"""Is the funnel whole? Stages that fell silent, and orders of people who never looked at anything."""

from __future__ import annotations

from typing import Any, Final

import ibis
import numpy as np
import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.quality.check import (
    ANALYTICS,
    Detail,
    Owner,
    Point,
    QualityCheck,
    not_available,
)
from features.quality.observed import Observed, iso_day, to_series

STAGE_MISSING: Final = "stage_missing"
WITHOUT_VIEW: Final = "purchases_without_view"
FUNNEL: Final = {
    "view": ("view",),
    "cart": ("cart_add",),
    "checkout": ("checkout",),
    "conversion": ("purchase", "lead"),
}
"""The events of each stage, from the shallowest to the deepest."""

MAX_ROWS: Final = 5_000
"""Rows of a table in the report, the newest first."""

_SHOWN: Final = 3


class FunnelConfig(BaseConfig):
    """When a funnel has a hole."""

    owner: Owner = MARKETING_OPERATIONS
    """Who acts when a stage falls silent."""

    view_owner: Owner = ANALYTICS
    """Who acts when orders come from nowhere."""

    trailing_days: int = Field(default=28, ge=2)
    """Days before a day that say what is usual."""

    min_days: int = Field(default=7, ge=1)
    """With fewer days nothing is usual yet."""

    min_usual: float = Field(default=0.0, ge=0)
    """Usual daily events of a stage must be above this: in a small shop a day without a cart means little."""

    max_without_view: float = Field(default=0.2, ge=0, le=1)
    """Share of orders whose person never viewed an item before."""


def check_funnel(observed: Observed, config: FunnelConfig) -> tuple[QualityCheck, QualityCheck]:
    """`stage_missing` and `purchases_without_view`.

    A stage is missing on a whole day without one of its events, where the trailing median of its daily events at that
    source is above `min_usual`, which is zero unless set.

    Invariants: unchanged by the order of events.
    """
    daily = _daily(observed)
    return _check_stages(daily, observed, config), _check_views(observed, config)


def _daily(observed: Observed) -> pa.Table:
    """Events per source, day and stage; `stage` is null for events outside the funnel."""
    events = observed.expression(c.SOURCE, c.DAY, c.EVENT_NAME)
    stage = ibis.cases(
        *((events[c.EVENT_NAME].isin(names), stage) for stage, names in FUNNEL.items()), else_=None
    )
    counted = (
        events.mutate(**{c.STAGE: stage})
        .group_by([c.SOURCE, c.DAY, c.STAGE])
        .aggregate(**{c.EVENTS: lambda t: t.count()})
    )
    return observed.collect(counted, order=[c.SOURCE, c.DAY, c.STAGE])


def _check_stages(daily: pa.Table, observed: Observed, config: FunnelConfig) -> QualityCheck:
    rows = daily.to_pylist()
    seen = [stage for stage in FUNNEL if any(row[c.STAGE] == stage for row in rows)]
    if len(seen) < 2:  # noqa: PLR2004 - one stage is no funnel
        only = f"only {seen[0]} events are" if seen else "no event of the funnel is"
        return not_available(
            STAGE_MISSING,
            config.owner,
            f"{only} recorded: there is no funnel to compare",
            "Send view, cart and checkout events too, if the shop has them.",
        )
    holes = sorted(
        (hole for source in _by_source(rows) for hole in _holes(*source, observed, config)),
        key=lambda hole: (-hole[0], hole[1], list(FUNNEL).index(hole[2])),
    )
    shown = ", ".join(
        f"{stage} of {source} on {iso_day(day)} (usually {usual:g} a day)"
        for day, source, stage, usual in holes[:_SHOWN]
    )
    more = f" and {len(holes) - _SHOWN} more" if len(holes) > _SHOWN else ""
    return QualityCheck(
        STAGE_MISSING,
        config.owner,
        "alert" if holes else "pass",
        f"no event of {shown}{more}"
        if holes
        else f"no day without {', '.join(seen)} where they are usual",
        "Look whether the tag of that stage was removed or renamed on that day." if holes else "",
        figure=len(holes),
        threshold=0,
        unit="count",
        details=(
            Detail(
                "Stages without events, newest first",
                tuple(
                    {c.DAY: iso_day(day), c.SOURCE: source, c.STAGE: stage, "usual": usual}
                    for day, source, stage, usual in holes[:MAX_ROWS]
                ),
            ),
            Detail("Events per day and source, newest first", _table(rows)),
        ),
        series=_series(rows, seen),
    )


def _by_source(rows: list[dict[str, Any]]) -> list[tuple[str, int, dict[str, dict[int, int]]]]:
    """Name, first day, and events per stage and day of each source."""
    first: dict[str, int] = {}
    counts: dict[str, dict[str, dict[int, int]]] = {}
    for row in rows:
        source, day = row[c.SOURCE], row[c.DAY]
        first[source] = min(first.get(source, day), day)
        if row[c.STAGE] is not None:
            counts.setdefault(source, {}).setdefault(row[c.STAGE], {})[day] = row[c.EVENTS]
    return [(source, first[source], stages) for source, stages in counts.items()]


def _holes(
    source: str,
    first: int,
    stages: dict[str, dict[int, int]],
    observed: Observed,
    config: FunnelConfig,
) -> list[tuple[int, str, str, float]]:
    """Day, source, stage and usual events of each day on which a stage fell silent."""
    found = []
    for stage, by_day in stages.items():
        # a stage that is silent for as long as the trailing days is no longer usual
        last = min(observed.last_day, max(by_day) + config.trailing_days)
        if last < first:
            continue
        events = np.zeros(last - first + 1, np.int64)
        inside = {day: n for day, n in by_day.items() if day <= last}
        events[np.array(list(inside), np.int64) - first] = list(inside.values())
        for position in np.flatnonzero(_silent(events, config)).tolist():
            day = first + position
            if day >= observed.first_judged:
                before = events[max(0, position - config.trailing_days) : position]
                usual = float(np.median(before))
                if usual > config.min_usual:
                    found.append((day, source, stage, usual))
    return found


def _silent(events: IntArray, config: FunnelConfig) -> BoolArray:
    """Days without events whose trailing median is above zero, shape (n_days,).

    The median of n counts is above zero exactly if at least half of them are.
    """
    with_some = np.concatenate([[0], np.cumsum(events > 0)])
    position = np.arange(len(events))
    start = np.maximum(0, position - config.trailing_days)
    n = position - start
    usual = (2 * (with_some[position] - with_some[start]) >= n) & (n >= config.min_days)
    silent: BoolArray = (events == 0) & usual
    return silent


def _table(rows: list[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    table: dict[tuple[int, str], dict[str, Any]] = {}
    for row in rows:
        key = (-row[c.DAY], row[c.SOURCE])
        entry = table.setdefault(
            key, {c.DAY: iso_day(row[c.DAY]), c.SOURCE: row[c.SOURCE], **dict.fromkeys(FUNNEL, 0)}
        )
        if row[c.STAGE] is not None:
            entry[row[c.STAGE]] += row[c.EVENTS]
    return tuple(table[key] for key in sorted(table)[:MAX_ROWS])


def _series(rows: list[dict[str, Any]], stages: list[str]) -> tuple[Point, ...]:
    """Daily events of each stage, all sources; a day without any event at all is a gap."""
    counts: dict[int, dict[str, int]] = {}
    for row in rows:
        of_day = counts.setdefault(row[c.DAY], dict.fromkeys(stages, 0))
        if row[c.STAGE] is not None:
            of_day[row[c.STAGE]] += row[c.EVENTS]
    return tuple(
        point
        for stage in stages
        for point in to_series(stage, {day: of_day[stage] for day, of_day in counts.items()})
    )


def _check_views(observed: Observed, config: FunnelConfig) -> QualityCheck:
    events = observed.expression(
        c.PERSON_ID, c.EVENT_NAME, c.TRANSACTION_ID, c.EVENT_ID, c.TIME, c.SOURCE
    )
    # an order of several lines counts once; the earliest line is its moment
    orders = (
        events.filter(events[c.EVENT_NAME] == "purchase")
        .mutate(order=lambda t: ibis.coalesce(t[c.TRANSACTION_ID], t[c.EVENT_ID]))
        .group_by([c.PERSON_ID, "order"])
        .aggregate(ordered=lambda t: t[c.TIME].min(), **{c.SOURCE: lambda t: t[c.SOURCE].min()})
    )
    views = (
        events.filter(events[c.EVENT_NAME] == "view")
        .group_by(c.PERSON_ID)
        .aggregate(viewed=lambda t: t[c.TIME].min())
    )
    joined = orders.left_join(views, c.PERSON_ID)
    seen = (joined["viewed"] < joined["ordered"]).fill_null(False)
    by_source = observed.collect(
        joined.mutate(seen=seen)
        .group_by(c.SOURCE)
        .aggregate(orders=lambda t: t.count(), unseen=lambda t: (~t["seen"]).sum()),
        order=[c.SOURCE],
    ).to_pylist()
    n_views = observed.engine.collect(views.count().as_table())[0][0].as_py()
    orders_, unseen = (sum(row[name] for row in by_source) for name in ("orders", "unseen"))
    if not orders_ or not n_views:
        missing = "view" if orders_ else "purchase"
        return not_available(
            WITHOUT_VIEW,
            config.view_owner,
            f"no {missing} event is recorded",
            "Send view and purchase events from the same site.",
        )
    share = unseen / orders_
    flagged = share > config.max_without_view
    return QualityCheck(
        WITHOUT_VIEW,
        config.view_owner,
        "warn" if flagged else "pass",
        f"{unseen:,} of {orders_:,} orders ({share:.1%}) are of a person without any earlier view",
        "Look whether the identity is lost on the way to the order, or views are not sent."
        if flagged
        else "",
        figure=share,
        threshold=config.max_without_view,
        details=(Detail("Orders by source", tuple(by_source)),),
    )
