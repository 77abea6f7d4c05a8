"""Persons whom a platform must not show ads to: negative audiences, for each platform in its own format.

Only persons who agreed to personalised advertising can be named to a platform at all, not even to be left out: whoever
did not agree is not in any audience, so nothing is lost. Control persons may stand here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from features import columns as c
from features.assignment import HOLDOUT
from features.config import BaseConfig
from features.errors import GateError
from serving.exports import google_customer_match, meta_audience
from serving.exports.audiences import RowProblem, RowsOf, prepare_part
from serving.exports.base import SCHEMA_VERSION, Format, Outcome, Row, Unavailable
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import id_problem
from serving.exports.recheck import RECENT_PURCHASER, SUPPRESSED

OWN_COLUMNS: Final = ("schema_version", c.PERSON_ID, "reason")
_DEFAULT: Final = (RECENT_PURCHASER, "frequency_cap", SUPPRESSED, HOLDOUT)

Reason = Literal["recent_purchaser", "frequency_cap", "suppressed", "holdout", "no_history"]


class SuppressionListConfig(BaseConfig):
    """Whom to leave out, and where."""

    kind: Literal["suppression_list"]

    format: Literal["google_customer_match", "meta_audience", "own_ids"] = "own_ids"
    """For whom the file is."""

    reasons: tuple[Reason, ...] = Field(default=_DEFAULT, min_length=1)
    """Reasons whose persons are listed."""


def prepare(_: str, config: SuppressionListConfig, facts: ExportFacts) -> Outcome:
    """One row per person and contact or id.

    Raises:
        GateError: persons are to be left out and the file could name none of them.
    """
    if config.format == "google_customer_match" and facts.contacts is None:
        return Unavailable(
            "Google knows persons by e-mail, phone or address only, and the project names no contacts file"
        )
    listed = {
        person: reason for person, reason in facts.excluded.items() if reason in config.reasons
    }
    rows_of, problem, keys = _writer(config, facts, listed)
    prepared = prepare_part("", listed, rows_of, problem, keys=keys)
    if listed and not prepared.rows:
        raise GateError(
            f"suppression list for {config.format}",
            f"would be empty while {len(listed):,} persons are to be left out",
            rule="an empty list would be read as: leave out nobody",
            next_step="Check the contacts file; the last good export stays.",
        )
    return [prepared]


def _writer(
    config: SuppressionListConfig, facts: ExportFacts, listed: Mapping[str, str]
) -> tuple[RowsOf, RowProblem, tuple[int, ...]]:
    if config.format == "google_customer_match" and facts.contacts is not None:
        google = google_customer_match
        return google.rows_of(facts.contacts), google.row_problem, google.KEYS
    if config.format == "meta_audience":
        meta = meta_audience
        return meta.rows_of(facts.known, facts.contacts), meta.row_problem, meta.KEYS

    def own(person: str, _: Counter[str]) -> list[Row]:
        return [(SCHEMA_VERSION, person, listed[person])]

    return own, own_problem, (1,)


def own_problem(row: Row) -> str | None:
    """Why a row of our own format is refused."""
    return id_problem(row[1])


def file_format(config: SuppressionListConfig, _: ExportFacts) -> Format:
    """The format of the platform; our own is CSV."""
    if config.format == "google_customer_match":
        return google_customer_match.customer_list()
    if config.format == "meta_audience":
        return meta_audience.payloads()
    return DelimitedFormat(OWN_COLUMNS, row_problem=own_problem, unique=(1,))
