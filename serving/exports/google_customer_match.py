"""Google Customer Match: a CSV of hashed e-mail addresses, phones and names, countries and postal codes as they are.

Source: Google Ads help 7659867 and its template; Data Manager API, "Format user data".
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final, Literal

from pydantic import Field

from features.quality.segment_size import SegmentSizeConfig
from serving.exports import contacts as k
from serving.exports import hashing
from serving.exports.audiences import AudienceConfig, RowsOf, prepare_audience
from serving.exports.base import Format, Outcome, Row, Unavailable
from serving.exports.contacts import Contacts
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.matching import hashed, nothing_matches, or_empty

COLUMNS: Final = ("Email", "Phone", "First Name", "Last Name", "Country", "Zip")
"""Spelled exactly as the template has them."""

KEYS: Final = (0, 1)
"""E-mail and phone say whom a row is about."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_HASHED: Final = 4
"""The first columns, which are hashed; country and postal code never are."""


class GoogleCustomerMatchConfig(AudienceConfig):
    """An audience for Google Ads, from the contacts file."""

    kind: Literal["google_customer_match"]

    sizes: SegmentSizeConfig | None = Field(
        default=SegmentSizeConfig(
            platforms=("google_ads.audience_display", "google_ads.audience_search")
        )
    )


def prepare(name: str, config: GoogleCustomerMatchConfig, facts: ExportFacts) -> Outcome:
    """One row per contact of each person to contact."""
    if facts.contacts is None:
        return Unavailable(
            "Google Customer Match knows persons by e-mail, phone or address only, and the project names no contacts file"
        )
    return prepare_audience(name, config, facts, rows_of(facts.contacts), row_problem, keys=KEYS)


def rows_of(contacts: Contacts) -> RowsOf:
    """A row per contact of a person, without those that have nothing Google could match."""

    def of(person: str, drops: Counter[str]) -> list[Row]:
        rows = [_row(contact, contacts, drops) for contact in contacts.of(person)]
        return [row for row in rows if any(row)]

    return of


def file_format(_: GoogleCustomerMatchConfig, __: ExportFacts) -> Format:
    """CSV, comma, UTF-8."""
    return customer_list()


def customer_list() -> Format:
    """The format of any list of customers for Google."""
    return DelimitedFormat(COLUMNS, row_problem=row_problem)


def _row(contact: dict[str, str], contacts: Contacts, drops: Counter[str]) -> Row:
    address = hashed(contact[k.E_MAIL], hashing.google_e_mail, drops)
    phone = hashed(
        contact[k.PHONE],
        lambda text: hashing.e164(text, calling_code=contacts.calling_code),
        drops,
    )
    country = or_empty(contact[k.COUNTRY], hashing.country, drops)
    code = or_empty(contact[k.ZIP], hashing.postal_code, drops)
    first = hashed(contact[k.FIRST_NAME], hashing.google_name, drops)
    last = hashed(contact[k.LAST_NAME], hashing.google_name, drops)
    if not (first and last and country and code):  # an address is matched by all four or not at all
        first = last = country = code = ""
    return (address, phone, first, last, country, code) if address or phone or first else ("",) * 6


def row_problem(row: Row) -> str | None:
    """Why Google would refuse a row."""
    hashes, (country, code) = row[:_HASHED], row[_HASHED:]
    if any(text and _HEX.fullmatch(text) is None for text in hashes):
        return "not_hashed"
    if nothing_matches(hashes):
        return "nothing_to_match"
    if (country and _COUNTRY.fullmatch(country) is None) or "@" in code:
        return "invalid_address"
    return None
