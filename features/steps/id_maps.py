"""The step that gives persons and items their numbers, continuing those of the run before."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
from pydantic import BaseModel

from features import columns as c
from features.histories.histories import Histories
from features.project import Project
from features.run import Run, RunWriter, read_parquet
from features.steps.features import FEATURES, load_histories
from features.store import PARENT
from features.training_sets.id_maps import IdMap

ID_MAPS: Final = "id-maps"

_LAYER: Final = "features"
_FREE: Final = "free.json"
_KINDS: Final = {"persons": (c.PERSON_ID, c.PERSON_NUMBER), "items": (c.ITEM_ID, c.ITEM_NUMBER)}


class _NoConfig(BaseModel):
    """Nothing can be configured."""


def build_id_maps(project: Project) -> Run:
    """Numbers of all persons and items with events: known ones keep theirs, new ones get the next free.

    The run continues the one in force; the same features give the same run again.
    """
    workspace = project.workspace
    built = workspace.current(FEATURES)
    inputs = {FEATURES: built.run_id}
    parent = workspace.parent(ID_MAPS, inputs=inputs)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        histories = load_histories(built)
        before = workspace.stored(ID_MAPS, parent)
        free = {}
        for kind, (id_, number) in _KINDS.items():
            known = IdMap.empty() if before is None else _load(before, kind)
            now = known.extended(pa.array(_ids(histories, kind), pa.string()))
            writer.parquet(kind, pa.table({id_: now.ids, number: now.numbers}))
            free[kind] = now.free
            figures |= {kind: len(now.ids), f"new_{kind}": now.free - known.free}
        writer.json(_FREE, free)

    return workspace.carry_out(
        ID_MAPS,
        compute,
        config=_NoConfig(),
        inputs=inputs if parent is None else {**inputs, PARENT: parent},
        layer=_LAYER,
    )


def load_id_maps(run: Run) -> tuple[IdMap, IdMap]:
    """Numbers of persons, and of items."""
    return _load(run, "persons"), _load(run, "items")


def _load(run: Run, kind: str) -> IdMap:
    table = read_parquet(run.path / f"{kind}.parquet")
    id_, number = _KINDS[kind]
    return IdMap.from_columns(table[id_], table[number], free=run.json(_FREE)[kind])


def _ids(histories: Histories, kind: str) -> Any:
    return histories.person_ids if kind == "persons" else histories.item_ids
