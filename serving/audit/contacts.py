"""Contacts of the client's persons, hashed in every way a platform may ask for, so that hashes in files can be traced.

Written apart from the code that hashes contacts for the exports: two mistakes would have to agree to go unseen.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.audit.identities import Identities
from serving.audit.person_files import person_of, read_rows

_E_MAIL: Final = "email"
_PHONE: Final = "phone"
_DOTLESS: Final = ("gmail.com", "googlemail.com")
"""Mail providers that ignore dots and `+…`, and whose addresses Google hashes without."""

_LEAST_DIGITS: Final = 8


@dataclass(frozen=True, eq=False)
class ContactHashes:
    """What is known of the contacts.

    Attributes:
        persons: everybody who has the contact of each SHA-256.
        clear: the contacts themselves, in memory only: addresses in lower case, phone numbers as digits.
    """

    persons: Mapping[str, frozenset[str]]
    clear: frozenset[str]


def read_contact_hashes(
    config: Mapping[str, Any], identities: Identities, *, folder: Path
) -> ContactHashes:
    """Hash the contacts file of an export's config.

    Raises:
        InputError: it cannot be read whole.
    """
    persons: dict[str, set[str]] = {}
    clear: set[str] = set()
    for row in read_rows((folder / config["file"]).resolve()):
        who = person_of(row, identities)
        addresses = set(_addresses(row.get(_E_MAIL, "")))
        numbers = set(_numbers(row.get(_PHONE, ""), config["calling_code"]))
        clear |= addresses | numbers
        for text in addresses | numbers | {f"+{number}" for number in numbers}:
            persons.setdefault(sha256(text), set()).add(who)
    return ContactHashes({key: frozenset(who) for key, who in persons.items()}, frozenset(clear))


def sha256(text: str) -> str:
    """SHA-256 of a text, 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def _addresses(written: str) -> Iterator[str]:
    address = "".join(written.split()).lower()
    name, at, domain = address.rpartition("@")
    if not at:
        return
    yield address
    if domain in _DOTLESS:
        yield f"{name.split('+')[0].replace('.', '')}@{domain}"


def _numbers(written: str, calling_code: str | None) -> Iterator[str]:
    digits = re.sub(r"\D", "", written.replace("(0)", ""))
    if len(digits) < _LEAST_DIGITS:
        return
    if written.strip().startswith("+"):
        yield digits
    elif digits.startswith("00"):
        yield digits[2:]
    elif calling_code is not None:
        yield calling_code + digits.removeprefix("0")
