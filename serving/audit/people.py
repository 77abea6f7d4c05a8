"""Whom nobody may contact, and whom no file may name."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray
from features.tables import TIMESTAMP
from serving.audit.check import Check, Found, bad_rows
from serving.audit.evidence import Evidence, Side

_HELD_OUT: Final = "holdout"
_HELD_OUT_NOW: Final = "policy_holdout"
_TARGETABLE: Final = "targetable"
_CONTACTED: Final = ("contacted", "explored")
_HEX_DIGITS: Final = 16
_DROPPED_BITS: Final = 11
_RESOLUTION: Final = 2.0**53


def _holdout(evidence: Evidence) -> Found:
    """By the recorded arm, and by the hash, whatever was recorded."""
    rows = evidence.decisions
    recorded = rows.filter(pc.not_equal(rows[c.ARM], _TARGETABLE))[c.PERSON_ID]
    found = Found()
    for side in evidence.sides:
        drawn = _held_by_hash(side.targeted, evidence)
        found += bad_rows(side.targeted, drawn | among(side.targeted[c.PERSON_ID], recorded))
    return found


def _arm(evidence: Evidence) -> Found:
    """The recorded arm and its probability are those that salt and share give."""
    holdout, named = evidence.limits["holdout"], evidence.scored.named
    share, this_time = holdout["share"], holdout["policy_share"]
    held = _held_by_hash(named, evidence)
    salt = f"{holdout['salt']}|policy|{evidence.scored.facts.as_of.isoformat()}"
    rests = ~held & (_draws(named[c.PERSON_ID].to_pylist(), salt) < this_time)
    first = evidence.decisions.filter(pc.equal(evidence.decisions[c.RANK], 1))
    arm = np.select([held, rests], [_HELD_OUT, _HELD_OUT_NOW], _TARGETABLE)
    expected = np.select(
        [held, rests], [share, (1 - share) * this_time], (1 - share) * (1 - this_time)
    )
    other_arm = first[c.ARM].to_numpy().astype(str) != arm
    other_chance = ~np.isclose(first[c.PROBABILITY].to_numpy(), expected, rtol=0, atol=1e-12)
    return bad_rows(named, other_arm | other_chance)


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


def _frequency(evidence: Evidence) -> Found:
    """Contacts counted again from the exposure log."""
    if evidence.contacts is None:
        return Found(unchecked="there is no exposure log: caps are not enforced")
    limits, rows = evidence.limits["frequency"], evidence.scored.targeted
    since = evidence.scored.facts.as_of - timedelta(days=limits["window_days"])
    log = evidence.contacts
    recent = log.filter(pc.greater_equal(log[c.TIME], pa.scalar(since, TIMESTAMP)))
    counts = Counter(recent[c.PERSON_ID].to_pylist())
    full = [person for person, count in counts.items() if count >= limits["max_contacts"]]
    return bad_rows(rows, among(rows[c.PERSON_ID], pa.chunked_array([full], pa.string())))


def _verdict(evidence: Evidence) -> Found:
    """A contact is of somebody eligible and says so; nobody else is said to be contacted."""
    first = evidence.decisions.filter(pc.equal(evidence.decisions[c.RANK], 1))
    contact = first[c.CONTACT].to_numpy()
    reason = pc.list_element(pc.split_pattern(first[c.REASON_CODES], ";", max_splits=1), 0)
    said = pc.is_in(reason, value_set=pa.array(_CONTACTED)).to_numpy().astype(np.bool_)
    return bad_rows(
        evidence.scored.named, (contact != said) | (contact & ~first[c.ELIGIBLE].to_numpy())
    )


def _not_decided(evidence: Evidence) -> Found:
    if evidence.exported is None:
        return Found()
    rows = evidence.exported.targeted
    return bad_rows(rows, ~among(rows[c.PERSON_ID], evidence.scored.targeted[c.PERSON_ID]))


def among(values: pa.ChunkedArray, wanted: pa.ChunkedArray) -> BoolArray:
    """Whether each value is one of those wanted; null is none."""
    chosen = pc.drop_null(wanted.combine_chunks())
    found: BoolArray = pc.is_in(values, value_set=chosen).to_numpy().astype(np.bool_)
    return found


def _held_by_hash(rows: pa.Table, evidence: Evidence) -> BoolArray:
    holdout = evidence.limits["holdout"]
    held: BoolArray = _draws(rows[c.PERSON_ID].to_pylist(), holdout["salt"]) < holdout["share"]
    return held


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
        "frequency_cap",
        "nobody is contacted beyond the cap, contacts counted again from the exposure log",
        "Run 'retarget score' again; check that the exposure log is whole.",
        _frequency,
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
