"""The last look at a file that names persons: none of their e-mail addresses or phone numbers stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from features.errors import GateError
from serving.exports import contacts as k
from serving.exports.base import Row
from serving.exports.contacts import Contacts
from serving.exports.hashing import UnusableError, e_mail, google_e_mail, phone_digits
from serving.exports.inert import E_MAIL


@dataclass(frozen=True, eq=False)
class Clear:
    """Contacts in clear, in memory only.

    Attributes:
        texts: e-mail addresses in lower case and phone numbers as digits.
    """

    texts: frozenset[str]

    @classmethod
    def of(cls, contacts: Contacts | None) -> Clear:
        """Everything that must not be written."""
        rows = [] if contacts is None else [row for own in contacts.rows.values() for row in own]
        return cls(frozenset(text for row in rows for text in _in_clear(row, contacts)))

    def require_absent(self, file: str, rows: Iterable[Row]) -> None:
        """Stop if a cell is, or holds, a contact.

        Raises:
            GateError: one does; the message does not show it.
        """
        if not self.texts:
            return
        for number, row in enumerate(rows, start=1):
            if any(found in self.texts for cell in row for found in _candidates(cell)):
                raise GateError(
                    f"export {file}",
                    f"row {number} holds an e-mail address or a phone number in clear",
                    rule="contacts leave as hashes only; the last good export stays",
                    next_step="Check whether ids of persons or texts of items are contacts.",
                )


def _in_clear(row: dict[str, str], contacts: Contacts | None) -> Iterator[str]:
    code = None if contacts is None else contacts.calling_code

    def digits(text: str) -> str:
        return phone_digits(text, calling_code=code)

    readings: list[tuple[str, Callable[[str], str]]] = [
        (row[k.E_MAIL], e_mail), (row[k.E_MAIL], google_e_mail), (row[k.PHONE], digits),
    ]  # fmt: skip
    for written, read in readings:
        try:
            yield read(written)
        except UnusableError:
            continue


def _candidates(cell: str) -> Iterator[str]:
    if "@" in cell:
        yield from (found.lower() for found in E_MAIL.findall(cell))
    yield cell.removeprefix("+")
