"""What stands in the files: the bytes the manifest vouches for, no contact in clear, nothing that a reader would run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from features.provenance import file_hash
from features.run import MANIFEST, Run
from serving.audit.check import Bad, Check, Found, bad_places
from serving.audit.contacts import sha256
from serving.audit.evidence import Evidence
from serving.audit.published import Published, Record

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_E_MAIL: Final = re.compile(r"[^\s@\"<>(),:;]+@[^\s@\"<>(),:;]+\.[^\s@.\"<>(),:;]{2,}")
_PHONE: Final = re.compile(r"\+[0-9][0-9 ().-]{7,}")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"-[0-9]+(\.[0-9]+)?(e-?[0-9]+)?")
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)
_TAG: Final = re.compile(r"<\s*[a-zA-Z/!?]")
_SHEETS: Final = (".csv", ".tsv")
_JSON: Final = ".jsonl"


def _hashes(evidence: Evidence) -> Found:
    return bad_places(place for side in evidence.sides for place in _changed(side.run))


def _changed(run: Run) -> Iterator[Bad]:
    """Files that are not what the manifest of their run vouches for."""
    step, vouched = run.manifest["step"], run.manifest["files"]
    there = {
        str(path.relative_to(run.path))
        for path in run.path.rglob("*")
        if path.is_file() and path != run.path / MANIFEST
    }
    for name in sorted(there | set(vouched)):
        if name not in there:
            yield Bad(f"{step}/{name}", None, "is missing")
        elif name not in vouched:
            yield Bad(f"{step}/{name}", None, "is not in the manifest")
        elif file_hash(run.path / name) != vouched[name]:
            yield Bad(f"{step}/{name}", None, "has other bytes than the manifest says")


def _in_clear(evidence: Evidence) -> Found:
    """No address or phone number where an id or hash belongs, no known contact anywhere in a file that names persons."""
    hashes = evidence.contact_hashes
    clear = frozenset[str]() if hashes is None else hashes.clear
    return bad_places(
        Bad(file.place, record.line, "holds an e-mail address or a phone number")
        for file in evidence.files
        if _names_persons(file)
        for record in file.records
        if _is_clear(record, clear)
    )


def _is_clear(record: Record, clear: frozenset[str]) -> bool:
    if any(
        _E_MAIL.search(text) or _PHONE.fullmatch(text) for text in (*record.ids(), *record.hashes())
    ):
        return True  # fmt: skip
    cells = (text.removeprefix("+").lower() for text in record.texts.values())
    return any(
        cell in clear or any(word in clear for word in _E_MAIL.findall(cell)) for cell in cells
    )


def _hash_shapes(evidence: Evidence) -> Found:
    """What stands for a contact is 64 hexadecimal digits, and not those of an empty text or of the id beside it."""
    return bad_places(
        Bad(file.place, record.line, "holds a hash that is none, or that is easily undone")
        for file in evidence.files
        for record in file.records
        if any(_weak(text, record) for text in record.hashes())
    )


def _weak(text: str, record: Record) -> bool:
    guessable = {sha256(plain) for plain in ("", *record.ids())}
    return _HEX.fullmatch(text) is None or text in guessable


def _inert(evidence: Evidence) -> Found:
    return bad_places(
        Bad(file.place, record.line, f"'{name}' holds what a reader might run")
        for file in evidence.files
        for record in file.records
        for name, text in record.texts.items()
        if _runs(file, text)
    ) + bad_places(_raw_tags(evidence))


def _runs(file: Published, text: str) -> bool:
    """A cell that a spreadsheet takes for a formula, or with characters that hide something."""
    formula = text.startswith(_FORMULA) and _NUMBER.fullmatch(text) is None
    return (file.place.endswith(_SHEETS) and formula) or _CONTROL.search(text) is not None


def _raw_tags(evidence: Evidence) -> Iterator[Bad]:
    """JSON lines in which a tag stands unescaped: shown in a page it would become one."""
    if evidence.exported is None:
        return
    for file in evidence.files:
        if file.place.endswith(_JSON):
            path = evidence.exported.run.path / file.place.partition("/")[2]  # fmt: skip
            for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if _TAG.search(text):
                    yield Bad(file.place, line, "holds an unescaped tag")


def _names_persons(file: Published) -> bool:
    return file.persons_told > 0 or any(record.hashes() for record in file.records[:1])


CHECKS: Final = (
    Check(
        "file_hash",
        "every file is, byte for byte, the one that its manifest vouches for",
        "Somebody changed it: do not upload; remove the run and run its step again.",
        _hashes,
    ),
    Check(
        "in_clear",
        "no e-mail address and no phone number stands in a file that names persons",
        "Do not upload; check whether ids of persons are contacts.",
        _in_clear,
    ),
    Check(
        "hash_shape",
        "what stands for a contact is a SHA-256 that nobody can undo by guessing an id",
        "Do not upload; report this as a defect.",
        _hash_shapes,
    ),
    Check(
        "inert",
        "no cell is a formula, a tag, or hides characters",
        "Do not upload; report this as a defect with the kind of the export.",
        _inert,
    ),
)
