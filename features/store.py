"""The only module that writes tables and manifests: content-named runs, atomic, idempotent.

A workspace is one folder of step outputs:

    <workspace>/<step>/<run_id>/…          one finished run of one step, never changed again
    <workspace>/<step>/current             link to the run in force

A run id is the hash of (step, config, input run ids, code version). A step writes into a hidden folder beside its
target and is renamed into place when its manifest is complete, so a reader sees a finished run or none, and a job
killed at any moment is finished by running it again.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from pydantic import BaseModel

from features.config import config_hash
from features.errors import InputError, RetargetError, WorkspaceError
from features.provenance import (
    HASH_DIGITS,
    code_version,
    library_versions,
)
from features.run import MANIFEST, Run, RunWriter, not_written, to_json, write_text, writing_to

CURRENT: Final = "current"
PARENT: Final = "parent"
"""Input of a run that continues an earlier one of the same step: its run id."""

_PARTIAL: Final = ".partial-"
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""What only writing meets."""


class Workspace:
    """One folder of step outputs. Use `lock` around writing jobs: one at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the workspace; a second job is refused, not queued.

        Raises:
            WorkspaceError: another job holds it, or the folder cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            handle = (self.root / ".lock").open("w")
        except OSError as error:
            raise WorkspaceError(
                str(self.root),
                f"cannot be written ({error.strerror})",
                rule="a job writes its output to the workspace",
                next_step="Check permissions and space, or set 'workspace' in project.yaml.",
            ) from None
        with handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WorkspaceError(
                    str(self.root),
                    "another job is writing here",
                    rule="one job at a time per workspace",
                    next_step="Wait for it to end, then run again.",
                ) from None
            yield

    def current(self, step: str) -> Run:
        """The run in force of a step.

        Raises:
            WorkspaceError: the step has not been run yet.
        """
        link = self.root / step / CURRENT
        if not (link / MANIFEST).is_file():
            raise WorkspaceError(
                str(self.root / step),
                "has no finished run",
                rule=f"this step reads the output of '{step}'",
                next_step="Run 'retarget run' on the project folder first.",
            )
        return _load(link.resolve())

    def parent(self, step: str, *, inputs: Mapping[str, str]) -> str | None:
        """The id of the run that a run of these inputs continues; None = it is the first of its step.

        That is the run in force. But a run in force that was made from the same inputs is not continued, it is done
        again: then it is the run which that one continued. So the same inputs give the same run id, however often.

        Args:
            step: name of the step.
            inputs: as for `carry_out`, without `PARENT`; they hold the moment, if tomorrow's run is another one.
        """
        if not (self.root / step / CURRENT / MANIFEST).is_file():
            return None
        in_force = self.current(step)
        before = dict(in_force.manifest["inputs"])
        continued: str | None = before.pop(PARENT, None)
        return continued if before == dict(inputs) else in_force.run_id

    def stored(self, step: str, run_id: str | None) -> Run | None:
        """The finished run of that id, in force or not; None when there is none."""
        if run_id is None or not (self.root / step / run_id / MANIFEST).is_file():
            return None
        return _load(self.root / step / run_id)

    def run_id(self, step: str, *, config: BaseModel, inputs: Mapping[str, str], layer: str) -> str:
        """The name of the run that this config and these inputs give."""
        facts = _facts(step, config, inputs, layer)
        return hashlib.sha256(to_json(facts).encode()).hexdigest()[:HASH_DIGITS]

    def finished(self, step: str, run_id: str) -> Run | None:
        """The finished run of that id, put in force; None when it has to be computed."""
        target = self.root / step / run_id
        if not (target / MANIFEST).is_file():
            return None
        self._put_in_force(step, run_id)
        return _load(target, reused=True)

    def carry_out(
        self,
        step: str,
        compute: Callable[[RunWriter, dict[str, Any]], None],
        *,
        config: BaseModel,
        inputs: Mapping[str, str],
        layer: str,
    ) -> Run:
        """The run of a step: the finished one if it is there, else computed now.

        Args:
            step: name of the step, its folder in the workspace.
            compute: writes the run's files and fills in the figures to show and keep in the manifest.
            config: the config that determines the output.
            inputs: run ids (or content hashes) of everything read.
            layer: floor of the code that computes it, see `LAYERS`.
        """
        run_id = self.run_id(step, config=config, inputs=inputs, layer=layer)
        finished = self.finished(step, run_id)
        if finished is not None:
            return finished
        figures: dict[str, Any] = {}
        with self.writing(
            step, config=config, inputs=inputs, layer=layer, figures=figures
        ) as writer:
            compute(writer, figures)
        return self.current(step)

    @contextlib.contextmanager
    def writing(
        self,
        step: str,
        *,
        config: BaseModel,
        inputs: Mapping[str, str],
        layer: str,
        figures: dict[str, Any],
    ) -> Iterator[RunWriter]:
        """Write one run: on leaving without an error it becomes the run in force.

        Args:
            step: name of the step, its folder in the workspace.
            config: the config that determines the output.
            inputs: run ids (or content hashes) of everything read.
            layer: floor of the code that computes it, see `LAYERS`.
            figures: counts to show and keep in the manifest; fill it while writing.
        """
        run_id = self.run_id(step, config=config, inputs=inputs, layer=layer)
        folder = self.root / step
        partial = folder / f"{_PARTIAL}{run_id}"
        with writing_to(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for leftover in folder.glob(f"{_PARTIAL}*"):
                shutil.rmtree(leftover)
            partial.mkdir()
        writer = RunWriter(partial, run_id)
        try:
            yield writer
        except OSError as error:
            raise _refused(error, folder) from error
        facts = {**_facts(step, config, inputs, layer), "run_id": run_id, "figures": figures}
        writer.json(MANIFEST, writer.manifest(facts))
        with writing_to(folder):
            _sync(partial)
            partial.rename(folder / run_id)
            self._put_in_force(step, run_id)

    def runs(self) -> list[Run]:
        """Every finished run of every step, in force or not, by step and run id."""
        found = self.root.glob(f"*/[!.]*/{MANIFEST}")
        return [_load(path.parent) for path in sorted(found) if path.parent.name != CURRENT]

    def in_force(self, run: Run) -> bool:
        """Whether the link of its step points to this run."""
        link = run.path.parent / CURRENT
        return link.is_symlink() and link.readlink() == Path(run.run_id)

    def derive(
        self,
        run: Run,
        run_id: str,
        write: Callable[[RunWriter], None],
        *,
        facts: Mapping[str, Any],
    ) -> None:
        """Put another run in the place of a finished one, which is then removed.

        Killed at any moment and called again with the same arguments, it finishes.

        Args:
            run: the finished run.
            run_id: name of the new one.
            write: writes the files that differ; the others are copied.
            facts: what the new manifest says otherwise than the old one.
        """
        step, folder = run.path.parent.name, run.path.parent
        if not (folder / run_id / MANIFEST).is_file():
            partial = folder / f"{_PARTIAL}{run_id}"
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            writer = RunWriter(partial, run_id)
            write(writer)
            for path in sorted(p for p in run.path.rglob("*") if p.is_file()):
                copy = partial / path.relative_to(run.path)
                if not copy.exists() and path != run.path / MANIFEST:
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)
            writer.json(MANIFEST, _derived_manifest(run.manifest, writer, run_id, facts))
            _sync(partial)
            partial.rename(folder / run_id)
        if self.in_force(run):
            self._put_in_force(step, run_id)
        self.discard(run)

    def discard(self, run: Run) -> None:
        """Remove a run; if it was in force, its step has none."""
        folder = run.path.parent
        if self.in_force(run):
            (folder / CURRENT).unlink()
        if run.path.exists():
            doomed = folder / f"{_PARTIAL}{run.run_id}"
            shutil.rmtree(doomed, ignore_errors=True)
            run.path.rename(doomed)
        self.remove_leftovers()

    def remove_leftovers(self) -> None:
        """Remove what killed jobs left behind. Call it under the lock."""
        for leftover in sorted(self.root.rglob(f"{_PARTIAL}*")):
            shutil.rmtree(leftover)

    def rewrite_copy(
        self,
        folder: Path,
        run_id: str,
        write: Callable[[RunWriter], None],
        *,
        facts: Mapping[str, Any],
    ) -> None:
        """Change files in a copy of a run elsewhere in the workspace, each replaced whole, the manifest last."""
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        partial = folder.with_name(f"{_PARTIAL}{folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        writer = RunWriter(partial, run_id)
        write(writer)
        for path in sorted(p for p in partial.rglob("*") if p.is_file()):
            path.replace(folder / path.relative_to(partial))
        tables = {
            name: {**table, "rows": pq.read_metadata(folder / f"{name}.parquet").num_rows}
            for name, table in manifest["tables"].items()
        }
        before = {**manifest, "tables": tables}
        writer.json(MANIFEST, _derived_manifest(before, RunWriter(folder, run_id), run_id, facts))
        (partial / MANIFEST).replace(folder / MANIFEST)
        shutil.rmtree(partial)

    def write_file(self, name: str, content: str) -> None:
        """Write a text file of the workspace itself; a reader sees the old content or the new one."""
        path = self.root / name
        fresh = path.with_name(f".{path.name}")
        write_text(fresh, content)
        fresh.replace(path)

    def _put_in_force(self, step: str, run_id: str) -> None:
        folder = self.root / step
        link, fresh = folder / CURRENT, folder / f".{CURRENT}"
        if link.is_symlink() and link.readlink() == Path(run_id):
            return
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(run_id)
        fresh.replace(link)


def _facts(step: str, config: BaseModel, inputs: Mapping[str, str], layer: str) -> dict[str, Any]:
    return {
        "step": step,
        "config": config.model_dump(mode="json"),
        "config_hash": config_hash(config),
        "inputs": dict(inputs),
        "code_version": code_version(layer),
        "libraries": library_versions(),
    }


def _derived_manifest(
    before: Mapping[str, Any], writer: RunWriter, run_id: str, facts: Mapping[str, Any]
) -> dict[str, Any]:
    written = writer.manifest({**before, "run_id": run_id, **facts})
    return {**written, "tables": {**before["tables"], **written["tables"]}}


def _load(path: Path, *, reused: bool = False) -> Run:
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    return Run(path, manifest["run_id"], manifest, reused)


def _refused(error: OSError, folder: Path) -> RetargetError:
    """What the system refused inside a step: to write below its folder, or to read something elsewhere."""
    path = error.filename
    if error.errno in _NO_SPACE or (path is not None and folder in Path(path).parents):
        return not_written(folder, error)
    return InputError(
        str(path or folder.name),
        f"cannot be read ({error.strerror or error})",
        rule="this step reads it",
        next_step="Check that it is there and may be read, then run again; the last good output is intact.",
    )


def _sync(folder: Path) -> None:
    """Flush files and folder to disk before the rename that publishes them."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
