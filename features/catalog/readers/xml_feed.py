"""Feeds as XML: RSS 2.0 and Atom 1.0 with Google's `g:` names, as Merchant Center and Meta write them.

The parser is expat without a tree: a document type (and with it every entity and external reference) is refused before
it can do anything, and nothing is kept of an item but its texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from features.catalog.readers.raw import RawFeed, Row, finish, join_repeated
from features.catalog.spellings import attribute_name
from features.errors import InputError
from features.files.delimited import MAX_FIELD_CHARACTERS
from features.files.rejects import RejectLog

GOOGLE: Final = "http://base.google.com/ns/1.0"
GOOGLE_CUSTOM: Final = "http://base.google.com/cns/1.0"
ATOM: Final = "http://www.w3.org/2005/Atom"

MAX_ITEM_CHARACTERS: Final = 1_048_576
"""Texts of one item at most, all together; a longer item is rejected."""

_MAX_DEPTH: Final = 32
_CHUNK: Final = 1 << 16
_ITEM_TAGS: Final = frozenset({"item", "entry"})
_WRITTEN_AT: Final = ("lastbuilddate", "updated", "pubdate")
_PLAIN: Final[dict[str, str]] = {"summary": "description", "content": "description"}
"""Atom's own names of Merchant attributes."""


def read(stream: BinaryIO, *, path: Path) -> RawFeed:
    """An RSS or Atom feed.

    Rejected: `repeated_attribute` (one attribute, two different values), `value_too_long`.

    Raises:
        InputError: a document type declaration, XML that is not well-formed to its end (half a feed would delete the
            other half of the catalog), another root than rss or feed, nesting beyond reason.
    """
    log = RejectLog(path.name)
    parser = _FeedParser(path, log)
    items, rejects = finish(parser.rows(stream), log)
    return RawFeed(path.name, items, rejects, parser.generated_at, parser.longest_line)


class _FeedParser:
    """Collects the texts of one item at a time; `rows` hands them out as chunks of the file are read."""

    def __init__(self, path: Path, log: RejectLog) -> None:
        self.generated_at: str | None = None
        self.longest_line = 0
        self._line_bytes = 0
        self._path, self._log = path, log
        self._stack: list[str] = []
        self._ready: list[tuple[int, Row]] = []
        self._item: _Item | None = None
        self._text: list[str] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def rows(self, stream: BinaryIO) -> Iterator[tuple[int, Row]]:
        while chunk := stream.read(_CHUNK):
            self._measure(chunk)
            self._parse(chunk, final=False)
            yield from self._ready
            self._ready.clear()
        self._parse(b"", final=True)
        yield from self._ready
        self.longest_line = max(self.longest_line, self._line_bytes)

    def _parse(self, data: bytes, *, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            raise self._unusable(
                f"is not well-formed at line {error.lineno}, column {error.offset}: "
                f"{expat.ErrorString(error.code)}"
            ) from None
        except (ValueError, LookupError) as error:  # an encoding that Python does not know
            raise self._unusable(f"cannot be decoded ({error})") from None

    def _measure(self, chunk: bytes) -> None:
        first, *rest = chunk.split(b"\n")
        self._line_bytes += len(first)
        for part in rest:
            self.longest_line = max(self.longest_line, self._line_bytes)
            self._line_bytes = len(part)

    def _refuse_doctype(self, *_: object) -> None:
        raise InputError(
            str(self._path),
            f"declares a document type (line {self._parser.CurrentLineNumber})",
            rule="a feed may not bring entities or external references",
            next_step="Write the feed without '<!DOCTYPE'.",
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        space, local = _split(name)
        self._stack.append(local)
        if len(self._stack) == 1 and local not in {"rss", "feed"}:
            raise self._unusable(f"starts with <{local}>")
        if len(self._stack) > _MAX_DEPTH:
            raise self._unusable(f"is nested deeper than {_MAX_DEPTH} elements")
        self._text = []
        if self._item is None and local in _ITEM_TAGS and space in {"", ATOM}:
            self._item = _Item(self._parser.CurrentLineNumber, len(self._stack))
        elif self._item is not None:
            self._item.start(space, local, attributes)

    def _characters(self, text: str) -> None:
        if self._item is not None:
            self._item.add(text)
        elif len(self._text) < _MAX_DEPTH:
            self._text.append(text)

    def _end(self, name: str) -> None:
        _, local = _split(name)
        depth = len(self._stack)
        self._stack.pop()
        if self._item is None:
            if local.lower() in _WRITTEN_AT and self.generated_at is None:
                self.generated_at = "".join(self._text).strip() or None
        elif depth == self._item.depth:
            self._finish_item(self._item)
            self._item = None
        else:
            self._item.end()

    def _finish_item(self, item: _Item) -> None:
        row = item.row()
        if item.too_long:
            self._log.add("value_too_long", line=item.line, value=item.too_long)
        elif row is None:
            self._log.add("repeated_attribute", line=item.line, value=item.repeated())
        else:
            self._ready.append((item.line, row))

    def _unusable(self, found: str) -> InputError:
        return InputError(
            str(self._path),
            found,
            rule="an XML feed is one whole RSS 2.0 or Atom document",
            next_step="Send the feed again; a part of it would delete the rest of the catalog.",
        )


class _Item:
    """One item while it is being read.

    Attributes:
        line: line it starts on.
        depth: depth of its element.
        too_long: name of an attribute whose text passed the limit; empty = none.
    """

    def __init__(self, line: int, depth: int) -> None:
        self.line, self.depth, self.too_long = line, depth, ""
        self._size = 0
        self._open: list[_Element] = []
        self._google: list[tuple[str, str]] = []
        self._plain: list[tuple[str, str]] = []

    def start(self, space: str, local: str, attributes: dict[str, str]) -> None:
        self._open.append(_Element(space, local))
        if local == "link" and attributes.get("rel", "alternate") == "alternate":
            self.add(attributes.get("href", ""))  # Atom writes the address as an attribute

    def add(self, text: str) -> None:
        if not self._open or self.too_long:
            return
        self._size += len(text)
        if self._size > MAX_ITEM_CHARACTERS or not self._open[-1].add(text):
            self.too_long = self._open[0].name

    def end(self) -> None:
        element = self._open.pop()
        self._size += len(element.name)
        if self._size > MAX_ITEM_CHARACTERS:
            self.too_long = self.too_long or element.name
        if self.too_long:
            return
        if self._open:
            self._open[-1].children.append((element.name, element.value()))
            return
        value = element.value()
        text = value if isinstance(value, str) else json.dumps(dict(value), ensure_ascii=False)
        if not text:
            return
        if element.google:
            self._google.append((element.name, text))
        else:
            self._plain.append((_PLAIN.get(element.name, element.name), text))

    def row(self) -> dict[str, str] | None:
        """Texts by attribute; a `g:` element wins over RSS's or Atom's own; None = contradictory."""
        google = join_repeated(self._google)
        if google is None:
            return None
        if google:
            plain = dict(reversed(self._plain))
        else:
            found = join_repeated(self._plain)
            if found is None:
                return None
            plain = found
        return {**plain, **google}

    def repeated(self) -> str:
        """The contradictory elements, for the reject."""
        found = self._google or self._plain
        names = [name for name, _ in found]
        return ", ".join(f"{name}={value}" for name, value in found if names.count(name) > 1)


class _Element:
    """An attribute of an item, or a part of one such as shipping's country."""

    def __init__(self, space: str, local: str) -> None:
        self.google = space in {GOOGLE, GOOGLE_CUSTOM}
        self.name = attribute_name(local)
        self.children: list[tuple[str, Any]] = []
        self._texts: list[str] = []
        self._length = 0

    def add(self, text: str) -> bool:
        """Keep a piece of text; False when it is too long, and then it is not kept."""
        self._length += len(text)
        if self._length > MAX_FIELD_CHARACTERS:
            return False
        self._texts.append(text)
        return True

    def value(self) -> Any:
        return dict(self.children) if self.children else "".join(self._texts).strip()


@lru_cache(maxsize=4096)
def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(" ")
    return space, local
