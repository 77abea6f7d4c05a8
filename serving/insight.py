"""What each person's own events say at the moment of decision, some persons at a time: who is eligible, what a contact would change, which items."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.builders.person import person_features
from features.engines.config import LocalEngineConfig
from features.engines.registry import open_engine
from features.histories.histories import (
    MICROSECONDS_PER_DAY,
    NO_CODE,
    AsOf,
    Histories,
    microseconds,
)
from features.run import Run
from features.segments.stage import funnel_stage
from features.steps.features import load_histories, read_histories
from features.tables import EVENTS
from serving.config import CampaignConfig
from serving.eligibility import person_rules
from serving.frequency import frequency_rules, hours_since_last_event
from serving.list_parts import ListParts
from serving.lists.part import (
    REMOVED,
    ListRequest,
    item_waterfall,
    lists_for,
    map_lists,
    removed_from,
)
from serving.people import People
from serving.waterfall import Verdict, apply_rules, joined
from training.recommenders import registry as recommenders
from training.uplift.model import UpliftModel

EVENTS_AT_ONCE: Final = 1_000_000
"""Events of the persons looked at together; as many parts are in memory as the engine has threads."""

_PERSON: Final = 16
"""Events that a person counts for beside the own ones, when persons are cut into parts."""


@dataclass(frozen=True, eq=False)
class Insight:
    """What the events of n persons say.

    Attributes:
        verdict: of the person rules.
        stage: funnel stage, shape (n,).
        last_order: moment of the last order, microseconds since 1970 UTC, -inf = none, shape (n,).
        order_value: mean money per order, NaN = not known, shape (n,).
        uplift: what a contact in each way changes in the outcome, shape (n, n_ways).
        base_outcome: expected outcome without it, shape (n,).
    """

    verdict: Verdict
    stage: npt.NDArray[np.str_]
    last_order: FloatArray
    order_value: FloatArray
    uplift: FloatArray
    base_outcome: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The insight into all parts, in their order."""
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("stage", "last_order", "order_value", "uplift", "base_outcome")
        }
        return cls(verdict=joined([part.verdict for part in parts]), **arrays)


def look(
    people: People,
    features: Run,
    models: Sequence[UpliftModel],
    request: ListRequest,
    config: CampaignConfig,
    *,
    scratch: Path,
    run_id: str,
    events_at_once: int = EVENTS_AT_ONCE,
) -> tuple[Insight, ListParts, pa.Table]:
    """Look at everybody's events, part by part; the lists of the eligible, held out or not, go to files.

    Args:
        people: n persons.
        features: run with their histories.
        models: of the uplift, one per way of contact; ways of the same arm share one.
        request: what is asked of lists.
        config: limits.
        scratch: an existing folder for the lists.
        run_id: for the waterfalls.
        events_at_once: >= 1; changes time and memory, nothing else.

    Returns:
        The insight, the lists, and their item waterfall.

    Invariants: what is said of a person depends on no other, nor on how persons are cut into parts.
    """
    whole = load_histories(features)
    rows = whole.person_rows(people.persons[c.PERSON_ID])
    spans = _spans(whole, rows, events_at_once)
    engine = people.project.config.engine
    here = isinstance(engine, LocalEngineConfig)
    recommender = recommenders.load(request.bundle)

    def look_at(span: slice) -> tuple[Insight, IntArray]:
        history = _history(features, whole, rows[span], request)
        insight = _insight(history, people, span, models, config, run_id)
        if not here:
            return insight, np.zeros(0, np.int64)
        eligible = np.flatnonzero(insight.verdict.kept)
        found = lists_for(recommender, history.take(eligible), people.ids[span][eligible], request)
        lists.write(span, found.drop_columns(REMOVED))
        return insight, removed_from(found, request)

    lists = ListParts(scratch, spans)
    with ThreadPoolExecutor(engine.threads if isinstance(engine, LocalEngineConfig) else 1) as pool:
        parts, removed = zip(*pool.map(look_at, spans), strict=True)
    insight = Insight.joined(parts)
    if here:
        return insight, lists, item_waterfall(sum(removed), request, run_id=run_id)
    return insight, lists, _on_cluster(people, insight, request, lists, run_id)


def _spans(whole: Histories, rows: IntArray, events_at_once: int) -> tuple[slice, ...]:
    """Persons in a row with about so many events."""
    length = np.where(rows == NO_CODE, 0, whole.offsets[rows + 1] - whole.offsets[rows])
    part = np.cumsum(length + _PERSON) // events_at_once
    cuts = [0, *(np.flatnonzero(np.diff(part)) + 1).tolist(), len(rows)]
    return tuple(slice(*span) for span in pairwise(cuts))


def _history(features: Run, whole: Histories, rows: IntArray, request: ListRequest) -> AsOf:
    """What is known of some persons, read into memory; -1 = a person without events."""
    known = rows[rows != NO_CODE]
    first, last = (int(known.min()), int(known.max()) + 1) if len(known) else (0, 0)
    part = read_histories(features, whole, first, last)
    return part.as_of(np.where(rows == NO_CODE, NO_CODE, rows - first), microseconds(request.as_of))


def _insight(
    history: AsOf,
    people: People,
    span: slice,
    models: Sequence[UpliftModel],
    config: CampaignConfig,
    run_id: str,
) -> Insight:
    features = person_features(history)
    recency = features["recency_days"].to_numpy()
    stage = funnel_stage(history, window_days=config.stage_window_days)
    count = span.stop - span.start
    rules = [
        *person_rules(
            people.persons.slice(span.start, count),
            people.consented[span],
            history,
            recency,
            config.eligibility,
        ),
        *frequency_rules(
            people.contacts_left[span],
            people.shared_left[span],
            hours_since_last_event(history),
            stage,
            config.frequency,
            has_log=people.log is not None,
        ),
    ]
    everyone = np.ones(count, np.bool_)
    ago = np.nan_to_num(recency, nan=np.inf) * MICROSECONDS_PER_DAY
    return Insight(
        verdict=apply_rules(rules, level="person", run_id=run_id, among=everyone),
        stage=stage,
        last_order=microseconds(people.project.config.as_of) - ago,
        order_value=features["order_value"].to_numpy(),
        uplift=_uplift(models, features),
        base_outcome=models[0].predict_control(features),
    )


def _uplift(models: Sequence[UpliftModel], features: pa.Table) -> FloatArray:
    """Shape (n, n_models); a model that stands in several places is asked once."""
    said = {id(model): model.predict(features) for model in dict.fromkeys(models)}
    return np.column_stack([said[id(model)] for model in models])


def _on_cluster(
    people: People, insight: Insight, request: ListRequest, lists: ListParts, run_id: str
) -> pa.Table:
    """The lists of the eligible from the workers of a cluster; gives their waterfall."""
    ingested, eligible = people.ingested, pa.array(people.ids[insight.verdict.kept], pa.string())
    with open_engine(people.project.config.engine, scratch=lists.folder) as engine:
        events = engine.parquet(ingested.path / f"{EVENTS.name}.parquet")
        found, waterfall = map_lists(engine, events, eligible, request, run_id=run_id)
    for span in lists.spans:
        own = pa.array(people.ids[span], pa.string())
        lists.write(span, found.filter(pc.is_in(found[c.PERSON_ID], value_set=own)))
    return waterfall
