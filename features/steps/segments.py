"""The step from histories to everybody's segments and tiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.histories.histories import Histories, microseconds
from features.project import Project
from features.quality.check import QualityReport
from features.quality.segment_size import SEGMENT_SIZE, check_segment_sizes, measure_sizes
from features.run import Run, RunWriter
from features.segments.config import SegmentsConfig
from features.segments.members import check_attributes, find_members, find_tiers
from features.segments.rules import SegmentFacts
from features.segments.value import person_values, value_cuts
from features.steps.config import FeaturesConfig
from features.steps.features import FEATURES, load_histories, matchable
from features.steps.ingest import INGEST, QUALITY
from features.steps.items import stored_items
from features.tables import (
    CATALOG,
    PERSON_TIERS,
    PERSONS,
    SEGMENTS,
)
from features.training_sets.parts import person_parts
from features.training_sets.shop import know_shop

SEGMENTS_STEP: Final = "segments"

_LAYER: Final = "features"


def build_segments(project: Project, config: FeaturesConfig) -> Run:
    """Who is in which segment as of the project's moment of decision, and what everybody is worth.

    Raises:
        ConfigError: a segment uses a feed attribute that no item has.
    """
    ingested, built = project.workspace.current(INGEST), project.workspace.current(FEATURES)
    rules = config.segments

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        items = stored_items(ingested)
        check_attributes(rules, items.column_names, source=f"{project.folder / 'features.yaml'}")
        histories = load_histories(built)
        persons = ingested.read(PERSONS)
        parts = partial(person_parts, histories, partitions=config.partitions)
        facts = _facts(project, rules, parts, items, ingested.read(CATALOG), persons)
        members = pa.concat_tables([find_members(part, rules, facts) for part in parts()])
        tiers = pa.concat_tables([find_tiers(part, rules, facts) for part in parts()])
        members = writer.table(members, SEGMENTS, source=SEGMENTS_STEP)
        writer.table(tiers, PERSON_TIERS, source=SEGMENTS_STEP)
        quality = _quality(project, rules, members, ingested, built)
        writer.json(QUALITY, quality.as_json())
        sizes = quality[SEGMENT_SIZE]
        figures |= {
            "memberships": members.num_rows,
            "persons_in_segments": int(pc.sum(members[c.PRIMARY]).as_py() or 0),
            "sizes": _counts(members),
            "too_small": sizes.words if sizes.status == "warn" else "none",
            "intent_unknown": int(pc.sum(pc.equal(tiers[c.INTENT_TIER], "unknown")).as_py() or 0),
        }

    return project.workspace.carry_out(
        SEGMENTS_STEP,
        compute,
        config=rules,
        inputs={
            INGEST: ingested.run_id,
            FEATURES: built.run_id,
            c.AS_OF: project.config.as_of.isoformat(),
            "minimum": project.config.quality.segment_size.model_dump_json(),
        },
        layer=_LAYER,
    )


def _facts(
    project: Project,
    rules: SegmentsConfig,
    parts: Callable[[], Iterable[Histories]],
    items: pa.Table,
    catalog: pa.Table,
    persons: pa.Table,
) -> SegmentFacts:
    as_of = project.config.as_of
    moment = microseconds(as_of)
    attributes = ItemAttributes.from_items(catalog, known_at=as_of)
    stages = persons.select([c.PERSON_ID, c.LIFECYCLE_STAGE])
    return SegmentFacts(
        as_of=as_of,
        currency=project.config.currency,
        items=items,
        knowledge=know_shop(parts(), [moment], attributes)[moment],
        cuts=value_cuts([person_values(part, as_of=as_of) for part in parts()], rules.value),
        stages=stages.filter(pc.is_valid(stages[c.LIFECYCLE_STAGE])),
    )


def _quality(
    project: Project, rules: SegmentsConfig, members: pa.Table, ingested: Run, built: Run
) -> QualityReport:
    """Whether the segments are large enough for the platforms."""
    as_of = project.config.as_of
    sizes = measure_sizes(members, matchable(ingested, as_of=as_of), names=rules.priority)
    check = check_segment_sizes(sizes, project.config.quality.segment_size)
    seen = built.json(QUALITY)
    return QualityReport(as_of, seen["events"], seen["events_later"], (check,))


def _counts(members: pa.Table) -> dict[str, int]:
    names, counts = np.unique(members[c.SEGMENT].to_numpy().astype(str), return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))
