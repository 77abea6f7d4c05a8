"""The step `audit`: every check over what was published, its findings as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from features import columns as c
from features.config import BaseConfig
from features.erasure.erase import EXPORT
from features.erasure.tombstones import erasure_inputs
from features.errors import ConfigError, GateError
from features.project import PROJECT_FILE, Project
from features.provenance import content_hash, file_hash
from features.run import MANIFEST, Run, RunWriter
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.store import Workspace
from features.tables import AUDIT_FINDINGS
from serving.audit import creatives, files, items, people, sums
from serving.audit.check import Check, Found
from serving.audit.evidence import SCORE, gather

AUDIT: Final = "audit"
RESULT: Final = "audit.json"

CHECKS: Final[tuple[Check, ...]] = (
    *people.CHECKS,
    *items.CHECKS,
    *creatives.CHECKS,
    *sums.CHECKS,
    *files.CHECKS,
)
"""Every rule, in the order in which findings are shown."""

CLEAN: Final = "ok"
VIOLATED: Final = "violated"
UNCHECKED: Final = "not checked"

_LAYER: Final = "serving"


class AuditConfig(BaseConfig):
    """An audit has nothing to configure: the limits are those that the audited runs recorded."""


def audit_project(project: Project) -> Run:
    """Audit the decisions in force of a project, and the export made from them.

    Raises:
        WorkspaceError: nothing has been decided yet, or the facts behind it are gone.
    """
    workspace = project.workspace
    scored = workspace.current(SCORE)
    exported = None
    if (workspace.root / EXPORT).is_dir():
        last = workspace.current(EXPORT)
        exported = last if last.manifest["inputs"][SCORE] == scored.run_id else None
    return _audit(workspace, scored, exported, project.folder)


def audit_run(path: Path) -> Run:
    """Audit one stored run of `score`, or of `export` with the decisions it was made from.

    Suppression lists and contacts lie in the project folder, so what needs them is left unchecked, and said so.

    Raises:
        ConfigError: the folder is no such run.
    """
    folder = path.resolve()
    workspace, step = Workspace(folder.parent.parent), folder.parent.name
    run = workspace.stored(step, folder.name) if step in {SCORE, EXPORT} else None
    if run is None:
        raise _nothing_to_audit(path)
    if step == SCORE:
        return _audit(workspace, run, None, None)
    scored = workspace.stored(SCORE, run.manifest["inputs"][SCORE])
    if scored is None:
        raise _nothing_to_audit(path)
    return _audit(workspace, scored, run, None)


def workspace_of(path: Path) -> Workspace:
    """The workspace of a project folder, its project.yaml, or a stored run.

    Raises:
        ConfigError: the path is none of these.
    """
    if is_project(path):
        return Project(path if path.is_dir() else path.parent).workspace
    if (path / MANIFEST).is_file():
        return Workspace(path.resolve().parent.parent)
    raise _nothing_to_audit(path)


def is_project(path: Path) -> bool:
    """Whether a path is a project folder or its project.yaml."""
    return path.name == PROJECT_FILE or (path / PROJECT_FILE).is_file()


def require_clean(run: Run) -> None:
    """Stop if an audit found violations.

    Raises:
        GateError: it did.
    """
    figures = run.manifest["figures"]
    if figures["violations"]:
        raise GateError(
            "audit",
            f"{figures['violations']} rows break {figures['rules_broken']} of {figures['rules']} rules",
            rule="what was published obeys every rule",
            next_step=f"See {run.path / RESULT}; do not upload these files.",
        )


def audit_lines(run: Run) -> list[str]:
    """One line per rule, with the first bad rows and what to do below a broken one."""
    return [line for entry in run.json(RESULT)["checks"] for line in _lines(entry)]


def alert_lines(run: Run) -> list[str]:
    """The same of rules that are broken or could not be checked."""
    odd = (entry for entry in run.json(RESULT)["checks"] if entry["state"] != CLEAN)
    return [line for entry in odd for line in _lines(entry)]


def _lines(entry: dict[str, Any]) -> Iterator[str]:
    note = f"  ({entry['unchecked']})" if entry["unchecked"] else ""
    yield f"{entry['name']:17} {entry['state']:>12} {entry['count']:>7,}  {entry['rule']}{note}"
    for bad in entry["first"]:
        where = bad["file"] if bad["line"] is None else f"{bad['file']} row {bad['line']}"
        yield f"    {where}: {bad['what']}"
    if entry["count"]:
        yield f"    {entry['next_step']}"


def _audit(workspace: Workspace, scored: Run, exported: Run | None, folder: Path | None) -> Run:
    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        evidence = gather(workspace, scored, exported, folder)
        results = [(check, check.find(evidence)) for check in CHECKS]
        entries = [_entry(check, found) for check, found in results]
        writer.table(_table(results), AUDIT_FINDINGS, source=AUDIT)
        writer.json(
            RESULT,
            {
                "audited": {SCORE: scored.run_id, EXPORT: None if exported is None else exported.run_id},
                c.AS_OF: evidence.scored.facts.as_of.isoformat(),
                "checks": entries,
            },
        )  # fmt: skip
        figures |= {
            "rules": len(CHECKS),
            "violations": sum(found.count for _, found in results),
            "rules_broken": sum(found.count > 0 for _, found in results),
            "rules_not_checked": sum(bool(found.unchecked) for _, found in results),
            "persons": evidence.scored.named.num_rows,
            "files": len(evidence.files),
        }

    return workspace.carry_out(
        AUDIT,
        compute,
        config=AuditConfig(),
        inputs=_inputs(workspace, scored, exported, folder),
        layer=_LAYER,
    )


def _inputs(
    workspace: Workspace, scored: Run, exported: Run | None, folder: Path | None
) -> dict[str, str]:
    """The bytes of everything that is read, not only the names of runs: a file changed behind them is audited again."""
    audited = [scored] if exported is None else [scored, exported]
    read = [
        workspace.stored(step, run.manifest["inputs"].get(step))
        for run in audited
        for step in (INGEST, SIMULATE)
    ]
    runs = {run.path: run for run in [*audited, *read] if run is not None}
    paths = sorted(path for folder_ in runs for path in folder_.rglob("*") if path.is_file())
    if folder is not None:
        paths += [(folder / name).resolve() for name in _lists(scored, exported)]
    return {
        SCORE: scored.run_id,
        **({} if exported is None else {EXPORT: exported.run_id}),
        **erasure_inputs(workspace),
        "bytes": content_hash("".join(file_hash(path) for path in paths).encode()),
        "project": "at hand" if folder is not None else "not at hand",
    }


def _lists(scored: Run, exported: Run | None) -> list[str]:
    """Files of the project folder that an audit reads."""
    frequency = scored.manifest["config"]["frequency"]
    named = [*frequency.get("logs", ()), *frequency.get("ahead", ())]
    if exported is not None:
        config = exported.manifest["config"]
        named += config["suppressions"]
        named += [config["contacts"]["file"]] if config["contacts"] else []
    return named


def _entry(check: Check, found: Found) -> dict[str, Any]:
    return {
        "name": check.name,
        "rule": check.rule,
        "state": VIOLATED if found.count else UNCHECKED if found.unchecked else CLEAN,
        "count": found.count,
        "unchecked": found.unchecked,
        "first": [{"file": bad.file, "line": bad.line, "what": bad.what} for bad in found.first],
        "next_step": check.next_step,
    }


def _table(results: list[tuple[Check, Found]]) -> pa.Table:
    return pa.Table.from_pylist(list(_rows(results)), schema=AUDIT_FINDINGS.schema)


def _rows(results: list[tuple[Check, Found]]) -> Iterator[dict[str, Any]]:
    for check, found in results:
        yield {
            c.RULE: check.name,
            c.STATE: _entry(check, found)["state"],
            c.COUNT: found.count,
            c.FILE: found.first[0].file if found.first else None,
            c.LINE: found.first[0].line if found.first else None,
            c.RAW_VALUE: found.first[0].what if found.first else None,
        }


def _nothing_to_audit(path: Path) -> ConfigError:
    return ConfigError(
        str(path),
        f"is no project folder and no stored run of '{SCORE}' or '{EXPORT}'",
        rule="an audit reads what a project decided, or one run of it",
        next_step=f"Give a folder with {PROJECT_FILE}, or <workspace>/{EXPORT}/current.",
    )
