"""Hashes of erased ids, kept in the workspace so that the same raw data do not bring a person back.

A salted hash does not show the id, but whoever holds the workspace can test a guess against it: short ids are hidden
from a glance, not from a search. Keep the workspace as private as the data it was made from.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import BoolArray
from features.erasure.persons import named_ids
from features.erasure.request import Ids
from features.errors import ConfigError, WorkspaceError
from features.provenance import content_hash
from features.run import to_json
from features.store import Workspace

FILE: Final = "erased.json"


@dataclass(frozen=True)
class Tombstones:
    """Who was erased from a workspace.

    Attributes:
        salt: of the hashes.
        hashes: one per erased id.
    """

    salt: str
    hashes: frozenset[str]

    def hash(self, kind: str, value: str) -> str:
        """Salted hash of an id, 64 hex digits; the same text as another kind of id has another hash."""
        return hmac.new(self.salt.encode(), f"{kind}|{value}".encode(), hashlib.sha256).hexdigest()

    def covers(self, kind: str, value: str) -> bool:
        """Whether this id was erased."""
        return self.hash(kind, value) in self.hashes

    def with_ids(self, ids: Ids) -> Tombstones:
        """These and further ids."""
        fresh = {self.hash(kind, value) for kind, values in ids.items() for value in values}
        return Tombstones(self.salt, self.hashes | fresh)


def read_tombstones(workspace: Workspace) -> Tombstones | None:
    """The tombstones of a workspace; None = nobody was erased.

    Raises:
        WorkspaceError: the file is there and cannot be read; erased persons might come back.
    """
    path = workspace.root / FILE
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return Tombstones(content["salt"], frozenset(content["hashes"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkspaceError(
            str(path),
            f"cannot be read ({type(error).__name__})",
            rule="it keeps erased persons from coming back",
            next_step="Restore it from a backup; do not delete it.",
        ) from None


def open_tombstones(workspace: Workspace, *, salt: str) -> Tombstones:
    """The tombstones of a workspace, or the first ones.

    Raises:
        ConfigError: earlier erasures of this workspace used another salt.
    """
    found = read_tombstones(workspace)
    if found is not None and found.salt != salt:
        raise ConfigError(
            "'salt'",
            "is another than that of earlier erasures",
            rule=f"all hashes in {workspace.root / FILE} have one salt",
            next_step="Use the salt in that file.",
        )
    return found or Tombstones(salt, frozenset())


def write_tombstones(workspace: Workspace, tombstones: Tombstones) -> None:
    """Keep the tombstones; the file is replaced whole."""
    workspace.write_file(
        FILE, to_json({"salt": tombstones.salt, "hashes": sorted(tombstones.hashes)})
    )


def erasure_inputs(workspace: Workspace) -> dict[str, str]:
    """What a step that calls `drop_erased` adds to its inputs: a hash of the tombstones; nothing before any erasure."""
    found = read_tombstones(workspace)
    if found is None:
        return {}
    return {"erased": content_hash("".join(sorted(found.hashes)).encode())}


def drop_erased(table: pa.Table, workspace: Workspace) -> pa.Table:
    """The rows of persons that were not erased from the workspace.

    Args:
        table: any table; rows that name an erased person in any column are left out. A table that names nobody comes
            back as it is.
        workspace: where the tombstones are.

    Raises:
        WorkspaceError: the tombstones cannot be read.
    """
    tombstones = read_tombstones(workspace)
    if tombstones is None:
        return table
    kept = np.ones(table.num_rows, np.bool_)
    for kind, values in named_ids(table):
        kept &= ~_covered(values, kind, tombstones)
    return table if kept.all() else table.filter(pa.array(kept))


def _covered(values: pa.ChunkedArray, kind: str, tombstones: Tombstones) -> BoolArray:
    distinct = pc.unique(values).drop_null()
    gone = [value for value in distinct.to_pylist() if tombstones.covers(kind, value)]
    covered = pc.is_in(values, value_set=pa.array(gone, pa.string()), skip_nulls=True)
    found: BoolArray = covered.to_numpy().astype(np.bool_)
    return found
