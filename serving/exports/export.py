"""The export step: decisions → eligibility once more → one file per platform, each read again and judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.catalog.limits import read_limits
from features.config import config_hash
from features.erasure.erase import EXPORT
from features.erasure.tombstones import drop_erased, erasure_inputs
from features.errors import GateError
from features.project import Project
from features.provenance import code_version, file_hash
from features.run import Run, RunWriter
from features.steps.ingest import INGEST
from features.steps.segments import SEGMENTS_STEP
from features.store import PARENT
from features.tables import WATERFALL
from serving.exports.audiences import AudienceConfig
from serving.exports.base import Format, Prepared, Row, Unavailable, require_valid
from serving.exports.config import ExportConfig, ExportsConfig
from serving.exports.contacts import read_contacts
from serving.exports.differences import MANIFEST, Earlier, difference
from serving.exports.facts import (
    ExportFacts,
    excluded_persons,
    facts_of_now,
    feed_now,
    first_segments,
    known_ids,
    read_decisions,
)
from serving.exports.in_clear import Clear
from serving.exports.recheck import Eligible, recheck, require_no_control
from serving.exports.registry import PLATFORMS
from serving.exports.suppressions import suppressed_persons
from serving.score import SCORE

_LAYER: Final = "serving"


def export(project: Project, config: ExportsConfig) -> Run:
    """Write the files of exports.yaml from the decisions in force and the facts of now.

    Raises:
        WorkspaceError: an earlier step has not been run.
        InputError: a suppression list or the contacts file cannot be read.
        GateError: the decisions may not be exported, or a file would not be accepted; the last good export stays.
    """
    workspace = project.workspace
    runs = {step: workspace.current(step) for step in _steps(config)}
    inputs = _inputs(project, config, runs)
    parent = workspace.parent(EXPORT, inputs=inputs)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        facts = gather(project, config, runs, run_id=writer.run_id)
        earlier = Earlier(workspace.stored(EXPORT, parent))
        clear = Clear.of(facts.contacts)
        exports = [
            _carry_out(writer, name, one, facts, earlier, clear)
            for name, one in config.exports.items()
        ]
        _publish(writer, figures, facts, exports, earlier)

    return workspace.carry_out(
        EXPORT,
        compute,
        config=config,
        inputs=inputs if parent is None else {**inputs, PARENT: parent},
        layer=_LAYER,
    )


def gather(
    project: Project, config: ExportsConfig, runs: dict[str, Run], *, run_id: str
) -> ExportFacts:
    """Everything the files are made from, eligibility asked again.

    Raises:
        InputError, GateError: as `export`.
    """
    scored, ingested, as_of = runs[SCORE], runs[INGEST], project.config.as_of
    decisions = read_decisions(
        scored, ingested, project.workspace, as_of=as_of, max_age_hours=config.max_age_hours
    )
    reached, everyone = (
        drop_erased(table, project.workspace) for table in (decisions.contacts, decisions.everyone)
    )
    require_no_control(reached, scored.manifest["config"].get("holdout"))
    known = known_ids(ingested)
    lists = [(project.folder / name).resolve() for name in config.suppressions]
    now = facts_of_now(
        project, scored, ingested, suppressed=suppressed_persons(lists, known, as_of=as_of)
    )
    contacts = config.contacts
    return ExportFacts(
        as_of=as_of,
        currency=project.config.currency,
        eligible=recheck(reached, now, run_id=run_id),
        segments=first_segments(project, SEGMENTS_STEP) if SEGMENTS_STEP in runs else {},
        excluded=excluded_persons(everyone, now),
        known=known,
        contacts=None
        if contacts is None
        else read_contacts(contacts, known, folder=project.folder),
        catalog=now.catalog,
        feed=feed_now(project, ingested),
        held_items=now.held_items,
        blocked_categories=now.blocked_categories,
    )


def _steps(config: ExportsConfig) -> tuple[str, ...]:
    by_segment = any(
        isinstance(one, AudienceConfig) and one.split == "segment"
        for one in config.exports.values()
    )
    return (SCORE, INGEST, SEGMENTS_STEP) if by_segment else (SCORE, INGEST)


def _inputs(project: Project, config: ExportsConfig, runs: dict[str, Run]) -> dict[str, str]:
    """Everything that determines the files, so that the same export is done again and another one continues it."""
    named = [*config.suppressions, *([] if config.contacts is None else [config.contacts.file])]
    files = {
        f"{place} {Path(name).name}": file_hash((project.folder / name).resolve())
        for place, name in enumerate(named)
    }
    return {
        **{step: run.run_id for step, run in runs.items()},
        **files,
        **erasure_inputs(project.workspace),
        c.AS_OF: project.config.as_of.isoformat(),
        "config": config_hash(config),
        "code": code_version(_LAYER),
    }


def _carry_out(
    writer: RunWriter,
    name: str,
    config: ExportConfig,
    facts: ExportFacts,
    earlier: Earlier,
    clear: Clear,
) -> dict[str, Any]:
    """Prepare and write one export; what the manifest says of it."""
    platform = PLATFORMS[config.kind]
    outcome = platform.prepare(name, config, facts)
    written_as = f"{config.kind} {getattr(config, 'format', '')}".strip()
    entry: dict[str, Any] = {
        "name": name,
        "kind": config.kind,
        "written_as": written_as,
        "audience": platform.audience,
        "unavailable": None,
        "compared": False,
        "files": [],
        "persons": 0,
        "drops": {},
        "warnings": [],
    }
    if isinstance(outcome, Unavailable):
        return {**entry, "unavailable": outcome.why}
    format_ = platform.file_format(config, facts)
    sink = _Sink(writer, name, format_, clear if _names_persons(outcome) else None)
    before = earlier.files(name, written_as) if platform.audience else None
    gone = [Prepared(part, ()) for part in sorted(set(before or ()) - {p.part for p in outcome})]
    drops: Counter[str] = Counter()
    for prepared in [*outcome, *gone]:
        entry["files"].append(sink.write(prepared.part, "full", prepared.rows, prepared.persons))
        if before is not None:
            old = earlier.rows(before[prepared.part], format_) if prepared.part in before else []
            entry["files"] += _changes(sink, prepared, old)
            entry["compared"] = True
        drops.update(prepared.drops)
        entry["warnings"] += prepared.warnings
        entry["persons"] += prepared.persons
    return {**entry, "drops": dict(sorted((+drops).items()))}


def _names_persons(outcome: Iterable[Prepared]) -> bool:
    return any(prepared.persons for prepared in outcome)


def _changes(sink: _Sink, prepared: Prepared, old: list[Row]) -> list[dict[str, Any]]:
    found = difference(old, prepared.rows, keys=prepared.keys)
    if (set(old) - set(found.removes)) | set(found.adds) != set(prepared.rows):
        raise GateError(
            f"export {sink.name}",
            "(old - removes) + adds is not the new audience",
            rule="a platform that takes the changes has the whole",
            next_step="This is a defect: please report it with the config.",
        )
    return [
        sink.write(prepared.part, "remove", found.removes, 0),
        sink.write(prepared.part, "add", found.adds, 0),
    ]


@dataclass(frozen=True)
class _Sink:
    """Writes the files of one export, each judged on disk before the next."""

    writer: RunWriter
    name: str
    format_: Format
    clear: Clear | None

    def write(self, part: str, content: str, rows: tuple[Row, ...], persons: int) -> dict[str, Any]:
        names = [self.name, part, "" if content == "full" else content]
        file = ".".join(name for name in names if name) + self.format_.suffix
        path = self.writer.path / file
        self.format_.write(path, rows)
        require_valid(path, self.format_, rows)
        if self.clear is not None:
            self.clear.require_absent(file, self.format_.read(path))
        return {"file": file, "part": part, "content": content, "rows": len(rows), "persons": persons}  # fmt: skip


def _publish(
    writer: RunWriter,
    figures: dict[str, Any],
    facts: ExportFacts,
    exports: list[dict[str, Any]],
    earlier: Earlier,
) -> None:
    eligible = facts.eligible
    waterfall = pa.concat_tables([eligible.persons.table, eligible.items.table])
    writer.table(waterfall, WATERFALL, source=EXPORT)
    written = [one for one in exports if one["files"]]
    still = {one["name"] for one in written}
    content = {
        c.AS_OF: facts.as_of.isoformat(),
        "compared_with": None if earlier.run is None else earlier.run.run_id,
        "limits_compiled": read_limits().compiled.isoformat(),
        "exports": exports,
        "withdrawn": [name for name in earlier.names() if name not in still],
        "recheck": _rechecked(eligible),
        "contacts_of_nobody": None if facts.contacts is None else facts.contacts.unknown,
    }
    writer.json(MANIFEST, content)
    files = [file for one in written for file in one["files"]]
    rows = Counter[str]()
    for file in files:
        rows[file["content"]] += file["rows"]
    figures |= {
        "persons": eligible.people.num_rows,
        "dropped": len(eligible.persons.kept) - eligible.people.num_rows,
        "exports": len(written),
        "not_available": len(exports) - len(written),
        "files": len(files),
        "rows": rows["full"],
        "added": rows["add"],
        "removed": rows["remove"],
        "drops": {one["name"]: one["drops"] for one in written},
        "recheck": content["recheck"],
        "warnings": sum(len(one["warnings"]) for one in exports),
    }


def _rechecked(eligible: Eligible) -> dict[str, Any]:
    def counts(table: pa.Table) -> dict[str, int]:
        hit = table.filter(pc.greater(table[c.COUNT_REMOVED], 0))
        return dict(zip(hit[c.RULE].to_pylist(), hit[c.COUNT_REMOVED].to_pylist(), strict=True))

    return {
        "persons": len(eligible.persons.kept),
        "persons_left": eligible.people.num_rows,
        "persons_dropped": counts(eligible.persons.table),
        "item_rows": len(eligible.items.kept),
        "item_rows_left": eligible.lists.num_rows,
        "item_rows_dropped": counts(eligible.items.table),
        "prices_changed": eligible.prices_changed,
    }
