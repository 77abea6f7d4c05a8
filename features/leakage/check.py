"""The leakage checks of the three training sets: sampled rows built again from another future."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import TextArray
from features.assignment import uniform
from features.builders.candidates import candidate_features
from features.builders.item_attributes import ItemAttributes
from features.contacts import Contacts
from features.histories.histories import MICROSECONDS_PER_DAY, Histories, microseconds
from features.interactions import InteractionConfig
from features.leakage.compare import Difference, find_differences
from features.leakage.config import LeakageConfig
from features.leakage.futures import (
    table_with_forged_future,
    table_without_future,
    with_forged_future,
    without_future,
)
from features.leakage.report import SetReport
from features.leakage.screening import Screened, screen
from features.tables import TIMESTAMP
from features.training_sets import interactions, ranking, uplift
from features.training_sets.id_maps import IdMap
from features.training_sets.shop import know_shop, knowledge_moments
from features.training_sets.sources import CandidateSource

Parts = Callable[[], Iterable[Histories]]
"""All persons in parts, as often as asked."""

NO_FUTURE: Final = "no future at all"
FORGED_FUTURE: Final = "a forged future"

_SALT: Final = "leakage"


def sample_persons(person_ids: Sequence[str], count: int) -> TextArray:
    """About the first `count` persons of a stable random order, sorted."""
    draw = uniform(person_ids, salt=_SALT)
    chosen = np.argsort(draw, kind="stable")[:count]
    return np.sort(np.asarray(person_ids, dtype=object)[chosen])


def check_ranking(
    stored: pa.Table,
    parts: Parts,
    attributes: ItemAttributes,
    config: ranking.RankingConfig,
    leakage: LeakageConfig,
    *,
    matured_at: int,
    sources: Sequence[CandidateSource] | None = None,
    describe: ranking.Describe = candidate_features,
) -> SetReport:
    """Rebuild rows of the ranking set, candidates included.

    Args:
        stored: rows of some persons, all of their rows at each cut-off.
        parts: the histories the set was built from.
        attributes: of the items, as the set was built with.
        config: the set's.
        leakage: how much is checked.
        matured_at: as the set was built with.
        sources: as the set was built with.
        describe: as the set was built with.
    """
    persons = sample_persons(sorted(set(stored[c.PERSON_ID].to_pylist())), leakage.persons)
    moments = sorted(set(stored[c.AS_OF].cast(pa.int64()).to_pylist()))[-leakage.moments :]
    compared = stored.drop_columns(list(ranking.LABELS))
    differences: list[Difference] = []
    rows = 0
    for moment in moments:
        at_moment = compared.filter(
            pc.and_(
                pc.equal(compared[c.AS_OF], pa.scalar(moment, pa.int64()).cast(TIMESTAMP)),
                pc.is_in(compared[c.PERSON_ID], value_set=pa.array(persons, pa.string())),
            )
        )
        rows += at_moment.num_rows
        for name, other in _futures(parts, moment, leakage):
            shop = know_shop(other(), [moment], attributes, config.similarity)
            rebuilt = [
                ranking.ranking_rows(
                    part, shop, config, matured_at=matured_at, persons=persons, sources=sources, describe=describe
                )
                for part in other()
                if np.isin(part.person_ids.astype(str), persons.astype(str)).any()
            ]  # fmt: skip
            differences += find_differences(
                at_moment, pa.concat_tables(rebuilt), keys=ranking.KEYS, future=name
            )
    features = [name for name in compared.column_names if name not in (*ranking.KEYS, c.SOURCES)]
    label = stored[c.LABEL].to_numpy()
    return SetReport(
        name="ranking",
        rows=rows,
        moments=len(moments),
        columns=len(features),
        differences=_once(differences),
        screened_rows=stored.num_rows,
        suspicious=_suspicious(stored, features, label, leakage),
        overlaps=_overlap(config),
    )


@dataclass(frozen=True, eq=False)
class UpliftFacts:
    """What the uplift set was built from.

    Attributes:
        assignments: checked assignments.
        exposures: checked exposures.
        recorded: the campaign's own outcomes, None = counted from events.
        recorded_until: end of the recorded time.
    """

    assignments: pa.Table
    exposures: pa.Table
    recorded: uplift.Recorded | None
    recorded_until: datetime


def check_uplift(
    stored: pa.Table,
    parts: Parts,
    attributes: ItemAttributes,
    facts: UpliftFacts,
    config: uplift.UpliftSetConfig,
    leakage: LeakageConfig,
) -> SetReport:
    """Rebuild rows of the uplift set at moments spread over the campaign.

    Args:
        stored: all rows at some moments of assignment.
        parts: the histories the set was built from.
        attributes: of the items, as the set was built with.
        facts: as the set was built from.
        config: the set's.
        leakage: how much is checked.
    """
    features = uplift.uplift_set_features(config)
    every = np.unique(stored[c.ASSIGNED_AT].cast(pa.int64()).to_numpy())
    spread = np.linspace(0, len(every) - 1, min(leakage.moments, len(every))).round()
    moments = every[spread.astype(np.int64)].tolist()
    differences: list[Difference] = []
    rows = 0
    for moment in moments:
        at_moment = stored.filter(pc.equal(stored[c.ASSIGNED_AT].cast(pa.int64()), moment))
        persons = sample_persons(sorted(set(at_moment[c.PERSON_ID].to_pylist())), leakage.persons)
        chosen = pa.array(persons, pa.string())
        at_moment = at_moment.filter(pc.is_in(at_moment[c.PERSON_ID], value_set=chosen))
        asked = facts.assignments.filter(
            pc.and_(
                pc.equal(facts.assignments[c.ASSIGNED_AT].cast(pa.int64()), moment),
                pc.is_in(facts.assignments[c.PERSON_ID], value_set=chosen),
            )
        )
        rows += at_moment.num_rows
        look = knowledge_moments(np.array([moment]), every_days=config.look_every_days)
        for name, other in _futures(parts, moment, leakage):
            contacts = _other_contacts(facts, moment, name, leakage.seed)
            shop = know_shop(other(), look.tolist(), attributes, items=False)
            rebuilt = [
                uplift.uplift_rows(
                    part, mine, contacts, shop, config, recorded_until=facts.recorded_until, recorded=facts.recorded
                )
                for part, mine in uplift.with_assignments(other(), asked)
            ]  # fmt: skip
            differences += find_differences(
                at_moment.select([*uplift.KEYS, *features]),
                pa.concat_tables(rebuilt),
                keys=uplift.KEYS,
                future=name,
            )
    days = config.windows_days[0] if facts.recorded is None else facts.recorded.window_days
    label = stored[uplift.outcome_column(c.CONVERSION, days)]
    known = stored.filter(pc.is_valid(label))
    return SetReport(
        name="uplift",
        rows=rows,
        moments=len(moments),
        columns=len(features),
        differences=_once(differences),
        screened_rows=known.num_rows,
        suspicious=_suspicious(known, features, label.drop_null().to_numpy(), leakage),
        overlaps=_reassigned(stored, days),
    )


def check_interactions(
    stored: pa.Table,
    parts: Parts,
    config: InteractionConfig,
    leakage: LeakageConfig,
    *,
    as_of: datetime,
    persons: IdMap,
    items: IdMap,
) -> SetReport:
    """Rebuild the interactions of some persons.

    Args:
        stored: all rows of some persons.
        parts: the histories the set was built from.
        config: the set's.
        leakage: how much is checked.
        as_of: the set's.
        persons: numbers of persons.
        items: numbers of items.
    """
    ids = sample_persons(sorted(set(stored[c.PERSON_ID].to_pylist())), leakage.persons)
    chosen = pa.array(ids, pa.string())
    mine = stored.filter(pc.is_in(stored[c.PERSON_ID], value_set=chosen))
    differences: list[Difference] = []
    for name, other in _futures(parts, microseconds(as_of), leakage):
        rebuilt = pa.concat_tables(
            interactions.interaction_rows(part, config, as_of=as_of, persons=persons, items=items)
            for part in other()
        )
        rebuilt = rebuilt.filter(pc.is_in(rebuilt[c.PERSON_ID], value_set=chosen))
        differences += find_differences(mine, rebuilt, keys=interactions.KEYS, future=name)
    return SetReport(
        name="interactions",
        rows=mine.num_rows,
        moments=1,
        columns=1,
        differences=_once(differences),
    )


def _futures(parts: Parts, moment: int, leakage: LeakageConfig) -> Iterator[tuple[str, Parts]]:
    """The same persons with other futures."""

    def none() -> Iterator[Histories]:
        return (without_future(part, moment) for part in parts())

    def forged() -> Iterator[Histories]:
        for number, part in enumerate(parts()):
            yield with_forged_future(part, moment, seed=leakage.seed + number)

    yield NO_FUTURE, none
    yield FORGED_FUTURE, forged


def _other_contacts(facts: UpliftFacts, moment: int, future: str, seed: int) -> Contacts:
    if future == NO_FUTURE:
        return Contacts.from_tables(
            table_without_future(facts.exposures, c.TIME, moment),
            table_without_future(facts.assignments, c.ASSIGNED_AT, moment),
        )
    forge = partial(table_with_forged_future, moment=moment, seed=seed)
    return Contacts.from_tables(
        forge(facts.exposures, c.TIME, id_=c.EXPOSURE_ID),
        forge(facts.assignments, c.ASSIGNED_AT, id_=c.EXPERIMENT_ID),
    )


def _once(differences: list[Difference]) -> tuple[Difference, ...]:
    """The first difference of each column and future."""
    first: dict[tuple[str, str], Difference] = {}
    for difference in differences:
        first.setdefault((difference.column, difference.future), difference)
    return tuple(first.values())


def _suspicious(
    table: pa.Table, features: Sequence[str], label: np.ndarray, leakage: LeakageConfig
) -> tuple[Screened, ...]:
    return tuple(s for s in screen(table, features, label) if s.auc > leakage.max_auc)


def _overlap(config: ranking.RankingConfig) -> tuple[str, ...]:
    if config.cutoffs == 1 or config.every_days >= config.horizon_days:
        return ()
    shared = config.horizon_days - config.every_days
    found = f"label windows of neighbouring cut-offs share {shared} days, so features of one see labels of the other"
    return (f"{found}: split between cut-offs {config.horizon_days} or more days apart",)


def _reassigned(stored: pa.Table, days: int) -> tuple[str, ...]:
    """Rows whose outcome window reaches past the person's next assignment."""
    rows = stored.select([c.PERSON_ID, c.ASSIGNED_AT]).sort_by(
        [(c.PERSON_ID, "ascending"), (c.ASSIGNED_AT, "ascending")]
    )
    person = rows[c.PERSON_ID].to_numpy(zero_copy_only=False)
    gap = np.diff(rows[c.ASSIGNED_AT].cast(pa.int64()).to_numpy())
    early = int(((person[1:] == person[:-1]) & (gap < days * MICROSECONDS_PER_DAY)).sum())
    if not early:
        return ()
    found = f"in {early:,} of {stored.num_rows:,} rows the {days}-day outcome window reaches past the next assignment"
    return (f"{found}: their outcomes answer for two",)
