"""Bid inputs: what a contact with each person is worth, the funnel stage, and the bid modifier that was decided."""

from __future__ import annotations

from typing import Final, Literal

from features import columns as c
from features.config import BaseConfig
from serving.exports.base import (
    SCHEMA_VERSION,
    Format,
    Outcome,
    Prepared,
    Row,
    Unavailable,
    distinct_rows,
    number_in,
)
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import cell, id_problem

COLUMNS: Final = ("schema_version", c.PERSON_ID, c.STAGE, c.MESSAGE, "value_score", "bid_modifier", c.CURRENCY)  # fmt: skip
_PERSON, _VALUE, _MODIFIER = 1, 4, 5


class BidInputsConfig(BaseConfig):
    """Bids as they were decided: factors and bounds by stage are those of `bids` in campaign.yaml."""

    kind: Literal["bid_inputs"]


def prepare(_: str, __: BidInputsConfig, facts: ExportFacts) -> Outcome:
    """One row per person to contact, with the modifier that scoring decided."""
    wanted = [c.PERSON_ID, c.STAGE, c.MESSAGE, c.EXPECTED_VALUE, c.BID_MODIFIER]
    people = facts.eligible.people.select(wanted).to_pylist()
    valued = [
        one
        for one in people
        if one[c.EXPECTED_VALUE] is not None and one[c.BID_MODIFIER] is not None
    ]
    if not valued:
        return Unavailable("nobody to contact has an expected value")
    rows = (
        (
            SCHEMA_VERSION,
            person[c.PERSON_ID],
            person[c.STAGE],
            cell(person[c.MESSAGE]),
            f"{person[c.EXPECTED_VALUE]:.6f}",
            f"{person[c.BID_MODIFIER]:.4f}",
            facts.currency,
        )
        for person in valued
    )
    kept, drops = distinct_rows(rows, row_problem)
    drops["no_expected_value"] += len(people) - len(valued)
    return [Prepared("", kept, len(kept), +drops)]


def file_format(_: BidInputsConfig, __: ExportFacts) -> Format:
    """CSV; every modifier is above zero."""

    def problem(row: Row) -> str | None:
        modifier = number_in(row[_MODIFIER])
        above = modifier is not None and modifier > 0
        return row_problem(row) or (None if above else "modifier_out_of_bounds")

    return DelimitedFormat(COLUMNS, row_problem=problem, unique=(_PERSON,), numbers=(_VALUE,))


def row_problem(row: Row) -> str | None:
    """Why a row is off its schema."""
    if row[0] != SCHEMA_VERSION:
        return "schema_version"
    return "value_invalid" if number_in(row[_VALUE]) is None else id_problem(row[_PERSON])
