"""Google's product taxonomy: `id - A > B > C`, one category per line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from features.errors import InputError
from features.files.opening import FileLimits, open_bytes, read_lines

_ROW: Final = re.compile(r"([0-9]{1,9}) - (.+)")
_ARROW: Final = re.compile(r"\s*>\s*")


class Taxonomy:
    """Categories by number and by path; both are looked up without regard to case and spacing."""

    def __init__(self, path_by_id: Mapping[str, str]) -> None:
        self._by_id = dict(path_by_id)
        self._by_path = {_key(path): path for path in path_by_id.values()}

    def __len__(self) -> int:
        return len(self._by_id)

    def path(self, written: str) -> str | None:
        """The full path of a category written as a number or as a path; None = it is in no taxonomy."""
        text = written.strip()
        return self._by_id.get(text) or self._by_path.get(_key(text))


def read_taxonomy(path: Path) -> Taxonomy:
    """A taxonomy file as Google publishes it (`taxonomy-with-ids`).

    Raises:
        InputError: the file cannot be read, or a line is no category.
    """
    limits = FileLimits()
    by_id: dict[str, str] = {}
    with open_bytes(path, limits=limits) as stream:
        for line in read_lines(stream, path=path, limits=limits):
            text = line.text.strip()
            if not text or text.startswith("#"):
                continue
            row = _ROW.fullmatch(text)
            if line.problem or row is None:
                raise _broken(path, f"line {line.number} is no category")
            by_id[row.group(1)] = row.group(2)
    if not by_id:
        raise _broken(path, "holds no category")
    return Taxonomy(by_id)


def _key(path: str) -> str:
    return _ARROW.sub(" > ", path.strip()).casefold()


def _broken(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        found,
        rule="a taxonomy has lines like '2 - Animals & Pet Supplies > Pet Supplies'",
        next_step="Download 'taxonomy-with-ids' again.",
    )
