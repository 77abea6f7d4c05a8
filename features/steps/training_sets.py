"""The step that writes the training sets, once their leakage checks pass."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from features import columns as c
from features.arrays import TextArray
from features.builders.item_attributes import ItemAttributes
from features.contacts import Contacts
from features.errors import WorkspaceError
from features.histories.histories import Histories, microseconds
from features.leakage import check
from features.leakage.report import LeakageReport, SetReport
from features.project import Project
from features.run import Run, RunWriter
from features.steps.config import FeaturesConfig
from features.steps.features import FEATURES, load_histories
from features.steps.id_maps import ID_MAPS, load_id_maps
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import ASSIGNMENTS, CATALOG, EXPOSURES, OUTCOMES
from features.training_sets import ranking, uplift
from features.training_sets.id_maps import IdMap
from features.training_sets.interactions import interaction_rows, interaction_schema
from features.training_sets.parts import person_parts
from features.training_sets.shop import know_shop
from features.training_sets.summary import Summary

TRAINING_SETS: Final = "training-sets"

RANKING: Final = "ranking"
UPLIFT: Final = "uplift"
INTERACTIONS: Final = "interactions"
LEAKAGE: Final = "leakage.json"
SETS: Final = "sets.json"

_LAYER: Final = "features"


@dataclass(frozen=True, eq=False)
class _Facts:
    """What all sets are built from."""

    project: Project
    config: FeaturesConfig
    histories: Histories
    attributes: ItemAttributes
    maps: tuple[IdMap, IdMap]

    @property
    def parts(self) -> check.Parts:
        return partial(person_parts, self.histories, partitions=self.config.partitions)

    @property
    def moment(self) -> int:
        return microseconds(self.project.config.as_of)


def build_training_sets(project: Project, config: FeaturesConfig) -> Run:
    """The ranking set, the interaction set and, where there are assignments, the uplift set.

    Raises:
        GateError: a column of a set knows the future; nothing is written then.
    """
    workspace, as_of = project.workspace, project.config.as_of
    ingested, built = workspace.current(INGEST), workspace.current(FEATURES)
    maps = workspace.current(ID_MAPS)
    campaign = _campaign(project)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        facts = _Facts(
            project,
            config,
            load_histories(built),
            # one snapshot is known, and it is of today: only categories are taken as true at all times
            ItemAttributes.from_items(ingested.read(CATALOG), known_at=as_of).categories_only(),
            load_id_maps(maps),
        )
        sets: dict[str, Summary] = {}
        reports = [_write_ranking(writer, facts, sets), _write_interactions(writer, facts, sets)]
        if campaign is not None:
            reports.append(_write_uplift(writer, facts, campaign, sets))
        report = LeakageReport(tuple(each for each in reports if each is not None))
        report.require_passed()
        written = {name: summary.as_json() for name, summary in sets.items()}
        writer.json(LEAKAGE, {**report.as_json(), "lines": report.lines()})
        writer.json(SETS, written)
        for name, summary in written.items():
            figures[f"{name}_rows"] = summary["rows"]
        figures |= {
            "label_rate": written.get(RANKING, {}).get("label_rate", 0.0),
            "candidate_recall": written.get(RANKING, {}).get("candidate_recall", 0.0),
            "leakage": "passed",
        }

    inputs = {INGEST: ingested.run_id, FEATURES: built.run_id, ID_MAPS: maps.run_id}
    if campaign is not None:
        inputs[SIMULATE] = campaign.run_id
    return workspace.carry_out(
        TRAINING_SETS,
        compute,
        config=config.model_copy(update={"segments": FeaturesConfig().segments}),
        inputs={**inputs, c.AS_OF: as_of.isoformat()},
        layer=_LAYER,
    )


def leakage_lines(run: Run) -> list[str]:
    """The leakage report of a run, one finding a line."""
    lines: list[str] = run.json(LEAKAGE)["lines"]
    return lines


def _campaign(project: Project) -> Run | None:
    try:
        return project.workspace.current(SIMULATE)
    except WorkspaceError:
        return None


def _write_ranking(writer: RunWriter, facts: _Facts, sets: dict[str, Summary]) -> SetReport | None:
    config = facts.config.ranking
    recorded_from = int(facts.histories.time.min())
    moments = [m for m in config.moments(facts.project.config.as_of) if m > recorded_from]
    if not moments:
        return None
    share = config.person_share(facts.histories.n_persons)
    shop = know_shop(facts.parts(), moments, facts.attributes, config.similarity)
    rows = (
        ranking.ranking_rows(part, shop, config, matured_at=facts.moment, share=share)
        for part in facts.parts()
    )
    schema = ranking.ranking_schema(config)
    sets[RANKING] = Summary(schema, config, time=c.AS_OF)
    writer.parquet_parts(RANKING, sets[RANKING].watch(rows), schema)
    sample = _sample(writer.path / f"{RANKING}.parquet", facts)
    if not sample.num_rows:
        return None
    return check.check_ranking(
        sample,
        facts.parts,
        facts.attributes,
        config,
        facts.config.leakage,
        matured_at=facts.moment,
    )


def _write_interactions(writer: RunWriter, facts: _Facts, sets: dict[str, Summary]) -> SetReport:
    config, as_of = facts.config.interactions, facts.project.config.as_of
    persons, items = facts.maps
    rows = (
        interaction_rows(part, config, as_of=as_of, persons=persons, items=items)
        for part in facts.parts()
    )
    schema = interaction_schema()
    sets[INTERACTIONS] = Summary(schema, config)
    writer.parquet_parts(INTERACTIONS, sets[INTERACTIONS].watch(rows), schema)
    return check.check_interactions(
        _sample(writer.path / f"{INTERACTIONS}.parquet", facts),
        facts.parts,
        config,
        facts.config.leakage,
        as_of=as_of,
        persons=persons,
        items=items,
    )


def _write_uplift(
    writer: RunWriter, facts: _Facts, campaign: Run, sets: dict[str, Summary]
) -> SetReport:
    config, leakage = facts.config.uplift, facts.config.leakage
    logs = check.UpliftFacts(
        campaign.read(ASSIGNMENTS),
        campaign.read(EXPOSURES),
        uplift.Recorded(campaign.read(OUTCOMES), campaign.manifest["config"]["horizon_days"]),
        facts.project.config.as_of,
    )
    contacts = Contacts.from_tables(logs.exposures, logs.assignments)
    shop = know_shop(facts.parts(), config.moments(logs.assignments), facts.attributes, items=False)
    rows = (
        uplift.uplift_rows(
            part,
            mine,
            contacts,
            shop,
            config,
            recorded_until=logs.recorded_until,
            recorded=logs.recorded,
        )
        for part, mine in uplift.with_assignments(facts.parts(), logs.assignments)
    )
    schema = uplift.uplift_schema(config, logs.recorded)
    sets[UPLIFT] = Summary(schema, config, time=c.ASSIGNED_AT)
    writer.parquet_parts(UPLIFT, sets[UPLIFT].watch(rows), schema)
    stored = ds.dataset(writer.path / f"{UPLIFT}.parquet").to_table()
    return check.check_uplift(stored, facts.parts, facts.attributes, logs, config, leakage)


def _sample(path: Path, facts: _Facts) -> pa.Table:
    """All rows of some persons of a set."""
    persons = np.unique(ds.dataset(path).to_table(columns=[c.PERSON_ID])[c.PERSON_ID].unique())
    count = max(facts.config.leakage.screened_persons, facts.config.leakage.persons)
    chosen: TextArray = check.sample_persons(persons.tolist(), count)
    wanted = pc.field(c.PERSON_ID).isin(pa.array(chosen, pa.string()))
    return ds.dataset(path).to_table(filter=wanted)
