"""What was done to a person before: contacts, clicks, what caps leave, past arms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np
import pyarrow as pa
from pydantic import Field

from features.arrays import CodeArray, FloatArray, IntArray
from features.builders.feature import WINDOW_DAYS, WINDOWS, Feature, feature_table, ratio
from features.config import BaseConfig
from features.contacts import ContactsAsOf
from features.histories.histories import MICROSECONDS_PER_DAY

CLICK_SETTLES_DAYS: Final = 1
"""A log says whether a contact was clicked, not when; one younger than this is taken as not known yet."""

_SETTLES: Final = CLICK_SETTLES_DAYS * MICROSECONDS_PER_DAY
_QUARTER: Final = 90 * MICROSECONDS_PER_DAY
_MONTH: Final = 30 * MICROSECONDS_PER_DAY
_NO_LOG: Final = "no exposure log"
_NO_CLICKS: Final = "no exposure log, or no such contact says whether it was clicked"
_NO_ARMS: Final = "no assignment log"

TREATMENT_FEATURES: Final = (
    *(Feature(f"contacts_{days}d", f"contacts in the last {days} days", _NO_LOG) for days in WINDOW_DAYS),
    Feature("contact_days", "days since the last contact", f"{_NO_LOG}, or no contact yet"),
    Feature("contact_cost_30d", "money spent on contacts in 30 days", _NO_LOG),
    Feature("click_rate_90d", "clicked over contacts of 90 days that are a day old or older, 0 to 1", _NO_CLICKS),
    Feature("unclicked_contacts", "contacts a day old or older since the last clicked one", _NO_CLICKS),
    Feature("cap_remaining", "contacts that the tightest cap leaves", f"{_NO_LOG}, or no cap"),
    Feature("assignments", "past assignments to any arm", _NO_ARMS),
    Feature("assignment_days", "days since the last assignment", f"{_NO_ARMS}, or not assigned yet"),
    Feature("control_share", "share of past assignments to a control arm, 0 to 1", f"{_NO_ARMS}, or not assigned yet"),
    Feature("last_arm_control", "1 = the last assignment was to a control arm", f"{_NO_ARMS}, or not assigned yet"),
)  # fmt: skip
"""The columns of `treatment_features`, in order."""

CONTROL_ARMS: Final = ("control", "holdout")
"""Arms whose persons are not contacted."""


class ContactCap(BaseConfig):
    """A rolling cap on contacts of one person."""

    max_contacts: int = Field(ge=1)
    """Contacts in the window at most."""

    window_days: float = Field(gt=0)
    """Length of the window."""

    channel: str | None = None
    """The channel it counts; None = all channels together."""


def treatment_features(
    contacts: ContactsAsOf,
    *,
    caps: Sequence[ContactCap] = (),
    control_arms: Sequence[str] = CONTROL_ARMS,
) -> pa.Table:
    """Past treatment of each row's person, from contacts and assignments strictly before the row's time.

    Args:
        contacts: n_rows rows.
        caps: caps in force.
        control_arms: names of arms whose persons are not contacted.

    Returns:
        n_rows rows in the same order, the columns of `TREATMENT_FEATURES`.

    Invariants: unchanged by contacts, ghosts and assignments at or after a row's time; a ghost changes nothing ever.
    """
    log = contacts.contacts
    counts, last, cost, clicks, unclicked = _scan_contacts(
        contacts.start, contacts.stop, contacts.time, log.time, log.cost, log.clicked, WINDOWS
    )
    counts = counts.cumsum(axis=1)
    is_control = np.isin(log.arms.astype(str), list(control_arms)).astype(np.float64)
    assigned = contacts.assigned_stop - contacts.assigned_start
    days, controls, last_control = _scan_assignments(
        contacts.assigned_start,
        contacts.assigned_stop,
        contacts.time,
        log.assigned_at,
        log.arm,
        is_control,
    )
    shown = [
        *counts.T,
        last,
        cost,
        ratio(clicks[:, 0], clicks[:, 1]),
        unclicked,
        cap_remaining(contacts, caps),
    ]
    arms = [assigned, days, ratio(controls, assigned.astype(np.float64)), last_control]
    return feature_table(
        TREATMENT_FEATURES,
        [
            *(values if log.has_exposures else np.full(len(contacts), np.nan) for values in shown),
            *(values if log.has_assignments else np.full(len(contacts), np.nan) for values in arms),
        ],
    )


def cap_remaining(contacts: ContactsAsOf, caps: Sequence[ContactCap]) -> FloatArray:
    """Contacts that the tightest cap leaves each row's person, shape (n_rows,); NaN without caps."""
    if not caps:
        return np.full(len(contacts), np.nan)
    log = contacts.contacts
    left = np.full(len(contacts), np.inf)
    for cap in caps:
        channel = -1 if cap.channel is None else _place(log.channels.tolist(), cap.channel)
        used = _count_in_window(
            contacts.start,
            contacts.stop,
            contacts.time,
            log.time,
            log.channel,
            channel,
            round(cap.window_days * MICROSECONDS_PER_DAY),
        )
        left = np.minimum(left, np.maximum(cap.max_contacts - used, 0.0))
    return left


def _place(names: Sequence[str], name: str) -> int:
    """Position of a name; one past the end, which nothing has, if it is not there."""
    return names.index(name) if name in names else len(names)


@numba.njit(cache=True, nogil=True)
def _count_in_window(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    channel: CodeArray,
    wanted: int,
    window: int,
) -> FloatArray:
    """Contacts of a channel in the window; a wanted code of -1 means any channel."""
    counts = np.zeros(len(start))
    for row in range(len(start)):
        for position in range(stop[row] - 1, start[row] - 1, -1):
            if cutoff[row] - time[position] > window:
                break
            counts[row] += wanted < 0 or channel[position] == wanted
    return counts


@numba.njit(cache=True, nogil=True)
def _scan_contacts(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    cost: FloatArray,
    clicked: FloatArray,
    windows: IntArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """One pass over each row's contacts, newest first."""
    rows = len(start)
    counts = np.zeros((rows, len(windows)))
    last = np.full(rows, np.nan)
    spent = np.zeros(rows)
    clicks = np.zeros((rows, 2))  # clicked, known to be clicked or not; 90 days
    unclicked = np.full(rows, np.nan)
    for row in range(rows):
        if stop[row] > start[row]:
            last[row] = (cutoff[row] - time[stop[row] - 1]) / MICROSECONDS_PER_DAY
        click_seen = False
        for position in range(stop[row] - 1, start[row] - 1, -1):
            age = cutoff[row] - time[position]
            window = np.searchsorted(windows, age)
            if window < len(windows):
                counts[row, window] += 1
            if age <= _MONTH:
                spent[row] += cost[position]
            if age < _SETTLES or np.isnan(clicked[position]):
                continue
            if age <= _QUARTER:
                clicks[row, 0] += clicked[position]
                clicks[row, 1] += 1
            if np.isnan(unclicked[row]):
                unclicked[row] = 0.0
            click_seen = click_seen or clicked[position] > 0
            unclicked[row] += not click_seen
    return counts, last, spent, clicks, unclicked


@numba.njit(cache=True, nogil=True)
def _scan_assignments(
    start: IntArray,
    stop: IntArray,
    cutoff: IntArray,
    time: IntArray,
    arm: CodeArray,
    is_control: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Days since the last assignment, assignments to control, whether the last one was."""
    days = np.full(len(start), np.nan)
    controls = np.zeros(len(start))
    last_control = np.full(len(start), np.nan)
    for row in range(len(start)):
        for position in range(start[row], stop[row]):
            controls[row] += is_control[arm[position]]
            last_control[row] = is_control[arm[position]]
            days[row] = (cutoff[row] - time[position]) / MICROSECONDS_PER_DAY
    return days, controls, last_control
