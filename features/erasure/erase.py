"""Erase persons from a workspace: plan, keep tombstones, rewrite runs, look again, prove.

Runs are named by content and never changed, so every run that names the persons is replaced by a new one without them;
its manifest says which run it was made from and how many rows went. Pages (HTML) and exports for platforms are removed,
to be written again: an export after an erasure is a whole one, which replaces what the platform has. What was only
computed from the persons together with others (counts, model weights) stays until the steps run again.

The plan is kept in the workspace until the proof is written: killed at any moment and started again with the same list,
the erasure ends the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from features.config import BaseConfig
from features.erasure.cleaning import clean_files
from features.erasure.persons import all_ids
from features.erasure.request import KINDS, ErasureConfig, Ids, read_request
from features.erasure.search import Search, search
from features.erasure.tombstones import Tombstones, open_tombstones, write_tombstones
from features.errors import GateError, WorkspaceError
from features.provenance import content_hash
from features.run import MANIFEST, Run, RunWriter, to_json
from features.store import CURRENT, Workspace

ERASE: Final = "erase"
PROOF: Final = "erasure_proof.json"
PLAN: Final = "erasure_in_progress.json"

EXPORT: Final = "export"
"""The step whose files are for platforms: they hold hashed contacts, which no id of a person finds again."""

_REWRITE, _REMOVE, _COPY = "rewritten", "removed", "copy rewritten"
_LAYER: Final = "features"

Plan = dict[str, dict[str, Any]]
"""What happens to each run or copy of one, by its folder inside the workspace."""


def erase(workspace: Workspace, config: ErasureConfig, *, folder: Path) -> Run:
    """Remove the listed persons from every file of a workspace and prove it.

    Args:
        workspace: where from; call it under its lock.
        config: the list and the salt.
        folder: of the config file; relative paths start here.

    Returns:
        The run with `erasure_proof.json`: per run and table the rows before, removed and after; listed ids that name
        nobody, as salted hashes; what the last search of every file found.

    Raises:
        InputError: the list cannot be read; nothing is changed then.
        ConfigError: another salt than that of earlier erasures.
        WorkspaceError: the workspace holds no run, or an erasure with another list that was not finished.
        GateError: a file still names an erased person.
    """
    request = read_request((folder / config.list).resolve())
    tombstones = open_tombstones(workspace, salt=config.salt)
    _require_runs(workspace)
    workspace.remove_leftovers()
    erasure = content_hash("\n".join(_hashes(request.ids, tombstones)).encode())
    state = _state(workspace, request.ids, tombstones, erasure)
    workspace.write_file(PLAN, to_json(state))
    ids: Ids = {kind: frozenset(state["ids"][kind]) for kind in KINDS}
    write_tombstones(workspace, tombstones.with_ids(ids))
    for where, entry in state["plan"].items():
        _carry_out(workspace, where, entry, ids, state["plan"])
    found = search(workspace.root, ids, skip=frozenset({PLAN}))
    run = _write_proof(workspace, config, request.rows, state, found)
    if found.hits:
        raise GateError(
            str(workspace.root / found.hits[0]),
            f"still names an erased person, as do {len(found.hits) - 1} other files",
            rule="an erasure is done when no file of the workspace names the persons",
            next_step=f"See {run.path / PROOF}; remove these files, then run this again.",
        )
    (workspace.root / PLAN).unlink()
    return run


def _require_runs(workspace: Workspace) -> None:
    if not workspace.runs():
        raise WorkspaceError(
            str(workspace.root),
            "holds no run",
            rule="persons are erased from a workspace that a job has written to",
            next_step="Check 'workspace'; an erasure from the wrong place would prove nothing.",
        )


def _state(
    workspace: Workspace, listed: Ids, tombstones: Tombstones, erasure: str
) -> dict[str, Any]:
    """What is to be done, joined with what a killed erasure had planned."""
    before = _unfinished(workspace, erasure)
    runs = [run for run in workspace.runs() if run.manifest["step"] != ERASE]
    if before:
        ids: Ids = {kind: frozenset(before["ids"][kind]) for kind in KINDS}
        facts = {key: before[key] for key in ("ids", "listed", "unknown", "on_earlier_lists")}
    else:
        ids, seen = all_ids(runs, listed)
        missing = {kind: listed[kind] - seen[kind] for kind in KINDS}
        earlier = {
            kind: frozenset(v for v in values if tombstones.covers(kind, v))
            for kind, values in missing.items()
        }
        unknown = {kind: missing[kind] - earlier[kind] for kind in KINDS}
        facts = {
            "ids": {kind: sorted(values) for kind, values in ids.items()},
            "listed": {kind: len(values) for kind, values in listed.items()},
            "unknown": _hashes(unknown, tombstones),
            "on_earlier_lists": _hashes(earlier, tombstones),
        }
    return {
        "erasure": erasure,
        **facts,
        "plan": {**_plan(workspace, runs, ids, erasure), **before.get("plan", {})},
    }


def _unfinished(workspace: Workspace, erasure: str) -> dict[str, Any]:
    path = workspace.root / PLAN
    if not path.is_file():
        return {}
    before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if before["erasure"] != erasure:
        raise WorkspaceError(
            str(workspace.root),
            "holds an erasure that was not finished, with another list",
            rule="one erasure is finished before the next begins",
            next_step="Run 'retarget erase' with the earlier list first.",
        )
    return before


def _plan(workspace: Workspace, runs: list[Run], ids: Ids, erasure: str) -> Plan:
    plan: Plan = {}
    for run in runs:
        entry = _entry(run.path, run.manifest, ids, erasure, action=_REWRITE)
        if entry:
            plan[_where(workspace, run.path)] = entry
    for folder in _copies(workspace, runs):
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        entry = _entry(folder, manifest, ids, erasure, action=_COPY)
        if entry:
            plan[_where(workspace, folder)] = entry
    if plan:
        pages = [run for run in runs if _is_page(run) or run.manifest["step"] == EXPORT]
        plan |= {_where(workspace, run.path): {"action": _REMOVE, "tables": {}} for run in pages}
    return plan


def _is_page(run: Run) -> bool:
    """Whether a run is a page to read and no more; a run with tables is cleaned, its page shows counts of many."""
    return not run.manifest["tables"] and any(run.path.rglob("*.html"))


def _entry(
    folder: Path, manifest: Mapping[str, Any], ids: Ids, erasure: str, *, action: str
) -> dict[str, Any]:
    tables = {
        file.name: {"before": file.rows, "removed": file.removed, "after": file.rows - file.removed}
        for file in clean_files(folder, ids)
    }
    if not tables:
        return {}
    old = manifest["run_id"]
    new = content_hash(f"{manifest['step']}|{old}|{erasure}".encode())
    return {"action": action, "erased_from": old, "run_id": new, "tables": tables}


def _copies(workspace: Workspace, runs: list[Run]) -> list[Path]:
    """Folders that hold a copy of a run, such as the artifacts of a tracked run."""
    own = {run.path for run in runs}
    folders = [path.parent for path in sorted(workspace.root.rglob(MANIFEST))]
    return [
        folder
        for folder in folders
        if folder not in own
        and CURRENT not in folder.parts
        and {"step", "run_id"} <= json.loads((folder / MANIFEST).read_text(encoding="utf-8")).keys()
    ]


def _carry_out(
    workspace: Workspace, where: str, entry: Mapping[str, Any], ids: Ids, plan: Plan
) -> None:
    folder = workspace.root / where
    if not (folder / MANIFEST).is_file():
        return
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    run = Run(folder, manifest["run_id"], manifest)
    if entry["action"] == _REMOVE:
        workspace.discard(run)
        return
    write = partial(_write_clean, folder, ids)
    facts = {
        "erased_from": entry["erased_from"],
        "erasure": entry["tables"],
        "inputs": _renamed(manifest["inputs"], plan),
    }
    if entry["action"] == _REWRITE:
        workspace.derive(run, entry["run_id"], write, facts=facts)
    elif manifest["run_id"] != entry["run_id"]:
        workspace.rewrite_copy(folder, entry["run_id"], write, facts=facts)


def _write_clean(folder: Path, ids: Ids, writer: RunWriter) -> None:
    for file in clean_files(folder, ids):
        file.write(writer)


def _renamed(inputs: Mapping[str, str], plan: Plan) -> dict[str, str]:
    """Inputs of a run, under the names their runs have now."""
    new = {e["erased_from"]: e["run_id"] for e in plan.values() if e["action"] == _REWRITE}
    return {name: new.get(value, value) for name, value in inputs.items()}


def _write_proof(
    workspace: Workspace, config: ErasureConfig, rows: int, state: Mapping[str, Any], found: Search
) -> Run:
    plan: Plan = state["plan"]
    proofs = sum(path.is_file() for path in (workspace.root / ERASE).glob("[!.c]*/*"))
    files = found.files - proofs  # so that a proof written twice is the same
    proof = {
        "rows_of_the_list": rows,
        "ids_listed": state["listed"],
        "ids_erased": {kind: len(values) for kind, values in state["ids"].items()},
        "not_found": state["unknown"],
        "on_earlier_lists": state["on_earlier_lists"],
        "runs": {where: plan[where] for where in sorted(plan)},
        "rows_removed": sum(t["removed"] for e in plan.values() for t in e["tables"].values()),
        "search": {
            "files": files,
            "hits": len(found.hits),
            "files_with_hits": found.hits,
            "ids_searched_as_text": found.as_text,
            "ids_compared_in_tables_only": found.too_short,
        },
    }

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        writer.json(PROOF, proof)
        actions = [entry["action"] for entry in plan.values()]
        figures |= {
            "ids_listed": sum(state["listed"].values()),
            "not_found": len(state["unknown"]),
            "rows_removed": proof["rows_removed"],
            "runs_rewritten": actions.count(_REWRITE),
            "pages_removed": actions.count(_REMOVE),
            "files_searched": files,
            "hits": len(found.hits),
        }

    return workspace.carry_out(
        ERASE,
        compute,
        config=_Content(salt=config.salt),
        inputs={"list": state["erasure"], "proof": content_hash(to_json(proof).encode())},
        layer=_LAYER,
    )


class _Content(BaseConfig):
    """What of the config determines the proof: not where the list lies."""

    salt: str


def _hashes(ids: Ids, tombstones: Tombstones) -> list[str]:
    """`kind:hash` of every id, sorted."""
    return sorted(
        f"{k}:{tombstones.hash(k, value)}" for k, values in ids.items() for value in values
    )


def _where(workspace: Workspace, folder: Path) -> str:
    return folder.relative_to(workspace.root).as_posix()
