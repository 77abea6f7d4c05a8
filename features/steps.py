"""The steps of the features floor, each from the runs it reads to the run it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.builders.person import person_features
from features.erasure.tombstones import drop_erased, erasure_inputs
from features.histories import Histories
from features.ingest.facts import gather_facts, input_hashes
from features.project import Project, ProjectConfig
from features.simulate.overlay import OverlayConfig, overlay_campaign, planted_truth
from features.sources.complete_journey import CompleteJourneyConfig
from features.store import Run, RunWriter, read_arrays, read_parquet
from features.tables import (
    ASSIGNMENTS,
    CATALOG,
    EVENTS,
    EXPOSURES,
    OUTCOMES,
    PERSONS,
    REJECTS,
    TRUTH,
)

INGEST: Final = "ingest"
FEATURES: Final = "features"
SIMULATE: Final = "simulate"
TRUTH_STEP: Final = "truth"

QUALITY: Final = "quality.json"
"""What the quality checks found, beside the tables of an ingestion."""

_LAYER: Final = "features"
_HISTORIES: Final = "histories"


def ingest(project: Project) -> Run:
    """Source → events, rejects, catalog snapshot, persons and whatever else it gives, without the erased."""
    config = project.config

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        facts = gather_facts(config, folder=project.folder)
        kept = {
            contract: writer.table(
                drop_erased(table, project.workspace), contract, source=contract.name
            )
            for contract, table in facts.tables
        }
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
        config=_facts_config(config),
        inputs={
            **input_hashes(config, folder=project.folder),
            **erasure_inputs(project.workspace),
        },
        layer=_LAYER,
    )


def build_features(project: Project) -> Run:
    """Events → person-sorted histories, and everybody's features as of the project's moment of decision."""
    ingested = project.workspace.current(INGEST)
    config = project.config

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        histories = Histories.from_events(ingested.read(EVENTS))
        writer.arrays(_HISTORIES, histories.arrays())
        writer.parquet("person_ids", pa.table({c.PERSON_ID: histories.person_ids}))
        writer.parquet("item_ids", pa.table({c.ITEM_ID: histories.item_ids}))
        everyone = histories.everyone(config.as_of)
        features = person_features(everyone)
        writer.parquet(
            "person_features", features.add_column(0, c.PERSON_ID, [histories.person_ids])
        )
        figures |= {
            "persons": histories.n_persons,
            "items_with_events": histories.n_items,
            "events": len(histories.time),
            "events_before_as_of": int((everyone.stop - everyone.start).sum()),
            "features": features.num_columns,
        }

    return project.workspace.carry_out(
        FEATURES,
        compute,
        config=_facts_config(config),
        inputs={INGEST: ingested.run_id},
        layer=_LAYER,
    )


def simulate(project: Project, config: OverlayConfig) -> Run:
    """Histories → a randomised campaign laid over them, as a real one would be recorded."""
    ingested, built = project.workspace.current(INGEST), project.workspace.current(FEATURES)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        campaign = overlay_campaign(
            load_histories(built),
            ingested.read(PERSONS),
            config,
            as_of=project.config.as_of,
            currency=project.config.currency,
        )
        assignments = writer.table(campaign.assignments, ASSIGNMENTS, source=SIMULATE)
        exposures = writer.table(campaign.exposures, EXPOSURES, source=SIMULATE)
        writer.table(campaign.outcomes, OUTCOMES, source=SIMULATE)
        figures |= {
            "assignments": assignments.num_rows,
            "persons": len(assignments[c.PERSON_ID].unique()),
            "decision_points": config.weeks,
            "exposures_and_ghosts": exposures.num_rows,
        }

    return project.workspace.carry_out(
        SIMULATE,
        compute,
        config=config,
        inputs={INGEST: ingested.run_id, FEATURES: built.run_id, **_moment(project)},
        layer=_LAYER,
    )


def write_truth(project: Project, config: OverlayConfig) -> Run:
    """The planted effects, in a run of their own that no training step reads."""
    ingested, built = project.workspace.current(INGEST), project.workspace.current(FEATURES)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        truth = planted_truth(
            load_histories(built),
            ingested.read(PERSONS),
            config,
            next_decision=project.config.as_of,
            currency=project.config.currency,
        )
        writer.table(truth, TRUTH, source=TRUTH_STEP)
        figures["rows"] = truth.num_rows

    return project.workspace.carry_out(
        TRUTH_STEP,
        compute,
        config=config,
        inputs={INGEST: ingested.run_id, FEATURES: built.run_id, **_moment(project)},
        layer=_LAYER,
    )


def load_histories(run: Run) -> Histories:
    """The memory-mapped histories of a features run."""
    ids = {
        name: read_parquet(run.path / f"{name}.parquet")[0].to_numpy().astype(object)
        for name in ("person_ids", "item_ids")
    }
    return Histories.from_arrays(read_arrays(run.path / _HISTORIES), **ids)


def _facts_config(config: ProjectConfig) -> ProjectConfig:
    """The project config without what does not change the facts: where they are written and read."""
    source = config.source
    if isinstance(source, CompleteJourneyConfig):
        source = source.model_copy(update={"folder": None})
    return config.model_copy(update={"workspace": Path(), "source": source})


def _moment(project: Project) -> dict[str, str]:
    return {c.AS_OF: project.config.as_of.isoformat(), c.CURRENCY: project.config.currency}
