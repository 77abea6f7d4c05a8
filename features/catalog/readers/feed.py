"""Any feed file: find its format, read it, spell it the Merchant way."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field

from features.catalog.readers import delimited, json_feed, xml_feed
from features.catalog.readers.raw import RawFeed
from features.catalog.spellings import respell
from features.config import BaseConfig
from features.errors import InputError
from features.files.opening import FileLimits, open_bytes

FeedFormat = Literal["delimited", "xml", "json", "jsonl"]


class FeedReaderConfig(BaseConfig):
    """How a feed file is read."""

    format: FeedFormat | None = None
    """Format of the file; left out = seen from its first characters."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """Delimiter of a delimited feed; left out = seen from its header."""

    spellings: dict[str, dict[str, str]] = Field(default={})
    """Per attribute, a value this client writes -> the value meant: `availability: {limited: in_stock}`."""

    limits: FileLimits = FileLimits()
    """How much of the file is believed."""


def read_feed(path: Path, config: FeedReaderConfig | None = None) -> RawFeed:
    """The unchecked rows of a feed file: TSV, CSV, RSS, Atom, JSON or JSON lines; plain, gzip or zip.

    Raises:
        InputError: a file that cannot be read whole, or whose format is none of these.
        SchemaError: a delimited feed without usable header.

    Invariants: rows of the feed = items + rejects.
    """
    chosen = config or FeedReaderConfig()
    with open_bytes(path, limits=chosen.limits) as stream:
        feed = _read(stream, path, chosen)
    return dataclasses.replace(feed, items=respell(feed.items, chosen.spellings))


def _read(stream: BinaryIO, path: Path, config: FeedReaderConfig) -> RawFeed:
    match config.format or _seen_format(stream, path):
        case "xml":
            return xml_feed.read(stream, path=path)
        case "json":
            return json_feed.read_document(stream, path=path)
        case "jsonl":
            return json_feed.read_lines(stream, path=path, limits=config.limits)
        case _:
            return delimited.read(
                stream, path=path, limits=config.limits, delimiter=config.delimiter
            )


def _seen_format(stream: BinaryIO, path: Path) -> FeedFormat:
    start: bytes = stream.peek(1 << 16)  # type: ignore[attr-defined]  # a BufferedReader
    if start.startswith((b"\xff\xfe<", b"\xfe\xff\x00<")):
        return "xml"  # XML says its own encoding
    text = start.decode("utf-8", errors="replace").lstrip("\ufeff").lstrip()
    if not text:
        raise InputError(
            str(path), "is empty", rule="a feed holds items", next_step="Send the feed again."
        )
    if text.startswith("<"):
        return "xml"
    if text.startswith("["):
        return "json"
    if text.startswith("{"):
        return "jsonl" if json_feed.looks_like_lines(text) else "json"
    return "delimited"
