"""How much signal is left: the share of people with a known id and with consent, week by week."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import IntArray
from features.config import BaseConfig
from features.consent import contactable
from features.histories.histories import MICROSECONDS_PER_DAY
from features.quality.check import ANALYTICS, Detail, Owner, QualityCheck, not_available
from features.quality.observed import Observed, iso_day, mondays, to_series
from features.quality.shifts import Shift, find_shifts

USER_IDS: Final = "user_id_coverage"
CONSENT: Final = {
    c.CONSENT_PERSONALISATION: "consent_to_personalisation",
    c.CONSENT_MEASUREMENT: "consent_to_measurement",
}

_DAYS_PER_WEEK: Final = 7
_PERSONS: Final = "persons"
_EVENTS: Final = "events"


class CoverageConfig(BaseConfig):
    """Which change of a share is an alert."""

    owner: Owner = ANALYTICS
    """Who acts."""

    max_change: float = Field(default=0.1, gt=0, le=1)
    """Change of a week's share of people against the weeks before, up or down."""

    trailing_weeks: int = Field(default=8, ge=1)
    """Weeks before a week that say what is usual."""

    min_weeks: int = Field(default=3, ge=1)
    """With fewer weeks nothing is usual yet."""


def check_coverage(
    observed: Observed, persons: pa.Table | None, config: CoverageConfig
) -> tuple[QualityCheck, ...]:
    """`user_id_coverage`, `consent_to_personalisation`, `consent_to_measurement`.

    The population of a week is everybody with an event in it. A person counts as known if one of these events carries a
    user id; as consenting if one of them says yes and none says no. Where no event says anything, consent to
    personalisation is looked up in the persons table, as in force at the end of the week; where that says nothing
    either, it is unknown, not 100 %.

    Args:
        observed: events.
        persons: the persons table; None = there is none.
        config: what a change is.

    Invariants: unchanged by the order of events.
    """
    weekly = _weekly(observed)
    shares = _shares(weekly, observed)
    checks = [_check(USER_IDS, "carry a user id", shares[c.USER_ID], observed, config)]
    for column, name in CONSENT.items():
        known = shares.get(column)
        if known is None and column == c.CONSENT_PERSONALISATION and persons is not None:
            known = _consent_of_persons(weekly, persons)
        if known is None:
            checks.append(
                not_available(
                    name,
                    config.owner,
                    "consent is unknown: neither the events nor a persons table state it",
                    "Send the consent flag with every event; until then everybody counts as denied.",
                )
            )
        else:
            checks.append(_check(name, "have consented", known, observed, config))
    return tuple(checks)


def _weekly(observed: Observed) -> pa.Table:
    """Per week and person: events, those with user id, and per consent those that say yes and no."""
    events = observed.events
    week = pa.array(mondays(events[c.DAY].to_numpy()))
    flags = {c.USER_ID: pc.is_valid(events[c.USER_ID])}
    for column in CONSENT:
        flags[_yes(column)] = pc.fill_null(events[column], False)
        flags[_no(column)] = pc.fill_null(pc.invert(events[column]), False)
    table = observed.engine.table(
        pa.table({c.WEEK: week, c.PERSON_ID: events[c.PERSON_ID], **flags})
    )
    counted = table.group_by([c.WEEK, c.PERSON_ID]).aggregate(
        **{c.EVENTS: table.count()}, **{name: table[name].sum() for name in flags}
    )
    return observed.collect(counted, order=[c.WEEK, c.PERSON_ID])


def _shares(weekly: pa.Table, observed: Observed) -> dict[str, dict[str, Any]]:
    """Per signal and population: week, hits and totals."""
    column = {name: weekly[name].to_numpy() for name in weekly.column_names if name != c.PERSON_ID}
    week, events = column[c.WEEK], column[c.EVENTS]
    shares = {c.USER_ID: _by_week(week, events, column[c.USER_ID], column[c.USER_ID] > 0)}
    for name in CONSENT:
        if observed.events[name].null_count < observed.events.num_rows:
            yes = column[_yes(name)]
            shares[name] = _by_week(week, events, yes, (yes > 0) & (column[_no(name)] == 0))
    return shares


def _by_week(week: IntArray, events: IntArray, hit_events: Any, hit_persons: Any) -> dict[str, Any]:
    weeks, place = np.unique(week, return_inverse=True)

    def total(weights: Any) -> IntArray:
        summed: IntArray = np.bincount(place, weights, minlength=len(weeks)).astype(np.int64)
        return summed

    return {
        c.WEEK: weeks,
        _PERSONS: (total(hit_persons), total(np.ones(len(week)))),
        _EVENTS: (total(hit_events), total(events)),
    }


def _consent_of_persons(weekly: pa.Table, persons: pa.Table) -> dict[str, Any] | None:
    """Persons of each week with consent in force at its end; None = the table states none."""
    if persons[c.CONSENT_PERSONALISATION].null_count == persons.num_rows:
        return None
    week = weekly[c.WEEK].to_numpy()
    allowed = np.zeros(len(week), np.bool_)
    at = pc.index_in(weekly[c.PERSON_ID], value_set=persons[c.PERSON_ID].combine_chunks())
    row = pc.fill_null(at, -1).to_numpy()
    for monday in np.unique(week).tolist():
        inside = (week == monday) & (row >= 0)
        end = (monday + _DAYS_PER_WEEK) * (MICROSECONDS_PER_DAY // 1_000_000)
        allowed[inside] = contactable(persons, datetime.fromtimestamp(end, UTC))[row[inside]]
    events = weekly[c.EVENTS].to_numpy()
    return _by_week(week, events, np.where(allowed, events, 0), allowed)


def _check(
    name: str, words: str, shares: dict[str, Any], observed: Observed, config: CoverageConfig
) -> QualityCheck:
    weeks: IntArray = shares[c.WEEK]
    if not len(weeks):
        return not_available(name, config.owner, "there is no event")
    hits, totals = shares[_PERSONS]
    # a week that is still running is shown, not judged
    whole = weeks + _DAYS_PER_WEEK <= observed.last_day + 1
    changes = find_shifts(
        hits[whole],
        totals[whole],
        periods=config.trailing_weeks,
        min_periods=config.min_weeks,
        tolerance=config.max_change,
        rises=True,
    )
    sundays = weeks[whole] + _DAYS_PER_WEEK - 1
    changes = [change for change in changes if sundays[change.last] >= observed.first_judged]
    share = float(hits[-1] / totals[-1])
    worst = max(changes, key=lambda change: abs(change.share - change.usual), default=None)
    return QualityCheck(
        name,
        config.owner,
        "pass" if worst is None else "alert",
        f"{share:.1%} of {int(totals[-1]):,} persons of the week of {iso_day(weeks[-1])} {words}"
        + ("" if worst is None else _said(worst, weeks[whole])),
        ""
        if worst is None
        else "Look at the consent banner, the login and the tag of that week; audiences change with them.",
        figure=share,
        details=(
            Detail("Changes", tuple(_change(change, weeks[whole]) for change in changes)),
            Detail("By week, newest first", _rows(shares)[::-1]),
        ),
        series=tuple(
            point
            for line in (_PERSONS, _EVENTS)
            for point in to_series(
                line,
                dict(
                    zip(weeks.tolist(), (shares[line][0] / shares[line][1]).tolist(), strict=True)
                ),
                step=_DAYS_PER_WEEK,
            )
        ),
    )


def _change(change: Shift, weeks: IntArray) -> dict[str, Any]:
    return {
        "from": iso_day(weeks[change.first]),
        "to": iso_day(weeks[change.last]),
        "usual_share": change.usual,
        "share": change.share,
    }


def _said(change: Shift, weeks: IntArray) -> str:
    return f"; from {change.usual:.1%} to {change.share:.1%} in the week of {iso_day(weeks[change.first])}"


def _rows(shares: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    (hit_persons, persons), (hit_events, events) = shares[_PERSONS], shares[_EVENTS]
    return tuple(
        {
            c.WEEK: iso_day(week),
            c.PERSONS: int(persons[n]),
            "share_of_persons": float(hit_persons[n] / persons[n]),
            c.EVENTS: int(events[n]),
            "share_of_events": float(hit_events[n] / events[n]),
        }
        for n, week in enumerate(shares[c.WEEK].tolist())
    )


def _yes(column: str) -> str:
    return f"{column}_yes"


def _no(column: str) -> str:
    return f"{column}_no"
