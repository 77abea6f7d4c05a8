"""Does it all add up: the budget, the waterfalls, everybody's decision, rows of the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.files.rejects import masked
from features.run import Run
from serving.audit.check import Bad, Check, Found, bad_places, bad_rows
from serving.audit.evidence import Evidence, Side
from serving.audit.people import among

_ROUNDING: Final = 1e-9
_WATERFALL: Final = "waterfall.parquet"
_PERSON: Final = "person"
_ERASED: Final = "erased"
_COUNTED: Final = ("bid_inputs", "item_lists", "meta_audience")
"""Kinds whose files name persons by id, so that persons left + persons dropped can be counted in them."""


def _budget(evidence: Evidence) -> Found:
    """Of all contacts, and of those by lot within their share."""
    rows, limits = evidence.decisions, evidence.limits
    first = rows.filter(pc.and_(pc.equal(rows[c.RANK], 1), rows[c.CONTACT]))
    by_lot = first.filter(first[c.EXPLORED])
    amount = limits["budget"]["amount"]
    within = (("contacts", first, amount), ("contacts by lot", by_lot, amount * limits["exploration"]["share"]))  # fmt: skip
    place = _file(evidence.scored, "decisions.parquet")
    return bad_places(
        Bad(place, None, f"{what} cost {cost:.2f}, their budget is {budget:.2f}")
        for what, contacts, budget in within
        if (cost := float(np.sum(contacts[c.EXPECTED_COST].to_numpy())))
        > budget + _ROUNDING * amount
    )


def _waterfalls(evidence: Evidence) -> Found:
    """What came in - removed = left, each rule takes over what the one before left, and the decisions agree."""
    found = Found()
    for side in evidence.sides:
        found += bad_places(_leaks(side))
    if _shrunk(evidence.scored.run):
        return found + Found(unchecked="persons were erased from these decisions since they were counted")  # fmt: skip
    return found + bad_places(_disagreements(evidence))


def _leaks(side: Side) -> Iterator[Bad]:
    """Steps of a waterfall that lose or gain somebody."""
    rows = side.waterfall.to_pylist()
    numbered = enumerate(rows, start=1)
    for _, rules in groupby(numbered, key=lambda pair: pair[1][c.LEVEL]):
        before: int | None = None
        for line, row in rules:
            entered, left = row[c.COUNT_IN], row[c.COUNT_LEFT]
            if entered - row[c.COUNT_REMOVED] != left or before not in {None, entered}:
                told = f"{row[c.LEVEL]} rule {row[c.RULE]}: in {entered}, removed {row[c.COUNT_REMOVED]}, left {left}"
                yield Bad(_file(side, _WATERFALL), line, told)
            before = left


def _disagreements(evidence: Evidence) -> Iterator[Bad]:
    """Rules of persons that removed another number than the decisions say."""
    side, rows = evidence.scored, evidence.decisions
    first = rows.filter(pc.equal(rows[c.RANK], 1))
    removed = first.filter(pc.invert(first[c.ELIGIBLE]))[c.REASON_CODES].to_pylist()
    decided = Counter(codes.split(";")[0] for codes in removed)
    undecided = ~among(side.facts.persons[c.PERSON_ID], first[c.PERSON_ID])
    decided[_ERASED] += int(np.count_nonzero(undecided))  # nothing is written about them
    for line, row in enumerate(side.waterfall.to_pylist(), start=1):
        if row[c.LEVEL] == _PERSON and decided.pop(row[c.RULE], 0) != row[c.COUNT_REMOVED]:
            told = f"person rule {row[c.RULE]} removed {row[c.COUNT_REMOVED]}, other than the decisions say"
            yield Bad(_file(side, _WATERFALL), line, told)
    for rule in sorted(+decided):
        yield Bad(_file(side, _WATERFALL), None, f"{decided[rule]} persons were removed by {rule}, which is not in the waterfall")  # fmt: skip


def _everybody(evidence: Evidence) -> Found:
    """Every person has a decision with a reason, places 1, 2, 3 …, and rows that agree; or is erased."""
    rows, side = evidence.decisions, evidence.scored
    persons = side.facts.persons
    alive = persons.filter(pc.invert(persons[c.ERASED]))
    missing = int(np.count_nonzero(~among(alive[c.PERSON_ID], rows[c.PERSON_ID])))
    place = _file(side, "decisions.parquet")
    found = Found()
    if missing and not _shrunk(side.run):
        found += Found(missing, (Bad(place, None, f"{missing} persons have no decision"),))
    blank = pc.equal(pc.utf8_trim_whitespace(rows[c.REASON_CODES]), "").to_numpy()
    found += bad_places(Bad(place, int(line) + 1, "no reason") for line in np.flatnonzero(blank))
    per_person = rows.group_by(c.PERSON_ID, use_threads=False).aggregate(
        [(c.RANK, "max"), (c.RANK, "count_distinct"), (c.RANK, "count"),
         (c.CONTACT, "count_distinct"), (c.ARM, "count_distinct"), (c.ELIGIBLE, "count_distinct")]
    )  # fmt: skip
    length = per_person[f"{c.RANK}_count"].to_numpy()
    odd = (per_person[f"{c.RANK}_max"].to_numpy() != length) | (
        per_person[f"{c.RANK}_count_distinct"].to_numpy() != length
    )
    for name in (c.CONTACT, c.ARM, c.ELIGIBLE):
        odd |= per_person[f"{name}_count_distinct"].to_numpy() != 1
    split = among(side.named[c.PERSON_ID], per_person.filter(odd)[c.PERSON_ID])
    ranked = among(per_person[c.PERSON_ID], side.named[c.PERSON_ID])
    headless = per_person[c.PERSON_ID].filter(pa.array(~ranked)).to_pylist()
    found += bad_places(
        Bad(place, None, f"person {masked(who)} has no first item") for who in headless
    )
    return found + bad_rows(side.named, split)


def _export_sums(evidence: Evidence) -> Found:
    """Contacted - dropped = left, and each file holds who is left but for the drops it counted."""
    if evidence.exported is None:
        return Found()
    return bad_places(_export_leaks(evidence, evidence.exported))


def _export_leaks(evidence: Evidence, side: Side) -> Iterator[Bad]:
    told = evidence.told["recheck"]
    contacted = evidence.scored.targeted.num_rows
    first = next(row for row in side.waterfall.to_pylist() if row[c.LEVEL] == _PERSON)
    entered, dropped = first[c.COUNT_IN], sum(told["persons_dropped"].values())
    if entered != told["persons"] or (entered != contacted and evidence.tombstones is None):
        yield Bad(_file(side, _WATERFALL), 1, f"{entered} persons asked again, {contacted} contacted")  # fmt: skip
    if told["persons"] - dropped != told["persons_left"]:
        yield Bad(_file(side, "exports.json"), None, f"{told['persons']} persons - {dropped} dropped is not {told['persons_left']}")  # fmt: skip
    for file in evidence.files:
        if file.fault or file.rows != file.rows_told:
            found = file.fault or f"{file.rows} rows"
            yield Bad(file.place, None, f"{found}, exports.json says {file.rows_told}")
    for entry in evidence.told["exports"]:
        yield from _short(evidence, side, entry, left=told["persons_left"], rows=told["item_rows_left"])  # fmt: skip


def _short(
    evidence: Evidence, side: Side, entry: dict[str, Any], *, left: int, rows: int
) -> Iterator[Bad]:
    """Whether an export lost somebody without counting them."""
    if entry["kind"] not in _COUNTED or not entry["files"]:
        return
    files = [f for f in evidence.files if f.export == entry["name"] and f.content == "full"]
    drops = sum(entry["drops"].values())
    if entry["kind"] == "item_lists":
        held, expected, unit = sum(file.rows for file in files), rows, "item rows"
    else:
        places = {file.place for file in files}
        named = zip(side.targeted[c.FILE].to_pylist(), side.targeted[c.PERSON_ID].to_pylist(), strict=True)  # fmt: skip
        held, expected, unit = len({who for file, who in named if file in places}), left, "persons"
    if not expected - drops <= held <= expected:
        yield Bad(f"export/{entry['name']}", None, f"{held} {unit} of {expected}, {drops} counted as dropped")  # fmt: skip


def _shrunk(run: Run) -> bool:
    """Whether an erasure took rows out of a run after it was counted."""
    return "erased_from" in run.manifest


def _file(side: Side, name: str) -> str:
    return f"{side.run.manifest['step']}/{name}"


CHECKS: Final = (
    Check(
        "budget",
        "the contacts together cost no more than the budget",
        "Run 'retarget score' again; do not upload an export of these decisions.",
        _budget,
    ),
    Check(
        "waterfall",
        "in - removed = left for every rule, and the decisions agree",
        "Run the step again; if this stays, report it as a defect.",
        _waterfalls,
    ),
    Check(
        "everybody",
        "every person has one decision with a reason, and rows that agree",
        "Run 'retarget score' again; if this stays, report it as a defect.",
        _everybody,
    ),
    Check(
        "export_sums",
        "persons contacted - dropped = persons in the files, for every export",
        "Run 'retarget export' again; if this stays, report it as a defect.",
        _export_sums,
    ),
)
