"""Feeds as JSON: a list of items, an object that holds one list of items, or one item per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from features.catalog.readers.raw import LIST_ATTRIBUTES, RawFeed, Row, finish, join_repeated
from features.catalog.spellings import attribute_name
from features.errors import InputError
from features.files.json_lines import (
    DECODER,
    RefusedJsonError,
    checked_object,
    parse_object,
    read_json_lines,
)
from features.files.opening import FileLimits
from features.files.rejects import RejectLog

LIST_KEYS: Final = ("items", "products", "entries", "resources", "data")
"""Where an object keeps its list of items."""

MAX_DOCUMENT_BYTES: Final = 1024**3
"""A document is held in memory whole; a larger feed comes as one item per line."""

_GAP: Final = re.compile(r"[\s,]*")
_LIST_START: Final = re.compile(r'"(' + "|".join(LIST_KEYS) + r')"\s*:\s*\[')
_BOM: Final = "\ufeff"


def read_lines(stream: BinaryIO, *, path: Path, limits: FileLimits) -> RawFeed:
    """A feed of one JSON object per line."""
    log = RejectLog(path.name)
    found = read_json_lines(stream, path=path, log=log, limits=limits)
    items, rejects = finish(_flat_rows(found, log), log)
    return RawFeed(path.name, items, rejects)


def read_document(stream: BinaryIO, *, path: Path) -> RawFeed:
    """A feed that is one JSON document: a list of items, or an object with one under `items`, `products` ...

    Raises:
        InputError: it is not UTF-8 or not JSON to its end, so that items may be missing, or holds no list of items.
    """
    log = RejectLog(path.name)
    content = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise _unusable(path, f"is a document of more than {MAX_DOCUMENT_BYTES} bytes")
    try:
        text = content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        raise _unusable(path, f"is not UTF-8 (byte {error.start})") from None
    items, rejects = finish(_flat_rows(_elements(text, path, log), log), log)
    return RawFeed(path.name, items, rejects)


def _elements(text: str, path: Path, log: RejectLog) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of each element of the list, with the line it starts on."""
    position, line = _list_start(text, path), 1
    counted = 0
    while True:
        gap = _GAP.match(text, position)
        position = gap.end() if gap else position
        if text.startswith("]", position):
            _require_end(text, position, path)
            return
        try:
            value, end = DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _unusable(
                path, f"is not JSON at line {error.lineno}, column {error.colno}"
            ) from None
        except RecursionError:
            raise _unusable(path, "is nested too deep") from None
        line += text.count("\n", counted, position)
        counted = position
        try:
            yield line, checked_object(value)
        except RefusedJsonError as refused:
            log.add(refused.code, line=line, value=text[position : min(end, position + 200)])
        position = end


def _list_start(text: str, path: Path) -> int:
    """Position behind the bracket that opens the list of items."""
    stripped = len(text) - len(text.lstrip())
    if text.startswith("[", stripped):
        return stripped + 1
    found = _LIST_START.search(text)
    if found is None:
        raise _unusable(path, f"has no list of items under {', '.join(LIST_KEYS)}")
    return found.end()


def _require_end(text: str, position: int, path: Path) -> None:
    """The document must close what it opened; otherwise the file was cut."""
    try:
        DECODER.decode(text[: _opening(text)] + text[position:])
    except (ValueError, RecursionError):
        raise _unusable(path, "is not JSON to its end") from None


def _opening(text: str) -> int:
    stripped = len(text) - len(text.lstrip())
    if text.startswith("[", stripped):
        return stripped + 1
    found = _LIST_START.search(text)
    return found.end() if found else 0


def _flat_rows(
    objects: Iterator[tuple[int, dict[str, Any]]], log: RejectLog
) -> Iterator[tuple[int, Row]]:
    for line, found in objects:
        row = flatten(found)
        if row is None:
            log.add("repeated_attribute", line=line, value=", ".join(found))
        else:
            yield line, row


def flatten(item: Mapping[str, Any]) -> dict[str, str] | None:
    """An item's texts by Merchant attribute; None when two keys name one attribute differently.

    Money objects become `15.00 USD`, lists of plain values are joined by commas, other nested values are kept as JSON.
    """
    found = []
    for key, value in item.items():
        name = attribute_name(key)
        text = value if isinstance(value, str) else _text(name, value)
        if text is not None:
            found.append((name, text))
    return join_repeated(found)


def _text(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict) and set(value) == {"value", "currency"}:
        return f"{value['value']} {value['currency']}"
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value) if name in LIST_ATTRIBUTES else json.dumps(value)
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def looks_like_lines(start: str) -> bool:
    """Whether text that starts with `{` is one object per line rather than one document."""
    first, _, rest = start.lstrip(_BOM).partition("\n")
    try:
        parse_object(first)
    except RefusedJsonError:
        return False
    return bool(rest.strip()) or not _LIST_START.search(first)


def _unusable(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        found,
        rule="a JSON feed is one whole list of items, or one item per line",
        next_step="Send the feed again; a part of it would delete the rest of the catalog.",
    )
