"""Model hand-off: a folder of native files and a manifest that vouches for them. Never a pickle.

    <bundle>/manifest.json     kind, config, facts, library versions, hash of every other file
    <bundle>/arrays/*.npy      numbers
    <bundle>/<name>            text: JSON, LightGBM models

The hashes catch a damaged, mixed-up or edited file. They do not prove who wrote the bundle: keep the folder where only
the trainer can write.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from features.errors import InputError, WorkspaceError
from features.provenance import content_hash, file_hash, library_versions
from features.run import MANIFEST, read_arrays, to_json

_ARRAYS: Final = "arrays"


@dataclass(frozen=True)
class Bundle:
    """The verified content of a bundle.

    Attributes:
        kind: which implementation it belongs to.
        config: the config it was made with, as plain JSON.
        facts: whatever the model must know at load: feature schema, training cut-off.
        arrays: numbers by name, read-only.
        texts: text files by name.
        libraries: versions of the libraries that made it.
        key: hash of the manifest, and so of everything in the bundle.
    """

    kind: str
    config: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    texts: Mapping[str, str]
    libraries: Mapping[str, str]
    key: str


def write_bundle(
    folder: Path,
    *,
    kind: str,
    config: BaseModel,
    facts: Mapping[str, Any] | None = None,
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    texts: Mapping[str, str] | None = None,
) -> str:
    """Write a bundle into a folder that does not exist yet; returns its key.

    The manifest is written last, so a folder without one is a bundle that was never finished. The same model gives the
    same bytes.

    Args:
        folder: where to; its parents are made.
        kind: which implementation the content belongs to.
        config: the config the model was made with.
        facts: whatever the model must know at load, as plain JSON.
        arrays: numbers by name.
        texts: text files by plain file name.

    Raises:
        WorkspaceError: the folder exists already or cannot be written.
        ValueError: an array of Python objects.
    """
    try:
        (folder / _ARRAYS).mkdir(parents=True)
        for name, array in (arrays or {}).items():
            np.save(folder / _ARRAYS / f"{name}.npy", array, allow_pickle=False)
        for name, text in (texts or {}).items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
        manifest = {
            "kind": kind,
            "config": config.model_dump(mode="json"),
            "facts": facts or {},
            "libraries": library_versions(),
            "files": _hashes(folder),
        }
        (folder / MANIFEST).write_text(to_json(manifest), encoding="utf-8", newline="\n")
    except OSError as error:
        raise WorkspaceError(
            str(folder),
            f"cannot be written ({error.strerror or error})",
            rule="a bundle goes into a new folder",
            next_step="Choose another folder, or remove this one.",
        ) from error
    return _key(folder)


def read_bundle(folder: Path) -> Bundle:
    """Read a bundle after checking every file against the manifest.

    Raises:
        InputError: no manifest, a file that is missing, added, linked or changed, or content that is not a bundle.
    """
    manifest = _manifest(folder)
    _verify(folder, manifest["files"])
    names = [name for name in manifest["files"] if "/" not in name]
    try:
        return Bundle(
            kind=manifest["kind"],
            config=manifest["config"],
            facts=manifest["facts"],
            arrays=read_arrays(folder / _ARRAYS),
            texts={name: (folder / name).read_text(encoding="utf-8") for name in names},
            libraries=manifest["libraries"],
            key=_key(folder),
        )
    except (KeyError, ValueError, EOFError) as error:
        raise _refused(folder, f"does not read as a bundle ({type(error).__name__})") from None


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except OSError:
        raise _refused(folder, f"has no readable {MANIFEST}") from None
    except ValueError:
        raise _refused(folder, f"has a {MANIFEST} that is not JSON") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise _refused(folder, f"has a {MANIFEST} without a list of files")
    return manifest


def _hashes(folder: Path) -> dict[str, str]:
    """Hash of every file but the manifest, by path inside the folder."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in paths}


def _verify(folder: Path, expected: Mapping[str, str]) -> None:
    files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    links = sorted(str(path.relative_to(folder)) for path in files if path.is_symlink())
    if links:
        raise _refused(folder, f"holds a link, '{links[0]}'")
    found = _hashes(folder)
    for name in sorted(expected.keys() | found.keys()):
        if name not in found:
            raise _refused(folder, f"lacks '{name}'")
        if name not in expected:
            raise _refused(folder, f"holds '{name}', which its manifest does not name")
        if found[name] != expected[name]:
            raise _refused(folder, f"holds '{name}' with another content than its manifest says")


def _key(folder: Path) -> str:
    return content_hash((folder / MANIFEST).read_bytes())


def _refused(folder: Path, found: str) -> InputError:
    return InputError(
        str(folder),
        found,
        rule="a model bundle is loaded only as it was written",
        next_step="Train again, or restore the bundle from the run that made it.",
    )


def text_array(values: npt.NDArray[np.object_]) -> str:
    """Text values as JSON, the inverse of `read_text_array`; .npy would need a pickle for them."""
    return json.dumps(values.tolist(), ensure_ascii=False) + "\n"


def read_text_array(text: str) -> npt.NDArray[np.object_]:
    """Text values written by `text_array`, shape (n,)."""
    return np.array(json.loads(text), dtype=object)
