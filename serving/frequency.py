"""How often, how soon and how late a person may be contacted, and which items rest: limits that look at past contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray, TextArray
from features.builders.treatment import CLICK_SETTLES_DAYS, ContactCap, cap_remaining
from features.contacts import Contacts
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf, microseconds
from serving.config import FrequencyConfig, ItemRestConfig, TimingConfig
from serving.waterfall import Rule

FREQUENCY_CAP: Final = "frequency_cap"
DISPLACED: Final = "displaced"
TOO_EARLY: Final = "too_early"
TOO_LATE: Final = "too_late"
ITEM_REST: Final = "item_rest"
SEQUENCE: Final = "sequence"
NOT_ENFORCED: Final = "_not_enforced"
"""Ending of the name of a rule that is configured and cannot be applied."""

_MICROSECONDS_PER_HOUR: Final = MICROSECONDS_PER_DAY / 24


@dataclass(frozen=True)
class NotEnforced:
    """A limit that was asked for and could not be applied: which, why, and who can mend it."""

    rule: str
    reason: str
    owner: str


def caps_of(config: FrequencyConfig) -> tuple[ContactCap, ...]:
    """Every cap in force: the one over all channels, and those of single channels."""
    total = ContactCap(max_contacts=config.max_contacts, window_days=config.window_days)
    return (total, *config.caps)


def contacts_left(
    log: pa.Table | None,
    person_ids: TextArray,
    channels: Sequence[str],
    config: FrequencyConfig,
    *,
    as_of: datetime,
    ahead: pa.Table | None = None,
) -> FloatArray:
    """Contacts that the caps leave each person by each channel, shape (n_persons, n_channels); without a log no limit.

    A channel is bound by its own caps and by those over all channels; ghosts and contacts at or after `as_of` do not count.

    Args:
        log: the contact-log table; None = there is none.
        person_ids: shape (n_persons,).
        channels: names.
        config: caps.
        as_of: the moment of decision.
        ahead: person and channel of contacts that other campaigns have planned for that moment; they count too.
    """
    if log is None:
        return np.full((len(person_ids), len(channels)), np.inf)
    past = Contacts.from_tables(log).as_of(person_ids, microseconds(as_of))
    left = np.full((len(person_ids), len(channels)), np.inf)
    for cap in caps_of(config):
        bound = [cap.channel in {None, channel} for channel in channels]
        room = cap_remaining(past, [cap]) - _planned(ahead, person_ids, cap)
        left[:, bound] = np.minimum(left[:, bound], np.maximum(room, 0.0)[:, None])
    return left


def _planned(ahead: pa.Table | None, person_ids: TextArray, cap: ContactCap) -> IntArray:
    """Planned contacts of each person that a cap counts."""
    if ahead is None:
        return np.zeros(len(person_ids), np.int64)
    if cap.channel is not None:
        ahead = ahead.filter(pc.equal(ahead[c.CHANNEL], cap.channel))
    place = pc.index_in(ahead[c.PERSON_ID], value_set=pa.array(person_ids, pa.string()))
    return np.bincount(place.drop_null().to_numpy(), minlength=len(person_ids))


def frequency_rules(
    left: FloatArray,
    shared: FloatArray,
    hours: FloatArray,
    stage: npt.NDArray[np.str_],
    config: FrequencyConfig,
    *,
    has_log: bool,
) -> list[Rule]:
    """The rules for persons about when and how often, in order.

    Args:
        left: contacts left by channel, shape (n_persons, n_channels).
        shared: what campaigns of higher priority leave of them.
        hours: hours since each person's last event, NaN = none.
        stage: funnel stage of each person.
        config: limits.
        has_log: whether past contacts are known; without them the cap removes nobody, and its name says so.
    """
    early, late = _window(stage, config.timing)
    timing = [Rule(TOO_EARLY, hours < early), Rule(TOO_LATE, hours > late)]
    name = FREQUENCY_CAP if has_log else FREQUENCY_CAP + NOT_ENFORCED
    capped: BoolArray = np.all(left < 1, axis=1)
    displaced: BoolArray = np.all(shared < 1, axis=1)
    sharing = [Rule(DISPLACED, displaced)] if config.ahead else []
    return [*(timing if config.timing else []), Rule(name, capped), *sharing]


def hours_since_last_event(history: AsOf) -> FloatArray:
    """Hours since each row's last event, shape (n_rows,); NaN = it has none."""
    known = history.stop > history.start
    hours = np.full(len(history), np.nan)
    last = history.histories.time[history.stop[known] - 1]
    hours[known] = (history.time[known] - last) / _MICROSECONDS_PER_HOUR
    return hours


def _window(
    stage: npt.NDArray[np.str_], timing: Mapping[str, TimingConfig]
) -> tuple[FloatArray, FloatArray]:
    """First and last hour after the last event at which a person of each stage may be contacted."""
    early, late = np.zeros(len(stage)), np.full(len(stage), np.inf)
    for name, limits in timing.items():
        early[stage == name] = limits.start_hours
        if limits.stop_days is not None:
            late[stage == name] = 24 * limits.stop_days
    return early, late


def resting_items(log: pa.Table, config: ItemRestConfig, *, as_of: datetime) -> pa.Table:
    """Items that a person has been shown too often without a click: `person_id` and `item_id`, each pair once.

    Contacts since the last click count, from when it is known whether they were clicked; a pair rests for `config.days`
    after its last contact.
    """
    moment = microseconds(as_of)
    settled = moment - CLICK_SETTLES_DAYS * MICROSECONDS_PER_DAY
    known = pc.and_(pc.is_valid(log[c.ITEM_ID]), pc.is_valid(log[c.CLICKED]))
    shown = log.filter(pc.and_(known, pc.invert(log[c.GHOST])))
    shown = shown.filter(pa.array(_time(shown) <= settled))
    person, item = _codes(shown[c.PERSON_ID]), _codes(shown[c.ITEM_ID])
    width = int(item.max(initial=0)) + 1
    _, first, pair = np.unique(person * width + item, return_index=True, return_inverse=True)
    time, clicked = _time(shown), shown[c.CLICKED].to_numpy().astype(np.bool_)
    last_click = np.full(len(first), np.iinfo(np.int64).min)
    np.maximum.at(last_click, pair[clicked], time[clicked])
    last = np.full(len(first), np.iinfo(np.int64).min)
    np.maximum.at(last, pair, time)
    unclicked = np.bincount(pair[time > last_click[pair]], minlength=len(first))
    rests = (unclicked >= config.unclicked) & (moment - last < config.days * MICROSECONDS_PER_DAY)
    return shown.select([c.PERSON_ID, c.ITEM_ID]).take(first[rests])


def not_enforced(log: pa.Table | None, config: FrequencyConfig) -> list[NotEnforced]:
    """The limits of a campaign that its log does not allow to apply."""
    if log is None:
        asked = [FREQUENCY_CAP, *([ITEM_REST] if config.item_rest else []), SEQUENCE]
        return [NotEnforced(rule, "no exposure log", config.owner) for rule in asked]
    if config.item_rest is None or _says_clicks_by_item(log):
        return []
    reason = "no contact in the log names both its item and whether it was clicked"
    return [NotEnforced(ITEM_REST, reason, config.owner)]


def _says_clicks_by_item(log: pa.Table) -> bool:
    told: BoolArray = pc.and_(pc.is_valid(log[c.ITEM_ID]), pc.is_valid(log[c.CLICKED])).to_numpy()
    return bool(told.any())


def _time(log: pa.Table) -> IntArray:
    time: IntArray = log[c.TIME].cast(pa.int64()).to_numpy()
    return time


def _codes(values: pa.ChunkedArray) -> IntArray:
    indices = values.combine_chunks().dictionary_encode().indices
    codes: IntArray = indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes
