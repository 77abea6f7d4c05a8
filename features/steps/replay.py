"""The steps of a replay that stand where a client and an ad platform would: files delivered so far, and what was recorded.

`store` holds the days so far instead of a whole store, `simulate` the assignments, exposures and outcomes of the store's
own contacts instead of an overlay, so that every other step reads them without knowing.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features import columns as c
from features.arrays import IntArray, TextArray
from features.config import config_hash
from features.project import Project
from features.run import Run, RunWriter, parquet_options, write_text, writing_to
from features.simulate.store.campaign_log import (
    Recorded,
    assignments_table,
    exposures_table,
    outcomes_table,
    truth_table,
)
from features.simulate.store.files import EVENT_FILE, feed_lines
from features.simulate.store.replay_config import ReplayConfig
from features.simulate.store.stream import EventStream
from features.simulate.store.world import World
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE, TRUTH_STEP
from features.steps.store import STORE, day_name, faulty_items
from features.store import Workspace
from features.tables import ASSIGNMENTS, EXPOSURES, IDENTITIES, OUTCOMES, TRUTH

NOBODY: Final = -1
"""Number of a person id that stands for no person of the store: a program."""

_LAYER: Final = "features"
_PERSON_ID: Final = r"^(?:anonymous:v|user:a)-(?P<number>\d+)(?:-\d+)?$"


def deliver_days(
    workspace: Workspace, stream: EventStream, config: ReplayConfig, *, day: int
) -> Run:
    """Write the event files of all days before one, and the feed of its morning; the decisions before it are taken."""
    store = stream.store.model_copy(update={"days": day})

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        folder = writer.path / "files" / "events"
        with writing_to(writer.path):
            folder.mkdir(parents=True)
            rows = 0
            for past in range(day):
                table = stream.day(past)
                path = folder / f"{day_name(store, past)}.parquet"
                pq.write_table(table, path, **parquet_options(EVENT_FILE))
                rows += table.num_rows
            feed = feed_lines(stream.shelf, store, faulty=faulty_items(stream.shelf, store))
            write_text(writer.path / "files" / "feed.tsv", feed)
        figures |= {"days": day, "rows": rows}

    return workspace.carry_out(
        STORE,
        compute,
        config=config,
        inputs={
            "store": config_hash(stream.store),
            "decisions": decisions_digest(stream.world),
            "day": str(day),
        },
        layer=_LAYER,
    )


def record_campaign(
    project: Project, world: World, rows: Recorded, config: ReplayConfig, *, margin_rate: float
) -> Run:
    """What was delivered so far, with the outcomes the events tell; the truth in a run that nothing but reports reads.

    Args:
        project: at the moment of this week's decision.
        world: with its decisions so far.
        rows: the decisions whose week is over, by the ids of now.
        config: of the replay.
        margin_rate: margin per unit of revenue.
    """
    workspace = project.workspace
    ingested, built = workspace.current(INGEST), workspace.current(FEATURES)
    inputs = {
        INGEST: ingested.run_id,
        FEATURES: built.run_id,
        "decisions": decisions_digest(world),
    }

    def record(writer: RunWriter, figures: dict[str, Any]) -> None:
        histories = load_histories(built)
        writer.table(assignments_table(world, rows), ASSIGNMENTS, source=SIMULATE)
        shown = writer.table(exposures_table(world, rows), EXPOSURES, source=SIMULATE)
        outcomes = outcomes_table(world, rows, histories, margin_rate=margin_rate)
        writer.table(outcomes, OUTCOMES, source=SIMULATE)
        figures |= {"assignments": len(rows.person), "exposures_and_ghosts": shown.num_rows}

    def tell(writer: RunWriter, figures: dict[str, Any]) -> None:
        writer.table(truth_table(world, rows), TRUTH, source=TRUTH_STEP)
        figures["rows"] = len(rows.person)

    workspace.carry_out(TRUTH_STEP, tell, config=config, inputs=inputs, layer=_LAYER)
    return workspace.carry_out(SIMULATE, record, config=config, inputs=inputs, layer=_LAYER)


def numbers_of(ingested: Run, person_ids: pa.Array | pa.ChunkedArray) -> IntArray:
    """The person of the store behind each person id, shape (n,), `NOBODY` for a program."""
    ids, numbers = _identities(ingested)
    place = pc.index_in(person_ids, value_set=pa.array(ids, pa.string()))
    at = pc.fill_null(place, NOBODY).to_numpy(zero_copy_only=False)
    return np.where(at == NOBODY, NOBODY, numbers[at])


def ids_of(ingested: Run, persons: int) -> TextArray:
    """The id under which each person of the store was seen first, shape (persons,); "" = not seen yet."""
    ids, numbers = _identities(ingested)
    found = np.full(persons, "", dtype=object)
    found[numbers[::-1]] = ids[::-1]
    return found


def decisions_digest(world: World) -> str:
    """Hash of all decisions so far: what else happens follows from the configs."""
    digest = hashlib.sha256()
    for week in world.weeks:
        for column in week.decisions:
            digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()


def _identities(ingested: Run) -> tuple[TextArray, IntArray]:
    """Person ids and the number behind each, the first seen first; programs are left out."""
    table = ingested.read(IDENTITIES).sort_by(
        [(c.FIRST_SEEN, "ascending"), (c.IDENTITY, "ascending")]
    )
    number = pc.struct_field(pc.extract_regex(table[c.IDENTITY], _PERSON_ID), "number")
    known = pc.is_valid(number)
    ids = table[c.PERSON_ID].filter(known).to_numpy().astype(object)
    _, first = np.unique(ids, return_index=True)
    rows = np.sort(first)
    numbers = number.filter(known).cast(pa.int64()).to_numpy()
    return ids[rows], numbers[rows]
