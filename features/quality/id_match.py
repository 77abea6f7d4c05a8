"""The match of event ids with the feed as checks: the gate, and the day on which the rate fell."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.catalog.rules.rule import MARKETING_OPERATIONS, MERCHANDISING
from features.config import BaseConfig
from features.files.rejects import shown
from features.ingest.item_ids import ItemIdConfig, MatchReport, match_items, paste
from features.quality.check import Detail, Owner, QualityCheck, not_available
from features.quality.observed import Observed, day_number, to_series
from features.quality.shifts import find_shifts

ITEM_ID_MATCH: Final = "item_id_match"
ITEM_ID_DRIFT: Final = "item_id_drift"

_TITLES: Final = {
    c.EVENT_NAME: "Match by event type",
    c.SOURCE: "Match by source",
    c.DAY: "Match by day",
}


class IdMatchConfig(BaseConfig):
    """Who acts on ids that do not match, and which fall of the rate is an alert."""

    owner: Owner = MERCHANDISING
    """Who acts when too few ids are in the feed."""

    drift_owner: Owner = MARKETING_OPERATIONS
    """Who acts when the rate falls from one day to the next."""

    max_fall: float = Field(default=0.05, gt=0, le=1)
    """Fall of the daily rate below its trailing median that is an alert."""

    trailing_days: int = Field(default=28, ge=1)
    """Days with events before a day that say what is usual."""

    min_days: int = Field(default=7, ge=1)
    """With fewer days nothing is usual yet."""


def check_id_match(
    observed: Observed, items: pa.Table | None, config: IdMatchConfig, *, item_ids: ItemIdConfig
) -> tuple[QualityCheck, QualityCheck]:
    """`item_id_match`, a gate, and `item_id_drift`.

    Args:
        observed: events.
        items: feed items, with `item_id` and `item_group_id`; None = there is no feed.
        config: owners and what a fall is.
        item_ids: the repair in force and the least rate.

    Invariants: unchanged by the order of events.
    """
    report = None if items is None else match_items(observed.events, items, item_ids)
    if report is None or not _counts(report, "all")["all"][0]:
        words = "there is no feed" if report is None else "no event carries an item"
        return (
            not_available(ITEM_ID_MATCH, config.owner, words, "Read a feed beside the events."),
            not_available(ITEM_ID_DRIFT, config.drift_owner, words),
        )
    return _gate(report, config, item_ids), _drift(report, observed, config)


def _gate(report: MatchReport, config: IdMatchConfig, item_ids: ItemIdConfig) -> QualityCheck:
    failed = report.rate < item_ids.min_match_rate
    events, matched = _counts(report, "all")["all"]
    lost = ", ".join(f"'{shown(name)}' ({n:,})" for name, n in report.unmatched[:3])
    words = f"{matched:,} of {events:,} item events ({report.rate:.1%}) have an id of the feed"
    advice = "Compare the ids the tag sends with those of the feed." if failed else ""
    if report.repair is not None:
        advice = (
            f"With this in the config {report.repaired_rate:.1%} match:\n{paste(report.repair)}"
        )
    by_level = (
        Detail(title, _rows(report, level)) for level, title in _TITLES.items() if level != c.DAY
    )
    return QualityCheck(
        ITEM_ID_MATCH,
        config.owner,
        "fail" if failed else "pass",
        words + (f"; unmatched: {lost}" if lost else ""),
        advice,
        figure=report.rate,
        threshold=item_ids.min_match_rate,
        details=(
            Detail(
                "Unmatched ids",
                tuple({c.ITEM_ID: shown(name), c.EVENTS: n} for name, n in report.unmatched),
            ),
            *by_level,
        ),
    )


def _drift(report: MatchReport, observed: Observed, config: IdMatchConfig) -> QualityCheck:
    daily = sorted(_counts(report, c.DAY).items())
    days = [day for day, _ in daily]
    totals, matched = np.array([counts for _, counts in daily], np.int64).T
    falls = find_shifts(
        matched,
        totals,
        periods=config.trailing_days,
        min_periods=config.min_days,
        tolerance=config.max_fall,
    )
    shares = {day_number(day): found / events for day, (events, found) in daily}
    if len(days) <= config.min_days:
        return not_available(
            ITEM_ID_DRIFT,
            config.drift_owner,
            f"{len(days)} days with item events; a usual level needs {config.min_days} and one more",
        )
    falls = [fall for fall in falls if day_number(days[fall.last]) >= observed.first_judged]
    worst = max(falls, key=lambda fall: fall.usual - fall.share, default=None)
    return QualityCheck(
        ITEM_ID_DRIFT,
        config.drift_owner,
        "pass" if worst is None else "alert",
        "the daily match rate keeps its level"
        if worst is None
        else f"the match rate fell from {worst.usual:.1%} to {worst.share:.1%} on {days[worst.first]}"
        f"{f'; {len(falls)} falls in all' if len(falls) > 1 else ''}",
        ""
        if worst is None
        else "Look at the releases of that day: a tag or the feed changed its ids.",
        figure=0.0 if worst is None else worst.usual - worst.share,
        threshold=config.max_fall,
        details=(
            Detail(
                "Falls",
                tuple(
                    {
                        "from": days[fall.first],
                        "to": days[fall.last],
                        "usual_share": fall.usual,
                        "share": fall.share,
                    }
                    for fall in falls
                ),
            ),
            Detail(_TITLES[c.DAY], _rows(report, c.DAY)),
        ),
        series=to_series("item events in the feed", shares),
    )


def _counts(report: MatchReport, level: str) -> dict[str, tuple[int, int]]:
    """Events and matched of each value of a level."""
    rows = report.rates.to_pylist()
    return {row["value"]: (row["events"], row["matched"]) for row in rows if row["level"] == level}


def _rows(report: MatchReport, level: str) -> tuple[dict[str, object], ...]:
    return tuple(
        {level: shown(value), c.EVENTS: events, "matched": matched, "share": matched / events}
        for value, (events, matched) in _counts(report, level).items()
    )
