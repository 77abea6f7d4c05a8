"""The ranking set: what could have been shown at past moments, what was known then, and what the person took up after.

One row is one candidate of one person at one cut-off. Negatives are the candidates nobody took up: nothing else is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

import numpy as np
import pyarrow as pa
from pydantic import Field, model_validator

from features import columns as c
from features.arrays import TextArray
from features.assignment import uniform
from features.builders.candidates import candidate_features
from features.builders.knowledge import Knowledge, ShopCodes
from features.builders.registry import PERSON_GROUPS, builder
from features.config import BaseConfig
from features.histories.histories import NO_CODE, AsOf, Histories, microseconds
from features.interactions import EventName
from features.tables import TIMESTAMP
from features.training_sets.labels import taken_up
from features.training_sets.shop import SimilarityConfig
from features.training_sets.sources import (
    BoughtTogether,
    CandidateSource,
    OwnItems,
    RecentPopular,
    SourceConfig,
    gather_candidates,
)

Describe = Callable[..., pa.Table]
"""From (history, knowledge, row=, item=, groups=) to feature columns, see `candidate_features`."""

KEYS: Final = (c.AS_OF, c.PERSON_ID, c.ITEM_ID)
"""What identifies a row; a group to be ranked is the rows of one cut-off and person."""

LABELS: Final = (c.LABEL, c.ITEMS_IN_HORIZON)
"""Columns that look past the cut-off."""


class RankingConfig(BaseConfig):
    """Cut-offs, persons, candidates and label of the ranking set."""

    cutoffs: int = Field(default=3, ge=1)
    """Past moments; the label window of the last one ends at `as_of`."""

    every_days: int = Field(default=7, ge=1)
    """Days between two cut-offs."""

    horizon_days: int = Field(default=7, ge=1)
    """Length of the label window."""

    label: tuple[EventName, ...] = Field(default=("purchase",), min_length=1)
    """Events by which a person takes an item up; one taken back as a whole does not count."""

    max_persons: Annotated[int, Field(ge=1)] | None = 500
    """About so many persons, the same at every cut-off, chosen by a stable hash of their id; null = all."""

    salt: str = "ranking_set"
    """Of that hash."""

    sources: tuple[SourceConfig, ...] = (OwnItems(), RecentPopular(), BoughtTogether())
    """Where candidates come from."""

    groups: tuple[str, ...] = PERSON_GROUPS
    """Groups of person features."""

    similarity: SimilarityConfig = SimilarityConfig()
    """Which items go together."""

    @model_validator(mode="after")
    def _known_and_distinct(self) -> Self:
        unknown = sorted(set(self.groups) - set(PERSON_GROUPS))
        if unknown:
            raise ValueError(f"'groups' names {unknown}; there are {list(PERSON_GROUPS)}")
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"'sources' names a kind twice: {names}")
        return self

    def moments(self, as_of: datetime) -> list[int]:
        """The cut-offs, microseconds since 1970 UTC, rising."""
        last = as_of - timedelta(days=self.horizon_days)
        steps = range(self.cutoffs - 1, -1, -1)
        return [microseconds(last - timedelta(days=self.every_days * step)) for step in steps]

    def person_share(self, n_persons: int) -> float:
        """Share of the persons that is kept."""
        if self.max_persons is None:
            return 1.0
        return min(1.0, self.max_persons / max(n_persons, 1))


def ranking_rows(
    part: Histories,
    shop: Mapping[int, Knowledge],
    config: RankingConfig,
    *,
    matured_at: int,
    share: float = 1.0,
    persons: TextArray | None = None,
    sources: Sequence[CandidateSource] | None = None,
    describe: Describe = candidate_features,
) -> pa.Table:
    """The rows of some persons.

    Args:
        part: whole histories of these persons.
        shop: the whole shop as of each cut-off.
        config: label window, sources, groups of features.
        matured_at: microseconds; refunds strictly before it undo labels.
        share: share of the persons that is kept, by stable hash.
        persons: only these ids instead of a share; None = by share.
        sources: sources of candidates; None = those of the config.
        describe: builder of the features.

    Returns:
        as_of (the cut-off), person_id, item_id; sources, a name or several joined by `;`; `<source>_rank` of each source,
        1 = its best, NaN = not from it; feature columns, float32; label, 1 = taken up in [as_of, as_of + horizon);
        items_in_horizon, how many items the person took up then, candidates or not. By cut-off, person, item.
        A person without event before a cut-off has no row there.

    Invariants: all but the labels are unchanged by events and refunds at or after a row's cut-off; the rows of a person
    depend on no other person but through `shop`.
    """
    if persons is None:
        chosen = uniform(part.person_ids.tolist(), salt=config.salt) < share
    else:
        chosen = np.isin(part.person_ids.astype(str), persons.astype(str))
    tables = []
    for moment, knowledge in shop.items():
        view = part.as_of(np.flatnonzero(chosen), moment)
        view = view.take(np.flatnonzero(view.stop > view.start))
        tables.append(
            _at_cutoff(view, knowledge, config, matured_at, sources or config.sources, describe)
        )
    return pa.concat_tables(tables)


def ranking_schema(config: RankingConfig) -> pa.Schema:
    """Columns of `ranking_rows` with the sources and builders of the config."""
    described = [builder(name) for name in (*config.groups, "item", "pair")]
    return pa.schema(
        [
            (c.AS_OF, TIMESTAMP),
            (c.PERSON_ID, pa.string()),
            (c.ITEM_ID, pa.string()),
            (c.SOURCES, pa.string()),
            *((f"{source.name}_rank", pa.float32()) for source in config.sources),
            *((name, pa.float32()) for each in described for name in each.columns),
            (c.LABEL, pa.int8()),
            (c.ITEMS_IN_HORIZON, pa.int32()),
        ]
    )


def _at_cutoff(
    view: AsOf,
    knowledge: Knowledge,
    config: RankingConfig,
    matured_at: int,
    sources: Sequence[CandidateSource],
    describe: Describe,
) -> pa.Table:
    candidates = gather_candidates(view, knowledge, sources)
    row, item = candidates.row, candidates.item
    features = describe(view, knowledge, row=row, item=item, groups=config.groups)
    taken_row, taken_item = taken_up(
        view, horizon_days=config.horizon_days, events=config.label, matured_at=matured_at
    )
    in_shop = ShopCodes.of(view.histories, knowledge).item[taken_item]
    width = max(knowledge.n_items, 1)
    wanted = (taken_row * width + in_shop)[in_shop != NO_CODE]
    label = np.isin(row * width + item, wanted)
    several = np.bincount(taken_row, minlength=len(view))
    persons = view.histories.person_ids[view.person[row]]
    columns: dict[str, Any] = {
        c.AS_OF: pa.array(view.time[row]).cast(TIMESTAMP),
        c.PERSON_ID: pa.array(persons, pa.string()),
        c.ITEM_ID: pa.array(knowledge.item_ids[item], pa.string()),
        c.SOURCES: candidates.source_names(),
        **{f"{name}_rank": rank for name, rank in candidates.ranks.items()},
        **{name: features[name] for name in features.column_names},
        c.LABEL: label.astype(np.int8),
        c.ITEMS_IN_HORIZON: several[row].astype(np.int32),
    }
    return pa.table(columns)
