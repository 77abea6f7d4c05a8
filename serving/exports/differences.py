"""What is new in an audience and what is gone, against the export before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from features.errors import WorkspaceError
from features.run import Run
from serving.exports.base import FaultError, Format, Row

MANIFEST: str = "exports.json"
"""What an export run says about its files."""


@dataclass(frozen=True)
class Difference:
    """How one audience becomes another.

    Attributes:
        adds: rows that are new, sorted.
        removes: rows that are gone, sorted.

    Invariants: old + adds - removes = new; of equal audiences both are empty.
    """

    adds: tuple[Row, ...]
    removes: tuple[Row, ...]


def difference(old: Sequence[Row], new: Sequence[Row]) -> Difference:
    """What leads from one audience to the next; the order of rows plays no part."""
    before, after = set(old), set(new)
    return Difference(tuple(sorted(after - before)), tuple(sorted(before - after)))


@dataclass(frozen=True)
class Earlier:
    """The export before.

    Attributes:
        run: its run; None = there is none in the workspace: the first export, or the first after an erasure.
    """

    run: Run | None

    def entry(self, name: str, kind: str) -> dict[str, Any] | None:
        """What the export before says of this one; None = it was not written then, or was of another kind."""
        return next(
            (one for one in self._written if one["name"] == name and one["kind"] == kind), None
        )

    def parts(self, name: str, kind: str) -> dict[str, str]:
        """The whole files of an export then, by part."""
        entry = self.entry(name, kind) or {"files": []}
        return {f["part"]: f["file"] for f in entry["files"] if f["content"] == "full"}

    def rows(self, file: str, format_: Format) -> list[Row]:
        """The rows of a file then.

        Raises:
            WorkspaceError: the file is not what it was.
        """
        if self.run is None:
            return []
        path = self.run.path / file
        try:
            return format_.read(path)
        except (FaultError, OSError) as error:
            raise WorkspaceError(
                str(path),
                f"cannot be read ({error})",
                rule="what is new is told by comparing with the export before",
                next_step=f"Remove {self.run.path}; the next export is then written whole.",
            ) from None

    def names(self) -> list[str]:
        """Audiences written then, by name."""
        return [one["name"] for one in self._written if one["audience"]]

    @property
    def _written(self) -> list[dict[str, Any]]:
        if self.run is None:
            return []
        return [one for one in self.run.json(MANIFEST)["exports"] if one["files"]]
