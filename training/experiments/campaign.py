"""What a recorded campaign changed, and what a run's decisions are worth, beside the planted truth of a simulation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.assignment import TARGETABLE
from features.errors import InputError
from features.simulate.overlay import CONTROL, TREATED, OverlayConfig, next_experiment_id
from features.simulate.response import HARMED
from training.experiments.checks import (
    SampleRatioCheck,
    TwoArmsCheck,
    check_sample_ratio,
    check_two_arms,
    require_sample_ratio,
)
from training.experiments.lift import LiftEstimate, estimate_lift

PLANTED: Final = {
    c.CONVERSION: c.EFFECT_CONVERSION,
    c.REVENUE: c.EFFECT_REVENUE,
    c.MARGIN: c.EFFECT_MARGIN,
}
"""Outcomes measured, the primary one first, and the column of their planted effect."""

_FEWEST_ROWS: Final = 2
_KEYS: Final = [c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT]


@dataclass(frozen=True)
class MeasuredEffect:
    """An estimate beside the truth.

    Attributes:
        outcome: what is measured, per assigned person and week.
        segment: response class, or "" for everybody assigned.
        unit: of the effect: a currency, or "share" of the assigned.
        lift: the estimate; rows are (person, week), errors are clustered by person.
        planted: mean planted effect over the same rows, both arms.
    """

    outcome: str
    segment: str
    unit: str
    lift: LiftEstimate
    planted: float

    @property
    def covered(self) -> bool:
        """Whether the interval holds the planted effect."""
        return self.lift.low <= self.planted <= self.lift.high


@dataclass(frozen=True)
class CampaignLift:
    """The lift of one experiment.

    Attributes:
        experiment_id: its name.
        rows: assigned (person, week) rows.
        persons: different persons.
        share_reached: share of assigned rows with an impression or ghost impression.
        sample_ratio, two_arms: checks that had to pass.
        outcomes: effects over everybody assigned, the primary outcome first.
        segments: effects on the primary outcome by planted response class; classes with fewer than two rows in an arm are
            left out.
    """

    experiment_id: str
    rows: int
    persons: int
    share_reached: float
    sample_ratio: SampleRatioCheck
    two_arms: TwoArmsCheck
    outcomes: tuple[MeasuredEffect, ...]
    segments: tuple[MeasuredEffect, ...]


@dataclass(frozen=True)
class PolicyWorth:
    """The exact expected worth of contacting a set of persons at the moment of decision, given the planted response.

    Attributes:
        policy: who is contacted.
        contacts: how many (a mean for a random choice).
        incremental_margin: expected margin won, in the project's currency.
        cost: expected cost of the contacts that reach.
        profit: incremental_margin - cost.
        harmed_contacts: contacts of persons whom a contact harms.
        currency: of the money.
    """

    policy: str
    contacts: float
    incremental_margin: float
    cost: float
    profit: float
    harmed_contacts: float
    currency: str


def measure_campaign(
    assignments: pa.Table,
    outcomes: pa.Table,
    exposures: pa.Table,
    truth: pa.Table,
    *,
    experiment_id: str,
    currency: str,
) -> CampaignLift:
    """Intention-to-treat effects of a campaign with weekly decisions.

    Args:
        assignments: rows of (experiment, person, time) with arm and recorded probability.
        outcomes: one row per assignment.
        exposures: impressions and ghost impressions.
        truth: planted effects; used only for the columns named planted.
        experiment_id: which experiment.
        currency: of revenue and margin.

    Raises:
        InputError: an assignment without outcome.
        GateError: the arms do not match the recorded probabilities; nothing is reported then.
    """
    measured = outcomes.select([*_KEYS, *PLANTED])
    planted = truth.select([*_KEYS, c.RESPONSE_CLASS, *PLANTED.values()])
    table = assignments.join(measured, _KEYS, join_type="inner")
    rows = table.join(planted, _KEYS, join_type="inner").to_pandas()
    rows = rows[rows[c.EXPERIMENT_ID] == experiment_id].sort_values(_KEYS[1:], ignore_index=True)
    _require_outcomes(len(rows), _count(assignments, experiment_id), experiment_id)
    treated = (rows[c.ARM] == TREATED).to_numpy()
    chance = np.where(treated, rows[c.PROBABILITY], 1 - rows[c.PROBABILITY])
    sample_ratio = check_sample_ratio(
        treated.astype(np.int64), np.column_stack([1 - chance, chance]), arms=(CONTROL, TREATED)
    )
    require_sample_ratio(sample_ratio, source=f"experiment '{experiment_id}'")
    person, _ = pd.factorize(rows[c.PERSON_ID])
    unit = rows[c.PERSON_ID] + "@" + rows[c.ASSIGNED_AT].astype(str)
    everybody = np.ones(len(rows), np.bool_)
    primary = next(iter(PLANTED))
    return CampaignLift(
        experiment_id=experiment_id,
        rows=len(rows),
        persons=len(np.unique(person)),
        share_reached=_count(exposures, experiment_id) / len(rows),
        sample_ratio=sample_ratio,
        two_arms=check_two_arms(unit.tolist(), rows[c.ARM].tolist()),
        outcomes=tuple(
            _effect(rows, treated, person, everybody, name, "", currency) for name in PLANTED
        ),
        segments=tuple(
            _effect(
                rows,
                treated,
                person,
                (rows[c.RESPONSE_CLASS] == name).to_numpy(),
                primary,
                name,
                currency,
            )
            for name in sorted(rows[c.RESPONSE_CLASS].unique())
            if _large_enough(treated[(rows[c.RESPONSE_CLASS] == name).to_numpy()])
        ),
    )


def _count(table: pa.Table, experiment_id: str) -> int:
    return int(pc.sum(pc.equal(table[c.EXPERIMENT_ID], experiment_id)).as_py() or 0)


def _large_enough(treated: BoolArray) -> bool:
    """A segment is measured with at least two rows in each arm."""
    return bool(min(treated.sum(), (~treated).sum()) >= _FEWEST_ROWS)


def _require_outcomes(found: int, assigned: int, experiment_id: str) -> None:
    if found != assigned:
        raise InputError(
            f"experiment '{experiment_id}'",
            f"{assigned - found} of {assigned} assignments have no outcome or no planted effect",
            rule="everybody assigned is measured",
            next_step="Run 'retarget simulate' again; every assignment needs exactly one outcome.",
        )


def _effect(
    rows: pd.DataFrame,
    treated: np.ndarray,
    person: np.ndarray,
    kept: np.ndarray,
    outcome: str,
    segment: str,
    currency: str,
) -> MeasuredEffect:
    lift = estimate_lift(
        rows.loc[kept, outcome].to_numpy(np.float64), treated[kept], clusters=person[kept]
    )
    planted = float(rows.loc[kept, PLANTED[outcome]].mean())
    unit = "share" if outcome == c.CONVERSION else currency
    return MeasuredEffect(outcome, segment, unit, lift, planted)


def measure_decisions(
    decisions: pa.Table, truth: pa.Table, config: OverlayConfig, *, currency: str
) -> tuple[PolicyWorth, ...]:
    """The worth of a run's contacts, and of other choices of as many among the same persons.

    The persons are those who could be contacted: eligible and not held out. Worth is exact: the planted expected
    effect of each contact given the person's real outcome of that week, no sampling noise.

    Args:
        decisions: a run of the nightly job at the moment the truth holds as the next decision.
        truth: planted effects.
        config: of the overlay, for its cost per contact.
        currency: of margin and cost.
    """
    people = decisions.to_pandas()
    people = people[(people[c.RANK] == 1) & people[c.ELIGIBLE] & (people[c.ARM] == TARGETABLE)]
    planted = truth.to_pandas()
    planted = planted[planted[c.EXPERIMENT_ID] == next_experiment_id(config)]
    rows = people.merge(
        planted.drop(columns=c.CURRENCY, errors="ignore"), on=c.PERSON_ID, validate="one_to_one"
    )
    rows[c.COST] = config.cost_per_contact * rows[c.PROBABILITY_REACHED]
    count = int(rows[c.CONTACT].sum())
    profit = rows[c.EFFECT_MARGIN] - rows[c.COST]
    return (
        _worth(currency, "this run", rows, rows[c.CONTACT].to_numpy(np.float64)),
        _worth(currency, "random, as many", rows, np.full(len(rows), count / max(len(rows), 1))),
        _worth(currency, "most likely to buy, as many", rows, _top(rows[c.BASE_OUTCOME], count)),
        _worth(currency, "everybody eligible", rows, np.ones(len(rows))),
        _worth(currency, "oracle, as many", rows, _top(profit, count) * (profit > 0).to_numpy()),
    )


def _top(score: pd.Series, count: int) -> np.ndarray:
    """1 for the `count` highest scores, ties by row order."""
    chosen = np.zeros(len(score))
    chosen[np.argsort(-score.to_numpy(), kind="stable")[:count]] = 1.0
    return chosen


def _worth(currency: str, policy: str, rows: pd.DataFrame, contact: np.ndarray) -> PolicyWorth:
    margin = float((contact * rows[c.EFFECT_MARGIN]).sum())
    cost = float((contact * rows[c.COST]).sum())
    harmed = float((contact * (rows[c.RESPONSE_CLASS] == HARMED)).sum())
    return PolicyWorth(policy, float(contact.sum()), margin, cost, margin - cost, harmed, currency)
