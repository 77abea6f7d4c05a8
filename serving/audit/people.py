"""Whom nobody may contact, and whom no file may name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray
from features.tables import TIMESTAMP
from serving.audit.check import Check, Found, bad_rows
from serving.audit.evidence import Evidence, Side

_HELD_OUT: Final = "holdout"
_HELD_OUT_NOW: Final = "policy_holdout"
_FREE: Final = "targetable"
_SAID: Final = pa.array(["contacted", "explored"])
"""Reasons of contacts: by the policy, and by lot."""

_HEX_DIGITS: Final = 16
_DROPPED_BITS: Final = 11
_RESOLUTION: Final = 2.0**53
_ROUNDING: Final = 1e-9
_MICROSECONDS_PER_HOUR: Final = 3.6e9


def _holdout(evidence: Evidence) -> Found:
    """By the recorded arm, and by the hash, whatever was recorded."""
    rows = evidence.decisions
    kept_out = pc.is_in(rows[c.ARM], value_set=pa.array([_HELD_OUT, _HELD_OUT_NOW]))
    recorded = rows.filter(kept_out)[c.PERSON_ID]
    found = Found()
    for side in evidence.sides:
        drawn = _arms(side.targeted, evidence)[0] != _FREE
        found += bad_rows(side.targeted, drawn | among(side.targeted[c.PERSON_ID], recorded))
    return found


def _arm(evidence: Evidence) -> Found:
    """The recorded arm and its probability are those that salt and shares give."""
    arm, chance = _arms(evidence.scored.named, evidence)
    first = _first(evidence)
    other_arm = first[c.ARM].to_numpy() != arm
    other_chance = np.abs(first[c.PROBABILITY].to_numpy() - chance) > _ROUNDING
    return bad_rows(evidence.scored.named, other_arm | other_chance)


def _chances(evidence: Evidence) -> Found:
    """The chance of what was done follows from the chance of a contact: without it the next training set is wrong."""
    first = _first(evidence)
    contact = first[c.CONTACT].to_numpy()
    chance, done = first[c.CHANCE_OF_CONTACT].to_numpy(), first[c.PROPENSITY].to_numpy()
    of_contact = (done > 0) & (done <= chance + _ROUNDING)
    of_none = np.abs(done - (1 - chance)) <= _ROUNDING
    return bad_rows(evidence.scored.named, ~np.where(contact, of_contact, of_none))


def _consent(evidence: Evidence) -> Found:
    found = Found()
    for side in evidence.sides:
        persons = side.facts.persons
        given = pc.equal(persons[c.CONSENT_PERSONALISATION], True)
        since = pc.less(persons[c.CONSENT_SINCE], pa.scalar(side.facts.as_of, TIMESTAMP))
        denied = pc.invert(pc.fill_null(pc.and_(given, since), False))
        # decisions may say that somebody is not contacted; a file may not even name them
        rows = side.targeted if side is evidence.scored else side.named
        found += bad_rows(rows, among(rows[c.PERSON_ID], persons.filter(denied)[c.PERSON_ID]))
    return found


def _erasure(evidence: Evidence) -> Found:
    found = Found()
    for side in evidence.sides:
        persons = side.facts.persons
        gone = among(side.named[c.PERSON_ID], persons.filter(persons[c.ERASED])[c.PERSON_ID])
        found += bad_rows(side.named, gone | _buried(side, evidence))
    return found


def _unknown(evidence: Evidence) -> Found:
    found = Found()
    for side in evidence.sides:
        known = among(side.named[c.PERSON_ID], side.facts.persons[c.PERSON_ID])
        found += bad_rows(side.named, ~known & ~_buried(side, evidence))
    return found


def _suppressed(evidence: Evidence) -> Found:
    if evidence.exported is None:
        return Found()
    if evidence.suppressed is None:
        named = evidence.exported.run.manifest["config"]["suppressions"]
        return Found(unchecked="the lists lie in the project folder: audit the project" if named else "")  # fmt: skip
    rows = evidence.exported.targeted
    listed = pa.chunked_array([sorted(evidence.suppressed)], pa.string())
    return bad_rows(rows, among(rows[c.PERSON_ID], listed))


def _recent_purchaser(evidence: Evidence) -> Found:
    window = timedelta(hours=evidence.limits["eligibility"]["recent_purchase_hours"])
    found = Found()
    for side in evidence.sides:
        buyers = side.facts.since(window)[c.PERSON_ID]
        found += bad_rows(side.targeted, among(side.targeted[c.PERSON_ID], buyers))
    return found


def _quiet(evidence: Evidence) -> Found:
    """After a refund, a support case and the like a person is left alone for some days."""
    found = Found()
    for name, days in evidence.limits["eligibility"].get("quiet_days", {}).items():
        rows = evidence.scored.targeted
        events = evidence.scored.facts.since(timedelta(days=days), name)
        found += bad_rows(rows, among(rows[c.PERSON_ID], events[c.PERSON_ID]))
    return found


def _frequency(evidence: Evidence) -> Found:
    """Contacts of every cap's window counted again from the logs; a cap of one channel binds contacts by that channel."""
    limits, log = evidence.limits["frequency"], evidence.contacts
    if log is None:
        away = "logs and campaigns ahead lie in the project folder: audit the project"
        elsewhere = limits.get("logs") or limits.get("ahead")
        return Found(unchecked=away if elsewhere else "there is no log: caps are not enforced")
    first = _first(evidence)
    contact, channel = first[c.CONTACT].to_numpy(), first[c.CHANNEL]
    over = np.zeros(first.num_rows, np.bool_)
    for cap in ({**limits, c.CHANNEL: None}, *limits.get("caps", ())):
        full = _full(log, evidence.scored.facts.as_of, cap)
        bound = contact & (
            True if cap[c.CHANNEL] is None else mask_of(pc.equal(channel, cap[c.CHANNEL]))
        )
        over |= bound & among(first[c.PERSON_ID], full)
    return bad_rows(evidence.scored.named, over)


def _full(log: pa.Table, as_of: datetime, cap: Mapping[str, Any]) -> pa.ChunkedArray:
    """Persons who had as many contacts as a cap allows."""
    since = as_of - timedelta(days=cap["window_days"])
    recent = log.filter(pc.greater_equal(log[c.TIME], pa.scalar(since, TIMESTAMP)))
    if cap[c.CHANNEL] is not None:
        recent = recent.filter(pc.equal(recent[c.CHANNEL], cap[c.CHANNEL]))
    counted = recent.group_by(c.PERSON_ID, use_threads=False).aggregate([(c.TIME, "count")])
    full = pc.greater_equal(counted[f"{c.TIME}_count"], cap["max_contacts"])
    return counted.filter(full)[c.PERSON_ID]


def _timing(evidence: Evidence) -> Found:
    """Nobody is contacted sooner or later after the last event than the limits of their stage say."""
    last = evidence.last_events
    if last is None:
        return Found()
    rows = evidence.decisions.filter(pc.equal(evidence.decisions[c.RANK], 1))
    place = pc.index_in(rows[c.PERSON_ID], value_set=last[c.PERSON_ID].combine_chunks())
    ago = pc.microseconds_between(
        last[c.TIME].take(place), pa.scalar(evidence.scored.facts.as_of, TIMESTAMP)
    )
    hours = pc.fill_null(ago.cast(pa.float64()), float("nan")).to_numpy() / _MICROSECONDS_PER_HOUR
    odd = np.zeros(rows.num_rows, np.bool_)
    for stage, limits in evidence.limits["frequency"]["timing"].items():
        stop = limits["stop_days"]
        outside = (hours < limits["start_hours"]) | (
            hours > (np.inf if stop is None else 24 * stop)
        )
        odd |= outside & mask_of(pc.equal(rows[c.STAGE], stage))
    return bad_rows(evidence.scored.named, odd & rows[c.CONTACT].to_numpy())


def _verdict(evidence: Evidence) -> Found:
    """A contact is of somebody eligible whom the policy or a lot chose, and says so; nobody else is said to be contacted."""
    first = _first(evidence)
    contact, eligible = first[c.CONTACT].to_numpy(), first[c.ELIGIBLE].to_numpy()
    explored, targeted = first[c.EXPLORED].to_numpy(), first[c.TARGETED].to_numpy()
    reason = pc.list_element(pc.split_pattern(first[c.REASON_CODES], ";", max_splits=1), 0)
    said = mask_of(pc.is_in(reason, value_set=_SAID))
    odd = (contact != said) | (contact & ~(eligible & (explored | targeted)))
    return bad_rows(evidence.scored.named, odd | (contact & first[c.GHOST].to_numpy()))


def _not_decided(evidence: Evidence) -> Found:
    if evidence.exported is None:
        return Found()
    rows = evidence.exported.targeted
    return bad_rows(rows, ~among(rows[c.PERSON_ID], evidence.scored.targeted[c.PERSON_ID]))


def among(values: pa.ChunkedArray, wanted: pa.ChunkedArray) -> BoolArray:
    """Whether each value is one of those wanted; null is none."""
    return mask_of(pc.is_in(values, value_set=pc.drop_null(wanted.combine_chunks())))


def mask_of(flags: pa.ChunkedArray) -> BoolArray:
    """Arrow flags as a mask; null is false."""
    found: BoolArray = pc.fill_null(flags, False).to_numpy().astype(np.bool_)
    return found


def _first(evidence: Evidence) -> pa.Table:
    """The first row of each person's decision, in the order of `named`."""
    return evidence.decisions.filter(pc.equal(evidence.decisions[c.RANK], 1))


def _arms(rows: pa.Table, evidence: Evidence) -> tuple[npt.NDArray[np.str_], FloatArray]:
    """Arm of each row's person and the chance of that arm, drawn again from the salt."""
    holdout = evidence.limits["holdout"]
    persons, salt, share = rows[c.PERSON_ID].to_pylist(), holdout["salt"], holdout["share"]
    moment = evidence.scored.facts.as_of.isoformat()
    always = _draws(persons, salt) < share
    now = _draws(persons, f"{salt}|policy|{moment}") < holdout["policy_share"]
    arm = np.where(always, _HELD_OUT, np.where(now, _HELD_OUT_NOW, _FREE))
    others = np.where(now, holdout["policy_share"], 1 - holdout["policy_share"])
    return arm, np.where(always, share, (1 - share) * others)


def _draws(persons: list[str], salt: str) -> FloatArray:
    """The first 53 bits of SHA-256 over "salt|person" as a number in [0, 1); written apart from what assigns arms."""
    digests = (hashlib.sha256(f"{salt}|{person}".encode()).hexdigest() for person in persons)
    bits = [int(digest[:_HEX_DIGITS], 16) >> _DROPPED_BITS for digest in digests]
    return np.array(bits, np.float64) / _RESOLUTION


def _buried(side: Side, evidence: Evidence) -> BoolArray:
    """Whether each person named was erased from the workspace."""
    stones = evidence.tombstones
    if stones is None:
        return np.zeros(side.named.num_rows, np.bool_)
    persons = side.named[c.PERSON_ID].to_pylist()
    return np.array([stones.covers(c.PERSON_ID, person) for person in persons], np.bool_)


CHECKS: Final = (
    Check(
        "holdout",
        "no held-out person is contacted, by the recorded arm and by the salted hash computed again",
        "Do not upload; run 'retarget score' and 'retarget export' again and report this as a defect.",
        _holdout,
    ),
    Check(
        "arm",
        "arms and their probabilities are those that salt and share give",
        "Lift measured with these arms would be wrong: run 'retarget score' again.",
        _arm,
    ),
    Check(
        "chances",
        "the recorded chance of what was done follows from the chance of a contact",
        "Do not train on these decisions: run 'retarget score' again and report this as a defect.",
        _chances,
    ),
    Check(
        "consent",
        "whoever is contacted, and whoever a file names, had agreed to personalised advertising",
        "Do not upload; run 'retarget score' and 'retarget export' again on the consent of now.",
        _consent,
    ),
    Check(
        "erasure",
        "nothing is written about an erased person",
        "Do not upload; run 'retarget erase' with its list again, then score and export.",
        _erasure,
    ),
    Check(
        "unknown_person",
        "whoever is decided about or named is in the persons table",
        "Run 'retarget score' and 'retarget export' again on the ingestion in force.",
        _unknown,
    ),
    Check(
        "suppression",
        "nobody on a suppression list is in a targeting file",
        "Do not upload; run 'retarget export' again with the lists of now.",
        _suppressed,
    ),
    Check(
        "recent_purchaser",
        "nobody who bought within the campaign's hours is contacted",
        "Run 'retarget score' and 'retarget export' again.",
        _recent_purchaser,
    ),
    Check(
        "quiet_days",
        "nobody is contacted in the quiet days after a refund, a support case and the like",
        "Run 'retarget score' again.",
        _quiet,
    ),
    Check(
        "frequency_cap",
        "nobody is contacted beyond the cap, contacts counted again from the exposure log",
        "Run 'retarget score' again; check that the exposure log is whole.",
        _frequency,
    ),
    Check(
        "timing",
        "nobody is contacted sooner or later after their last event than the limits of their stage say",
        "Run 'retarget score' again.",
        _timing,
    ),
    Check(
        "verdict",
        "a contact is of an eligible person and its reason says so",
        "Run 'retarget score' again; if this stays, report it as a defect.",
        _verdict,
    ),
    Check(
        "not_decided",
        "targeting files name only persons whom the decisions contact",
        "Do not upload; run 'retarget export' again.",
        _not_decided,
    ),
)
