"""The last look: every file of a workspace is searched for every erased id.

In tables, columns that name persons are compared cell by cell. Ids long enough not to be something else by chance are
also searched for as text, in the bytes of every file and in every text column of every table. An id of a few digits,
such as household 12, is also a price or a count: as text it cannot be searched for, and the proof says how many such
ids there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features.erasure.cleaning import clean_files
from features.erasure.request import Ids
from features.run import read_parquet

_LEAST_DIGITS: Final = 9
_LEAST_CHARACTERS: Final = 6
_WORD: Final = re.compile(rb"[0-9A-Za-z]+")


@dataclass(frozen=True)
class Search:
    """What the last look found.

    Attributes:
        files: files searched.
        hits: files that still name an erased person, relative to the workspace, sorted.
        as_text: ids that were also searched for as text.
        too_short: ids that were compared in tables only.
    """

    files: int
    hits: tuple[str, ...]
    as_text: int
    too_short: int


def search(root: Path, ids: Ids, *, skip: frozenset[str] = frozenset()) -> Search:
    """Search every file below a folder; links are not followed.

    Args:
        root: the workspace.
        ids: erased ids by kind.
        skip: files not looked at, relative to `root`.
    """
    every = {value for values in ids.values() for value in values}
    wanted = sorted(value.encode() for value in every if _telling(value))
    names = [path for path in sorted(root.rglob("*")) if path.is_file() and not path.is_symlink()]
    paths = [path for path in names if path.relative_to(root).as_posix() not in skip]
    hits = {file.name for file in clean_files(root, ids)}
    for path in paths:
        if wanted and any(_holds(text, wanted, path) for text in _texts(path)):
            hits.add(path.relative_to(root).as_posix())
    return Search(len(paths), tuple(sorted(hits)), len(wanted), len(every) - len(wanted))


def _telling(value: str) -> bool:
    least = _LEAST_DIGITS if value.isdigit() else _LEAST_CHARACTERS
    return len(value) >= least


def _texts(path: Path) -> Iterator[bytes]:
    """The bytes of a file; of a table, which is compressed, the texts in it."""
    if path.suffix != ".parquet":
        yield path.read_bytes()
        return
    table = read_parquet(path)
    for name in table.column_names:
        type_ = table[name].type
        if pa.types.is_string(type_) or pa.types.is_dictionary(type_):
            distinct = pc.unique(table[name].cast(pa.string())).drop_null()
            yield "\n".join(distinct.to_pylist()).encode()
        elif pa.types.is_nested(type_):
            yield str(table[name].to_pylist()).encode()


def _holds(text: bytes, wanted: list[bytes], path: Path) -> bool:
    """Whether a text holds one of the ids, not as a part of a longer word or number.

    A database puts its cells side by side, so there a part counts too.
    """
    if path.suffix == ".db":
        return any(value in text for value in wanted)
    words = set(_WORD.findall(text))
    return any(
        all(word in words for word in _WORD.findall(value)) and value in text for value in wanted
    )
