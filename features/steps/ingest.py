"""The step from a project's sources to its canonical tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from features import columns as c
from features.engines.config import LocalEngineConfig
from features.erasure.tombstones import drop_erased, erasure_inputs
from features.ingest.facts import gather_facts, input_hashes
from features.project import Project, ProjectConfig
from features.run import Run, RunWriter
from features.sources.complete_journey import CompleteJourneyConfig
from features.store import PARENT
from features.tables import CATALOG, EVENTS, PERSONS, REJECTS

INGEST: Final = "ingest"

QUALITY: Final = "quality.json"
"""What the quality checks found, beside the tables of an ingestion, and beside the features."""

_LAYER: Final = "features"


def ingest(project: Project) -> Run:
    """Source → events, rejects, catalog snapshot, persons and whatever else it gives, without the erased."""
    config, workspace = project.config, project.workspace
    inputs = _inputs(project)
    parent = _parent(project, inputs)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        with writer.scratch() as scratch:
            before = workspace.stored(INGEST, parent)
            facts = gather_facts(config, folder=project.folder, scratch=scratch, before=before)
        kept = {
            contract: writer.table(
                drop_erased(table, project.workspace), contract, source=contract.name
            )
            for contract, table in facts.tables
        }
        for name, text in facts.files.items():
            writer.text(name, text)
        writer.json(QUALITY, facts.quality.as_json())
        events, catalog = kept[EVENTS], kept[CATALOG]
        figures |= {
            **facts.figures,
            "events": events.num_rows,
            "rejects": kept[REJECTS].num_rows,
            "persons": kept[PERSONS].num_rows,
            "events_of_erased": facts.table(EVENTS).num_rows - events.num_rows,
            "items": catalog.num_rows,
            "items_in_stock": pc.sum(pc.equal(catalog[c.AVAILABILITY], "in_stock")).as_py() or 0,
            "first_event": pc.min(events[c.TIME]).as_py().isoformat(),
            "last_event": pc.max(events[c.TIME]).as_py().isoformat(),
        }

    return project.workspace.carry_out(
        INGEST,
        compute,
        config=facts_config(config),
        inputs=inputs if parent is None else {**inputs, PARENT: parent},
        layer=_LAYER,
    )


def _inputs(project: Project) -> dict[str, str]:
    """The files, who was erased, and the moment: a delivery done again at its moment is the same run."""
    config = project.config
    return {
        **input_hashes(config, folder=project.folder),
        **erasure_inputs(project.workspace),
        c.AS_OF: (config.received_at or config.as_of).isoformat(),
    }


def _parent(project: Project, inputs: dict[str, str]) -> str | None:
    """The ingestion this one continues: its persons keep their names, its feed is compared with the one before."""
    if isinstance(project.config.source, CompleteJourneyConfig):
        return None
    return project.workspace.parent(INGEST, inputs=inputs)


def alert_lines(run: Run) -> list[str]:
    """What the quality checks of a run want somebody to act on, one alert a line, each with its owner."""
    checks = run.json(QUALITY)["checks"]
    return [
        f"alert {check['name']} ({check['owner']}): {check['words']}"
        for check in checks
        if check["status"] == "alert"
    ]


def facts_config(config: ProjectConfig) -> ProjectConfig:
    """The project config without what does not change the facts: where they are written, read and computed."""
    source = config.source
    if isinstance(source, CompleteJourneyConfig):
        source = source.model_copy(update={"folder": None})
    same = {"workspace": Path(), "source": source, "engine": LocalEngineConfig()}
    return config.model_copy(update=same)
