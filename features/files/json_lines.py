"""JSON objects, one per line, with their numbers kept as written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from features.files.opening import FileLimits, read_lines
from features.files.rejects import RejectLog

_NOT_A_NUMBER: Final = object()


class RefusedJsonError(Exception):
    """JSON text that cannot be used; `code` is the reason code."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class _Object(dict[str, Any]):
    """A JSON object that remembers whether it named a key twice, at any depth."""

    flaw: str | None = None


def read_json_lines(
    stream: BinaryIO, *, path: Path, log: RejectLog, limits: FileLimits
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, object) of every good line; a blank line is no row.

    Numbers arrive as the text they were written in, so that `15.00` stays `15.00`.

    Args:
        stream: bytes of the file.
        path: its name, for messages.
        log: receives refused lines: `invalid_json`, `not_an_object`, `repeated_key`, `nested_too_deep`, `not_a_number`,
            `line_too_long`, `nul_byte`, `invalid_utf8`.
        limits: bounds on lines.
    """
    for line in read_lines(stream, path=path, limits=limits):
        if line.problem:
            log.add(line.problem, line=line.number, value=line.text.rstrip("\r\n"))
        elif line.text.strip():
            try:
                yield line.number, parse_object(line.text)
            except RefusedJsonError as refused:
                log.add(refused.code, line=line.number, value=line.text.rstrip("\r\n"))


def parse_object(text: str) -> dict[str, Any]:
    """One JSON object.

    Raises:
        RefusedJsonError: with its reason code.
    """
    try:
        return checked_object(DECODER.decode(text))
    except ValueError:
        raise RefusedJsonError("invalid_json") from None
    except RecursionError:
        raise RefusedJsonError("nested_too_deep") from None


def checked_object(value: object) -> dict[str, Any]:
    """`value`, decoded by `DECODER`, if it is an object without flaw.

    Raises:
        RefusedJsonError: with its reason code.
    """
    if not isinstance(value, _Object):
        raise RefusedJsonError("not_an_object")
    if value.flaw:
        raise RefusedJsonError(value.flaw)
    return value


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) != len(pairs):
        made.flaw = "repeated_key"
    for key, value in pairs:
        plain = type(value) is str and value.isascii() and key.isascii()  # nearly all of them
        if not plain:
            made.flaw = made.flaw or _flaw(key) or _flaw(value)
    return made


def _flaw(value: object) -> str | None:
    if isinstance(value, _Object):
        return value.flaw
    if isinstance(value, list):
        return next((flaw for flaw in map(_flaw, value) if flaw), None)
    if value is _NOT_A_NUMBER:
        return "not_a_number"
    if isinstance(value, str) and not value.isascii() and _has_surrogate(value):
        return "invalid_utf8"
    return None


def _has_surrogate(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=str,
    parse_float=str,
    parse_constant=lambda _: _NOT_A_NUMBER,
)
"""Decodes numbers as text; every object it makes must pass `checked_object`."""
