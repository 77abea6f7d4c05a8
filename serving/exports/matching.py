"""From a field of a contact to what a platform matches: normalised, hashed, or empty and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from serving.exports.hashing import UnusableError, refuse_hash, sha256


def or_empty(written: str, normalise: Callable[[str], str], drops: Counter[str]) -> str:
    """A normalised text; "" where there is none, or where it cannot be normalised, which is counted."""
    if not written:
        return ""
    try:
        refuse_hash(written)
        return normalise(written)
    except UnusableError as error:
        drops[error.code] += 1
        return ""


def hashed(written: str, normalise: Callable[[str], str], drops: Counter[str]) -> str:
    """SHA-256 of a normalised text; "" as in `or_empty`."""
    text = or_empty(written, normalise, drops)
    return sha256(text) if text else ""


def nothing_matches(cells: Iterable[str]) -> bool:
    """Whether a row has nothing that a platform could match."""
    return not any(cells)
