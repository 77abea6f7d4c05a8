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
    """How one audience becomes another: first what goes, then what comes.

    Attributes:
        removes: rows that are gone, sorted.
        adds: rows that are new, and rows that stay of somebody whom a row that goes is about too, sorted. A platform that is
            told to remove an address or an id removes the person, also one with another row that stays.

    Invariants: (old - removes) + adds = new; of equal audiences both are empty.
    """

    removes: tuple[Row, ...]
    adds: tuple[Row, ...]


def difference(old: Sequence[Row], new: Sequence[Row], *, keys: Sequence[int]) -> Difference:
    """What leads from one audience to the next; the order of rows plays no part.

    Args:
        old: rows before.
        new: rows now.
        keys: places of the cells that say whom a row is about.
    """
    before, after = set(old), set(new)
    removes = before - after
    touched = {cell for row in removes for cell in _about(row, keys)}
    again = {row for row in after if touched and touched.intersection(_about(row, keys))}
    return Difference(tuple(sorted(removes)), tuple(sorted((after - before) | again)))


def _about(row: Row, keys: Sequence[int]) -> set[tuple[int, str]]:
    return {(place, row[place]) for place in keys if row[place]}


@dataclass(frozen=True)
class Earlier:
    """The export before.

    Attributes:
        run: its run; None = there is none in the workspace: the first export, or the first after an erasure.
    """

    run: Run | None

    def files(self, name: str, written_as: str) -> dict[str, str] | None:
        """The whole files of an export then, by part; None = it was not written then, or in another form."""
        for one in self._written:
            if one["name"] == name and one["written_as"] == written_as:
                return {f["part"]: f["file"] for f in one["files"] if f["content"] == "full"}
        return None

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
