"""Texts that come from feeds and event files, made harmless for whatever opens an export.

A title is cleaned: it may lose characters. An id is never changed, because it must equal the id that a platform knows:
an id that cannot stand in a file as it is, is left out and counted.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any, Final

FORMULA_STARTS: Final = "=+-@\uff1d\uff0b\uff0d\uff20"
"""First characters of a cell that spreadsheets run, and their full-width forms."""

_FORMULAS: Final = tuple(FORMULA_STARTS)
_UNSAFE: Final = (*FORMULA_STARTS, "#", "'")

E_MAIL: Final = re.compile(r"[^\s@,;:\"'<>()\[\]]+@[^\s@,;:\"'<>()\[\]]+\.[^\s@,;:\"'<>()\[\]]+")

_SPACES: Final = re.compile(r"\s+")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode classes of control, bidirectional and zero-width characters, surrogates, private and unassigned ones."""

_JOINERS: Final = "\u200c\u200d"
"""Zero-width characters that spell words in several scripts."""

_HTML: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def clean_text(text: str) -> str:
    r"""A text in one line without invisible characters; runs of white space are one blank.

    Invariants: cleaning twice changes nothing; no control, bidirectional or line-break character is left.

    Example:
        >>> clean_text("two\nlines \u202eright to left\u202c")
        'two lines right to left'
    """
    if text.isprintable():  # the blank is the only printable white space
        return _SPACES.sub(" ", text).strip() if "  " in text else text.strip()
    kept = "".join(_visible(character) for character in text)
    return _SPACES.sub(" ", kept).strip()


def _visible(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) not in _INVISIBLE:
        return character
    return " " if character.isspace() else ""


def cell(text: str) -> str:
    """A cleaned text that no spreadsheet runs: one that looks like a formula gets a leading apostrophe.

    Example:
        >>> cell("=1+1"), cell("-50% off"), cell("Socks")
        ("'=1+1", "'-50% off", 'Socks')
    """
    cleaned = clean_text(text)
    return f"'{cleaned}" if looks_like_formula(cleaned) else cleaned


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet would run the cell."""
    return text.startswith(_FORMULAS)


def id_problem(value: str) -> str | None:
    """Why an id cannot stand in a file unchanged; None = it can.

    Example:
        >>> id_problem("sku-1"), id_problem("=cmd"), id_problem("ann@example.com")
        (None, 'unsafe_id', 'id_is_a_contact')
    """
    if not value or clean_text(value) != value or value.startswith(_UNSAFE):
        return "unsafe_id"
    return "id_is_a_contact" if "@" in value and E_MAIL.fullmatch(value) else None


def json_line(content: Any) -> str:
    """One line of JSON in ASCII, its angle brackets and ampersands escaped: inert inside any page or terminal."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character, escaped in _HTML.items():
        text = text.replace(character, escaped)
    return f"{text}\n"
