"""The feed as checks: rows that are no items, its age, what vanished, what visits found, listings that are over."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.delivery import Delivery
from features.catalog.error_history import NO_ITEM
from features.catalog.page_checks import MismatchRate, PageChecks
from features.files.rejects import shown
from features.histories.histories import MICROSECONDS_PER_DAY
from features.quality.check import Detail, Point, QualityCheck, not_available
from features.quality.observed import to_series

FEED_ERRORS: Final = "feed_errors"
FEED_FRESHNESS: Final = "feed_freshness"
FEED_ITEMS_REMOVED: Final = "feed_items_removed"
LANDING_PAGES: Final = "landing_pages"
LISTINGS_ENDED: Final = "listings_ended"

_LINES: Final = 6
_SHOWN_ITEMS: Final = 50
_NO_ITEM_LINE: Final = "rows that are no items"


def check_feed(delivery: Delivery) -> tuple[QualityCheck, ...]:
    """`feed_errors`, `feed_freshness`, `feed_items_removed`, one check per kind of page mismatch, `listings_ended`.

    The owners stand in the config of the feed. A feed that is no feed at all has stopped the run before.

    Args:
        delivery: the feed, compared with the one before.
    """
    return (
        _errors(delivery),
        _freshness(delivery),
        _removed(delivery),
        *_pages(delivery),
        _listings(delivery),
    )


def error_series(history: pa.Table) -> tuple[Point, ...]:
    """Share of the feed's rows with each issue, ingestion by ingestion; a day without ingestion is a gap.

    Of several ingestions of a day the last counts. The rows that are no items come first, then the five codes with the
    most rows over all days.

    Args:
        history: the feed-history table.
    """
    by_day: dict[int, dict[str, float]] = {}
    moments: dict[int, int] = {}
    totals: Counter[str] = Counter()
    for row in history.sort_by(c.AS_OF).to_pylist():
        moment = int(pa.scalar(row[c.AS_OF], pa.timestamp("us", "UTC")).cast(pa.int64()).as_py())
        day = moment // MICROSECONDS_PER_DAY
        if moments.get(day) != moment:
            moments[day], by_day[day] = moment, {}
        share = row[c.ROWS_WITH_ISSUE] / row[c.ROWS_OF_FEED] if row[c.ROWS_OF_FEED] else 0.0
        by_day[day][row[c.ISSUE_CODE]] = share
        totals[row[c.ISSUE_CODE]] += row[c.ROWS_WITH_ISSUE]
    commonest = sorted(totals.items() - {(NO_ITEM, totals[NO_ITEM])}, key=lambda e: (-e[1], e[0]))
    codes = [NO_ITEM, *(code for code, _ in commonest[: _LINES - 1])]
    return tuple(
        point
        for code in codes
        for point in to_series(
            _NO_ITEM_LINE if code == NO_ITEM else code.replace("_", " "),
            {day: found.get(code, 0.0) for day, found in by_day.items()},
        )
    )


def _errors(delivery: Delivery) -> QualityCheck:
    validation, rate = delivery.validation, delivery.validation.error_rate
    lost = validation.disapproved + validation.rejects.num_rows
    kinds = _kinds(delivery)
    words = f"{lost:,} of {validation.rows:,} rows ({rate:.1%}) of the feed are no items"
    if kinds:
        named = ", ".join(f"{row[c.ISSUE_CODE]} ({row['rows']:,})" for row in kinds[:3])
        words += f"; commonest issues: {named}"
    return QualityCheck(
        FEED_ERRORS,
        delivery.config.owner,
        "warn" if lost else "pass",
        words,
        "Mend the feed, or map its values under 'feed.reader.spellings'." if lost else "",
        figure=rate,
        threshold=delivery.config.max_error_rate,
        details=(Detail("Issues of the feed", tuple(kinds)),),
        series=error_series(delivery.history),
    )


def _kinds(delivery: Delivery) -> list[dict[str, Any]]:
    """One row per issue code, errors first: how many rows, whose it is, an example."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    refused = [
        {**row, c.ISSUE_CODE: row[c.REASON_CODE], c.SEVERITY: "rejected", c.OWNER: delivery.config.owner}
        for row in delivery.validation.rejects.to_pylist()
    ]  # fmt: skip
    for row in [*refused, *delivery.validation.issues.to_pylist()]:
        key = (row[c.ISSUE_CODE], row[c.SEVERITY])
        kind = found.setdefault(
            key,
            {
                c.ISSUE_CODE: row[c.ISSUE_CODE],
                c.SEVERITY: row[c.SEVERITY],
                "rows": 0,
                c.OWNER: row[c.OWNER],
                "example": row[c.RAW_VALUE],
                c.LIMIT: row.get(c.LIMIT),
            },
        )
        kind["rows"] += 1
    order = ("rejected", "error", "warning", "advice")
    return sorted(
        found.values(),
        key=lambda kind: (order.index(kind[c.SEVERITY]), -kind["rows"], kind[c.ISSUE_CODE]),
    )


def _freshness(delivery: Delivery) -> QualityCheck:
    config, found = delivery.config.freshness, delivery.freshness
    next_step = ""
    if found.refused:
        next_step = "Deliver a fresh feed, or set 'feed.freshness.when_stale: hide_prices'."
    elif found.hide_prices:
        next_step = (
            "Show no prices until a fresh feed comes, or state its age under 'feed.generated_at'."
        )
    return QualityCheck(
        FEED_FRESHNESS,
        config.owner,
        "fail" if found.refused else "alert" if found.stale else "pass",
        f"{found.words}; it is used for at most {config.max_age_hours:g} hours",
        next_step,
        figure=found.age_hours,
        threshold=config.max_age_hours,
        unit="hours",
    )


def _removed(delivery: Delivery) -> QualityCheck:
    diff, limit = delivery.diff, delivery.config.max_removed_share
    if diff.before is None:
        return not_available(
            FEED_ITEMS_REMOVED, delivery.config.owner, "there is no earlier feed to compare with"
        )
    counts, gone = diff.counts(), diff.items("removed")
    failed = diff.removed_share > limit
    words = (
        f"{len(gone):,} of {diff.items_before:,} items ({diff.removed_share:.1%}) are gone, "
        f"{counts['added']:,} are new, {counts['changed']:,} changed"
    )
    return QualityCheck(
        FEED_ITEMS_REMOVED,
        delivery.config.owner,
        "fail" if failed else "pass",
        words + (f"; gone: '{shown(gone[0])}' and others" if failed else ""),
        "Ask for the whole feed, or raise 'feed.max_removed_share' if they are meant to go."
        if failed
        else "",
        figure=diff.removed_share,
        threshold=limit,
        details=(
            Detail(
                "Items that are gone", tuple({c.ITEM_ID: shown(n)} for n in gone[:_SHOWN_ITEMS])
            ),
        ),
    )


def _pages(delivery: Delivery) -> tuple[QualityCheck, ...]:
    if delivery.visits is None:
        words = "no visits to landing pages are given"
        return (
            not_available(
                LANDING_PAGES, delivery.config.owner, words, "Name a file under 'feed.pages'."
            ),
        )
    return tuple(_page(rate, delivery.visits.checks) for rate in delivery.visits.checks.rates)


def _page(rate: MismatchRate, checks: PageChecks) -> QualityCheck:
    if not rate.compared:
        words = "no visit told enough to judge"
        too_old = f"{words}; of {checks.stale:,} items the last visit is too old"
        return not_available(rate.check, rate.owner, too_old if checks.stale else words)
    held = checks.suppressions
    chosen = held.filter(pc.equal(held[c.REASON_CODE], rate.check))[c.ITEM_ID]
    items = chosen.slice(0, _SHOWN_ITEMS).to_pylist()
    status = "pass" if not rate.alert else "fail" if rate.gate else "alert"
    return QualityCheck(
        rate.check,
        rate.owner,
        status,  # type: ignore[arg-type]
        f"{rate.failed:,} of {rate.compared:,} visited items ({rate.rate:.1%}, 95 % interval {rate.low:.1%} to "
        f"{rate.high:.1%}); they are in item_suppressions",
        "Correct the page or the feed, whichever is wrong." if rate.alert else "",
        figure=rate.rate,
        threshold=rate.max_rate,
        details=(Detail("Items to hold back", tuple({c.ITEM_ID: shown(name)} for name in items)),),
    )


def _listings(delivery: Delivery) -> QualityCheck:
    listings, owner = delivery.validation.listings, delivery.config.listings_owner
    if not listings.num_rows:
        return not_available(
            LISTINGS_ENDED, owner, "no item of the feed ends, begins, or lies somewhere"
        )
    rows = [
        {c.ITEM_ID: shown(name), c.REASON_CODE: code}
        for code, over in delivery.ended.items()
        for name in listings[c.ITEM_ID].filter(pa.array(over)).to_pylist()
    ]
    items = len({row[c.ITEM_ID] for row in rows})
    return QualityCheck(
        LISTINGS_ENDED,
        owner,
        "warn" if items else "pass",
        f"{items:,} of {listings.num_rows:,} listings are over or have begun; they are in item_suppressions",
        "Take them out of the feed." if items else "",
        figure=items / listings.num_rows,
        details=(Detail("Listings that are over", tuple(rows[:_SHOWN_ITEMS])),),
    )
