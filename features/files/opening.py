"""Opening a file that may be compressed, huge or hostile, as a bounded stream of bytes and lines."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic import Field

from features.config import BaseConfig
from features.errors import InputError

GIBIBYTE: Final = 1024**3

_UTF8_BOM: Final = b"\xef\xbb\xbf"
_OTHER_BOMS: Final = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
_MAGIC: Final = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PAR1": "Parquet",
}
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED: Final = 1


class FileLimits(BaseConfig):
    """How much of a file is believed."""

    max_bytes: int = Field(default=4 * GIBIBYTE, ge=1)
    """Bytes read at most, after decompression; a larger file is refused whole."""

    max_line_bytes: int = Field(default=5 * 1024**2, ge=64)
    """Bytes in one line; a longer line is rejected."""


@dataclass(frozen=True)
class Line:
    """One physical line.

    Attributes:
        number: from 1.
        text: its text with the line end; of a refused line, the readable start of it.
        problem: reason code when the line must be refused; None = good.
    """

    number: int
    text: str
    problem: str | None = None


@contextlib.contextmanager
def open_bytes(path: Path, *, limits: FileLimits) -> Iterator[BinaryIO]:
    """The bytes of a plain, gzip or single-file zip file.

    Raises:
        InputError: no such regular file, an archive that is broken, encrypted or holds several files, another
            compression, or (while reading) more than `limits.max_bytes`.
    """
    if not path.is_file():
        raise _unusable(path, "is not a file", "Check the path.")
    with contextlib.ExitStack() as stack:
        try:
            plain = stack.enter_context(path.open("rb"))
            start = plain.read(8)
            plain.seek(0)
            stream = _decompressed(path, plain, start, stack)
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise _unusable(path, f"cannot be opened ({error})", "Send it again.") from None
        yield io.BufferedReader(_Bounded(stream, path, limits.max_bytes), 1 << 20)


def _decompressed(
    path: Path, plain: BinaryIO, start: bytes, stack: contextlib.ExitStack
) -> BinaryIO:
    if start.startswith(_GZIP):
        return stack.enter_context(contextlib.closing(gzip.GzipFile(fileobj=plain)))  # type: ignore[return-value]
    if start.startswith(_ZIP):
        archive = stack.enter_context(zipfile.ZipFile(plain))
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1 or members[0].flag_bits & _ENCRYPTED:
            found = f"holds {len(members)} files" if len(members) != 1 else "is encrypted"
            raise _unusable(path, found, "Send one plain, gzip or zip file per table.")
        return stack.enter_context(archive.open(members[0]))  # type: ignore[return-value]
    for magic, kind in _MAGIC.items():
        if start.startswith(magic):
            raise _unusable(path, f"is a {kind} file", "Send it as plain text, gzip or zip.")
    return plain


class _Bounded(io.RawIOBase):
    """Counts what it hands out and stops at the limit, whatever an archive's header promised."""

    def __init__(self, stream: BinaryIO, path: Path, limit: int) -> None:
        self._stream, self._path, self._limit, self._read = stream, path, limit, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer)
        try:
            data = self._stream.read(len(view))
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise _unusable(self._path, f"breaks off ({error})", "Send it again.") from None
        self._read += len(data)
        if self._read > self._limit:
            raise _unusable(
                self._path,
                f"holds more than {self._limit} bytes",
                "Split it, or raise 'max_bytes' if it is meant to be so large.",
            )
        view[: len(data)] = data
        return len(data)


def read_lines(stream: BinaryIO, *, path: Path, limits: FileLimits) -> Iterator[Line]:
    """The lines of a UTF-8 text, with or without byte order mark.

    A line that is too long, not UTF-8 or holds a NUL byte comes with a `problem`; the lines after it are unharmed.

    Raises:
        InputError: the text is UTF-16 or UTF-32.
    """
    number = 0
    while data := stream.readline(limits.max_line_bytes + 1):
        number += 1
        if number == 1:
            data = _without_mark(data, path)
        too_long = len(data) > limits.max_line_bytes
        if too_long:
            _skip_line(stream, data)
        yield _line(number, data, too_long=too_long)


def _without_mark(data: bytes, path: Path) -> bytes:
    for mark, encoding in _OTHER_BOMS.items():
        if data.startswith(mark):
            raise _unusable(path, f"is {encoding} text", "Save it as UTF-8.")
    return data.removeprefix(_UTF8_BOM)


def _skip_line(stream: BinaryIO, data: bytes) -> None:
    while data and not data.endswith(b"\n"):
        data = stream.readline(1 << 20)


def _line(number: int, data: bytes, *, too_long: bool) -> Line:
    if too_long:
        return Line(number, _start(data), "line_too_long")
    if b"\x00" in data:
        return Line(number, _start(data), "nul_byte")
    try:
        return Line(number, data.decode("utf-8"))
    except UnicodeDecodeError:
        return Line(number, _start(data), "invalid_utf8")


def _start(data: bytes) -> str:
    return data[:200].decode("utf-8", errors="replace")


def _unusable(path: Path, found: str, next_step: str) -> InputError:
    return InputError(
        str(path), found, rule="an input is one whole, readable file", next_step=next_step
    )
