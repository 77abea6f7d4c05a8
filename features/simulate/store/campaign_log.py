"""What was delivered in a made-up store as a client would have recorded it: assignments, exposures with costs, outcomes; the truth apart.

The impressions of one contact are one exposure, with their sum as its cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import columns as c
from features.arrays import IntArray, TextArray
from features.histories.histories import MICROSECONDS_PER_DAY, Histories, microseconds
from features.outcomes import observed_outcomes
from features.simulate.overlay import CONTROL, TREATED
from features.simulate.store.knowledge import WEEK
from features.simulate.store.truth import TYPES
from features.simulate.store.world import Week, World
from features.tables import TIMESTAMP


@dataclass(frozen=True, eq=False)
class Recorded:
    """Decisions of past weeks, n rows, by person ids as they are known now.

    Attributes:
        person: shape (n,), number of the person.
        person_id: shape (n,), text.
        moment: shape (n,), number of the decision.
        row: shape (n,), place in the decisions of that week.
        experiment_id: shape (n,), text.
    """

    person: IntArray
    person_id: TextArray
    moment: IntArray
    row: IntArray
    experiment_id: TextArray

    def only(self, rows: IntArray) -> Recorded:
        """These rows."""
        return Recorded(
            self.person[rows],
            self.person_id[rows],
            self.moment[rows],
            self.row[rows],
            self.experiment_id[rows],
        )


def recorded(weeks: list[Week], experiments: list[TextArray], ids: TextArray) -> Recorded:
    """The decisions of past weeks as rows; persons whom nobody knows are left out.

    Args:
        weeks: delivered.
        experiments: of each week's decisions, the experiment of each, shape (n_decisions,).
        ids: shape (n_persons,), the id of each person number, "" = not known.
    """
    nothing = np.zeros(0, np.int64)
    person = np.concatenate([nothing, *(week.decisions.person for week in weeks)])
    every = Recorded(
        person=person,
        person_id=ids[person],
        moment=np.concatenate([nothing, *(np.full(len(week.cost), week.moment) for week in weeks)]),
        row=np.concatenate([nothing, *(np.arange(len(week.cost)) for week in weeks)]),
        experiment_id=np.concatenate([np.array([], dtype=object), *experiments]),
    )
    return every.only(np.flatnonzero(every.person_id != ""))


def assignments_table(world: World, rows: Recorded) -> pa.Table:
    """The assignments table: who was assigned to which arm, with the probability of that arm."""
    treated = _of_rows(world, rows, lambda week: week.decisions.treated)
    return pa.table(
        {
            **_keys(world, rows),
            c.ARM: pa.array(np.where(treated, TREATED, CONTROL).tolist(), pa.string()),
            c.PROBABILITY: _of_rows(world, rows, lambda week: week.decisions.probability),
        }
    )


def exposures_table(world: World, rows: Recorded) -> pa.Table:
    """The exposures table: contacts that reached with their cost, and ghosts of the held out."""
    keys, known, n = _keys(world, rows), world.knowledge, len(rows.person)
    treated = _of_rows(world, rows, lambda week: week.decisions.treated)
    shown = _of_rows(world, rows, lambda week: week.impressions)
    key = zip(rows.experiment_id, rows.moment, rows.person_id, strict=True)
    table = pa.table(
        {
            c.EXPOSURE_ID: pa.array(["|".join(map(str, part)) for part in key], pa.string()),
            c.EXPERIMENT_ID: keys[c.EXPERIMENT_ID],
            c.PERSON_ID: keys[c.PERSON_ID],
            c.TIME: keys[c.ASSIGNED_AT],
            c.CHANNEL: pa.array([known.world.channel] * n, pa.string()),
            c.GHOST: pa.array(~treated),
            c.COST: _of_rows(world, rows, lambda week: week.cost),
            c.CURRENCY: pa.array([known.store.currency] * n, pa.string()),
        }
    )
    return table.filter(pa.array(shown > 0))


def outcomes_table(
    world: World, rows: Recorded, histories: Histories, *, margin_rate: float
) -> pa.Table:
    """The outcomes table: what the events known by now say of the week after each assignment.

    Args:
        world: of the decisions.
        rows: whose week is over.
        histories: the events known.
        margin_rate: margin per unit of revenue.
    """
    persons = histories.person_rows(pa.array(rows.person_id, pa.string()))
    seen = observed_outcomes(histories, persons, times_of(world, rows.moment), horizon_days=WEEK)
    return pa.table(
        {
            **_keys(world, rows),
            c.VISITS: seen.visits,
            c.CONVERSION: seen.conversion,
            c.REVENUE: seen.revenue,
            c.MARGIN: margin_rate * seen.revenue,
            c.CURRENCY: pa.array([world.knowledge.store.currency] * len(persons), pa.string()),
            c.DAYS_TO_CONVERSION: pa.array(seen.first_day, mask=seen.first_day < 0),
        }
    )


def truth_table(world: World, rows: Recorded) -> pa.Table:
    """The truth table: what each contact was expected to change, made or not, given the contacts before it."""
    known = world.knowledge
    kinds = [TYPES[kind] for kind in known.kinds[rows.person]]
    return pa.table(
        {
            **_keys(world, rows),
            c.RESPONSE_CLASS: pa.array(kinds, pa.string()),
            c.EFFECT_CONVERSION: _of_rows(world, rows, lambda week: week.expected.conversion),
            c.EFFECT_REVENUE: _of_rows(world, rows, lambda week: week.expected.revenue),
            c.EFFECT_MARGIN: _of_rows(world, rows, lambda week: week.expected.margin),
            c.CURRENCY: pa.array([known.store.currency] * len(kinds), pa.string()),
            c.PROBABILITY_REACHED: _of_rows(world, rows, lambda week: week.expected.reach),
        }
    )


def times_of(world: World, moment: IntArray) -> IntArray:
    """When decisions are taken, microseconds since 1970 UTC; shape of `moment`."""
    known = world.knowledge
    times: IntArray = microseconds(known.store.first) + known.days[moment] * MICROSECONDS_PER_DAY
    return times


def _keys(world: World, rows: Recorded) -> dict[str, Any]:
    return {
        c.EXPERIMENT_ID: pa.array(rows.experiment_id, pa.string()),
        c.PERSON_ID: pa.array(rows.person_id, pa.string()),
        c.ASSIGNED_AT: pa.array(times_of(world, rows.moment), pa.int64()).cast(TIMESTAMP),
    }


def _of_rows(
    world: World, rows: Recorded, column: Callable[[Week], npt.NDArray[Any]]
) -> npt.NDArray[Any]:
    """A column of the weeks, for the rows."""
    parts = [column(week) for week in world.weeks]
    begin = np.cumsum([0, *(len(part) for part in parts)])
    return np.concatenate([np.zeros(0, np.bool_), *parts])[begin[rows.moment] + rows.row]
