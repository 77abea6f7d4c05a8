"""Where outputs come from: hashes of contents and code, versions of libraries."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from features.errors import InputError

LAYERS: Final = ("features", "training", "serving")
"""The three floors, lowest first. A step's code version covers its own floor and those below."""

HASH_DIGITS: Final = 16
"""Length of a run id, 64 bits: two of a million runs agree with a chance of 1 in 40 million."""

_LIBRARIES: Final = (
    "duckdb",
    "implicit",
    "lightgbm",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
)


def content_hash(data: bytes) -> str:
    """Short content hash, the same form as a run id."""
    return hashlib.sha256(data).hexdigest()[:HASH_DIGITS]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise InputError(
            str(path),
            f"cannot be read ({error.strerror})",
            rule="this step reads it",
            next_step="Check the path in the config.",
        ) from None


@cache
def code_version(layer: str) -> str:
    """Hash of the source of a floor and all below it: changed code means another run id."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for package in LAYERS[: LAYERS.index(layer) + 1]:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and path.suffix != ".md" and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:HASH_DIGITS]


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries whose arithmetic the output depends on."""
    return {name: metadata.version(name) for name in _LIBRARIES}
