"""The uplift set: one row per assignment, with features before it and outcomes after it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from features import columns as c
from features.arrays import BoolArray, IntArray
from features.builders.knowledge import Knowledge
from features.builders.person import FEATURES, person_features
from features.builders.registry import PERSON_GROUPS, builder, person_group_features
from features.builders.treatment import ContactCap, treatment_features
from features.config import BaseConfig
from features.contacts import Contacts
from features.histories.histories import MICROSECONDS_PER_DAY, Histories, microseconds
from features.outcomes import observed_outcomes
from features.tables import TIMESTAMP
from features.training_sets.shop import knowledge_moments

UPLIFT_OUTCOMES = (c.CONVERSION, c.VISITS, c.REVENUE, c.MARGIN)
UPLIFT_FEATURES = tuple(feature.name for feature in FEATURES)

KEYS: Final = (c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT)
"""What identifies an assignment."""


def uplift_set(assignments: pa.Table, outcomes: pa.Table, histories: Histories) -> pa.Table:
    """One row per assignment: arm, recorded probability, features as of the assignment, outcomes after it.

    Args:
        assignments: checked assignments of one experiment.
        outcomes: checked outcomes; every assignment has exactly one.
        histories: the events known.

    Returns:
        Rows in the order (assigned_at, person_id): the keys, arm, probability, `UPLIFT_FEATURES`, `UPLIFT_OUTCOMES`.

    Invariants: features are unchanged by events at or after a row's assignment.
    """
    measured = outcomes.select([*KEYS, *UPLIFT_OUTCOMES])
    joined = assignments.join(measured, list(KEYS), join_type="inner").sort_by(
        [(c.ASSIGNED_AT, "ascending"), (c.PERSON_ID, "ascending")]
    )
    rows = histories.as_of(
        histories.person_rows(joined[c.PERSON_ID]),
        joined[c.ASSIGNED_AT].cast(pa.int64()).to_numpy(),
    )
    known = person_features(rows)
    facts = joined.select([*KEYS, c.ARM, c.PROBABILITY])
    columns = {table_column: facts[table_column] for table_column in facts.column_names}
    columns |= {name: known[name] for name in UPLIFT_FEATURES}
    columns |= {name: joined[name] for name in UPLIFT_OUTCOMES}
    return pa.table(columns)


class UpliftSetConfig(BaseConfig):
    """Windows and features of the uplift set."""

    windows_days: tuple[Annotated[int, Field(ge=1)], ...] = Field(default=(7,), min_length=1)
    """Outcome windows after an assignment. Outcomes that were recorded with the campaign have one window, their own."""

    margin_rate: Annotated[float, Field(gt=0, le=1)] | None = None
    """Margin per unit of revenue, for outcomes counted from events; null = the margin is not known."""

    groups: tuple[str, ...] = PERSON_GROUPS
    """Groups of person features."""

    caps: tuple[ContactCap, ...] = ()
    """Caps on contacts whose remainder is a feature."""

    look_every_days: int = Field(default=7, ge=1)
    """How old what is known of the whole shop may be, at most, at an assignment."""

    @model_validator(mode="after")
    def _known_and_distinct(self) -> Self:
        unknown = sorted(set(self.groups) - set(PERSON_GROUPS))
        if unknown:
            raise ValueError(f"'groups' names {unknown}; there are {list(PERSON_GROUPS)}")
        if len(set(self.windows_days)) < len(self.windows_days):
            raise ValueError(f"'windows_days' names a window twice: {list(self.windows_days)}")
        return self

    def moments(self, assignments: pa.Table) -> list[int]:
        """Moments at which the shop is looked at, microseconds since 1970 UTC, rising."""
        times = assignments[c.ASSIGNED_AT].cast(pa.int64()).to_numpy()
        return [
            int(m) for m in np.unique(knowledge_moments(times, every_days=self.look_every_days))
        ]


@dataclass(frozen=True, eq=False)
class Recorded:
    """Outcomes that a campaign recorded itself.

    Attributes:
        table: checked outcomes.
        window_days: length of the window they were recorded in.
    """

    table: pa.Table
    window_days: int


def uplift_rows(
    part: Histories,
    assignments: pa.Table,
    contacts: Contacts,
    shop: Mapping[int, Knowledge],
    config: UpliftSetConfig,
    *,
    recorded_until: datetime,
    recorded: Recorded | None = None,
) -> pa.Table:
    """One row per assignment of some persons.

    Args:
        part: whole histories of these persons; an assigned person who is not there has an empty history.
        assignments: checked assignments of these persons.
        contacts: past contacts and assignments.
        shop: the whole shop as of each of `config.moments`.
        config: windows, features.
        recorded_until: end of the recorded time: a window that reaches past it is censored.
        recorded: the campaign's own outcomes, for a campaign whose effect is not in the events; None = outcomes are
            counted from the events, net of refunds before `recorded_until`.

    Returns:
        By (assigned_at, person_id): experiment_id, person_id, assigned_at, arm, probability; person and treatment
        features, float64, NaN as the builders say; and per window of d days `conversion_<d>d` (0 or 1), `visits_<d>d`
        (orders), `revenue_<d>d`, `margin_<d>d` (money) and `censored_<d>d`. An outcome is null, never 0, when its window
        reaches past the recorded time, when a recorded campaign has none for the row, or when no margin rate is known.

    Invariants: features are unchanged by events, refunds, contacts and assignments at or after the row's assignment.
    """
    order = [
        (c.ASSIGNED_AT, "ascending"),
        (c.PERSON_ID, "ascending"),
        (c.EXPERIMENT_ID, "ascending"),
    ]
    rows = assignments.sort_by(order)
    times = rows[c.ASSIGNED_AT].cast(pa.int64()).to_numpy()
    columns: dict[str, Any] = {name: rows[name] for name in (*KEYS, c.ARM, c.PROBABILITY)}
    columns |= _person_columns(part, rows[c.PERSON_ID], times, shop, config)
    past = contacts.as_of(rows[c.PERSON_ID], times)
    treated = treatment_features(past, caps=config.caps)
    columns |= {name: treated[name] for name in treated.column_names}
    until = microseconds(recorded_until)
    if recorded is not None:
        columns |= _recorded_outcomes(rows, times, recorded, until)
        return pa.table(columns).cast(uplift_schema(config, recorded))
    person = part.person_rows(rows[c.PERSON_ID])
    for days in config.windows_days:
        found = observed_outcomes(part, person, times, horizon_days=days, matured_at=recorded_until)
        censored = times + days * MICROSECONDS_PER_DAY > until
        rate = config.margin_rate
        margin = pa.nulls(len(times), pa.float64()) if rate is None else rate * found.revenue
        outcomes = {
            c.CONVERSION: found.conversion,
            c.VISITS: found.visits,
            c.REVENUE: found.revenue,
            c.MARGIN: margin,
        }
        columns |= _window_columns(outcomes, censored, days)
    return pa.table(columns).cast(uplift_schema(config, recorded))


def with_assignments(
    parts: Iterable[Histories], assignments: pa.Table
) -> Iterator[tuple[Histories, pa.Table]]:
    """Each part with the assignments of its persons; at last those of persons without any event.

    Invariants: every assignment is given exactly once; a part without assignments is left out.
    """
    left, part = assignments, None
    for part in parts:
        inside = pc.is_in(left[c.PERSON_ID], value_set=pa.array(part.person_ids, pa.string()))
        mine, left = left.filter(inside), left.filter(pc.invert(inside))
        if mine.num_rows:
            yield part, mine
    if part is not None and left.num_rows:
        yield part, left


def uplift_set_features(config: UpliftSetConfig) -> tuple[str, ...]:
    """Names of the feature columns, in order."""
    groups = (*config.groups, "treatment")
    return tuple(name for group in groups for name in builder(group).columns)


def uplift_schema(config: UpliftSetConfig, recorded: Recorded | None) -> pa.Schema:
    """Columns of `uplift_rows`."""
    windows = config.windows_days if recorded is None else (recorded.window_days,)
    outcomes = {
        c.CONVERSION: pa.int64(),
        c.VISITS: pa.int64(),
        c.REVENUE: pa.float64(),
        c.MARGIN: pa.float64(),
        c.CENSORED: pa.bool_(),
    }
    return pa.schema(
        [
            (c.EXPERIMENT_ID, pa.string()),
            (c.PERSON_ID, pa.string()),
            (c.ASSIGNED_AT, TIMESTAMP),
            (c.ARM, pa.string()),
            (c.PROBABILITY, pa.float64()),
            *((name, pa.float64()) for name in uplift_set_features(config)),
            *((outcome_column(n, days), t) for days in windows for n, t in outcomes.items()),
        ]
    )


def _person_columns(
    part: Histories,
    person_ids: pa.ChunkedArray,
    times: IntArray,
    shop: Mapping[int, Knowledge],
    config: UpliftSetConfig,
) -> dict[str, Any]:
    """Person features, built for all rows that share a look at the shop together."""
    person = part.person_rows(person_ids)
    looks = knowledge_moments(times, every_days=config.look_every_days)
    names = [name for group in config.groups for name in builder(group).columns]
    columns = {name: np.full(len(times), np.nan) for name in names}
    for moment in np.unique(looks).tolist():
        place = np.flatnonzero(looks == moment)
        view = part.as_of(person[place], times[place])
        found = person_group_features(view, shop[moment], groups=config.groups)
        for name in names:
            columns[name][place] = found[name].to_numpy()
    return columns


def _recorded_outcomes(
    rows: pa.Table, times: IntArray, recorded: Recorded, until: int
) -> dict[str, Any]:
    keys = rows.select(list(KEYS)).append_column("row", pa.array(np.arange(len(times))))
    joined = keys.join(
        recorded.table.select([*KEYS, *UPLIFT_OUTCOMES]), list(KEYS), join_type="left outer"
    ).sort_by("row")
    censored = times + recorded.window_days * MICROSECONDS_PER_DAY > until
    outcomes = {name: joined[name] for name in UPLIFT_OUTCOMES}
    return _window_columns(outcomes, censored, recorded.window_days)


def _window_columns(outcomes: Mapping[str, Any], censored: BoolArray, days: int) -> dict[str, Any]:
    """Outcomes of a window, null where it is censored."""
    gone = pa.array(censored)
    columns: dict[str, Any] = {
        outcome_column(name, days): pc.if_else(gone, None, _array(values))
        for name, values in outcomes.items()
    }
    return columns | {outcome_column(c.CENSORED, days): gone}


def outcome_column(name: str, days: int) -> str:
    """Column of an outcome in a window: `conversion_7d`."""
    return f"{name}_{days}d"


def _array(values: Any) -> Any:
    return pa.array(values) if isinstance(values, np.ndarray) else values
