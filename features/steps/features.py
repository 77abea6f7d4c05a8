"""The step from events to person-sorted histories and everybody's features."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.builders.person import FEATURES as FEATURE_COLUMNS
from features.builders.person import person_features
from features.engines.registry import open_engine
from features.histories.event_columns import COLUMNS
from features.histories.histories import AsOf, Histories
from features.histories.partitions import write_histories
from features.project import Project
from features.quality.check import QualityReport
from features.quality.segment_size import (
    STAGE_SIZE,
    check_segment_sizes,
    matchable_persons,
    measure_sizes,
    stage_members,
)
from features.run import Run, RunWriter, read_arrays, read_parquet
from features.steps.ingest import INGEST, QUALITY, facts_config
from features.tables import EVENTS, IDENTITIES, PERSONS, REVERSALS
from features.training_sets.parts import slice_persons

FEATURES: Final = "features"

_LAYER: Final = "features"
_HISTORIES: Final = "histories"
_ID_MAPS: Final = {"person_ids": c.PERSON_ID, "item_ids": c.ITEM_ID, "category_ids": c.CATEGORY}
_FEATURES_SCHEMA: Final = pa.schema(
    [(c.PERSON_ID, pa.string()), *((feature.name, pa.float64()) for feature in FEATURE_COLUMNS)]
)


def build_features(project: Project) -> Run:
    """Events → person-sorted histories, and everybody's features as of the project's moment of decision."""
    ingested = project.workspace.current(INGEST)
    config = project.config

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        reversals = (
            ingested.read(REVERSALS) if REVERSALS.name in ingested.manifest["tables"] else None
        )
        events = ingested.path / f"{EVENTS.name}.parquet"
        ids = write_histories([events], writer, _HISTORIES, reversals=reversals)
        arrays = read_arrays(writer.path / _HISTORIES)
        histories = Histories.from_arrays(arrays, **ids._asdict())
        for name, column in _ID_MAPS.items():
            texts = pa.array(getattr(histories, name), pa.string())
            writer.parquet(name, pa.table({column: texts}))
        everyone = histories.everyone(config.as_of)
        features = _everyones_features(project, ingested, writer)
        writer.json(QUALITY, _quality(project, ingested, everyone).as_json())
        writer.parquet("person_features", features)
        figures |= {
            "persons": histories.n_persons,
            "items_with_events": histories.n_items,
            "events": len(histories.time),
            "events_before_as_of": int((everyone.stop - everyone.start).sum()),
            "features": len(FEATURE_COLUMNS),
        }

    return project.workspace.carry_out(
        FEATURES,
        compute,
        config=facts_config(config),
        inputs={INGEST: ingested.run_id},
        layer=_LAYER,
    )


def _everyones_features(project: Project, ingested: Run, writer: RunWriter) -> pa.Table:
    """Features of every person, sorted by person, computed wherever the project's engine has the persons."""
    config = project.config
    function = partial(features_of, as_of=config.as_of)
    with writer.scratch() as scratch, open_engine(config.engine, scratch=scratch) as engine:
        events = engine.parquet(ingested.path / f"{EVENTS.name}.parquet")
        needed = events.select(c.EVENT_ID, *COLUMNS.values())
        found = engine.collect(engine.map_persons(needed, function, _FEATURES_SCHEMA))
    return found.sort_by(c.PERSON_ID)


def features_of(events: pa.Table, *, as_of: datetime) -> pa.Table:
    """Person id and features of each person of some whole histories, as of a moment.

    Args:
        events: all events of each of the persons, in any order.
        as_of: the moment.
    """
    histories = Histories.from_events(events)
    features = person_features(histories.everyone(as_of))
    return features.add_column(0, c.PERSON_ID, pa.array(histories.person_ids, pa.string()))


def _quality(project: Project, ingested: Run, everyone: AsOf) -> QualityReport:
    """Whether the funnel stages are large enough for the platforms."""
    config, as_of = project.config.quality.segment_size, project.config.as_of
    ids = pa.array(everyone.histories.person_ids.tolist(), pa.string())
    members = stage_members(everyone, ids, window_days=config.stage_window_days)
    sizes = measure_sizes(members, matchable(ingested, as_of=as_of))
    seen = int((everyone.stop - everyone.start).sum())
    later = len(everyone.histories.time) - seen
    check = check_segment_sizes(sizes, config, name=STAGE_SIZE)
    return QualityReport(as_of, seen, later, (check,))


def matchable(ingested: Run, *, as_of: datetime) -> pa.Array:
    """Ids of the persons a platform could match, see `matchable_persons`."""
    known = ingested.read(IDENTITIES) if IDENTITIES.name in ingested.manifest["tables"] else None
    return matchable_persons(ingested.read(PERSONS), known, as_of=as_of)


def load_histories(run: Run) -> Histories:
    """The memory-mapped histories of a features run."""
    ids = {
        name: read_parquet(run.path / f"{name}.parquet")[0].to_numpy().astype(object)
        for name in _ID_MAPS
    }
    return Histories.from_arrays(read_arrays(run.path / _HISTORIES), **ids)


def read_histories(run: Run, whole: Histories, first: int, last: int) -> Histories:
    """The persons `first:last` of a features run in memory; nothing of the others stays there.

    Args:
        run: of the step.
        whole: its memory-mapped histories.
        first: row number of the first person.
        last: that after the last one.
    """
    ids = {name: getattr(whole, name) for name in _ID_MAPS}
    mapped = Histories.from_arrays(read_arrays(run.path / _HISTORIES), **ids)
    part = slice_persons(mapped, first, last)
    return Histories.from_arrays(
        {name: np.array(array) for name, array in part.arrays().items()},
        **{name: getattr(part, name) for name in _ID_MAPS},
    )
