"""A randomised campaign laid over real histories.

The histories are real, the campaign is not: at weekly decision points every contactable person is assigned by salted hash
to treatment or control, with the probability recorded, and the real outcomes of treated persons are perturbed by the
declared response (`features.simulate.response`). The truth is written apart. Each week starts from the real history:
no planted effect carries over into later weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import Field

from features import columns as c
from features.arrays import FloatArray, IntArray
from features.assignment import uniform
from features.builders.person import person_features
from features.config import BaseConfig, UtcTime
from features.consent import contactable
from features.errors import ConfigError
from features.histories.histories import Histories, microseconds
from features.outcomes import Outcomes, observed_outcomes
from features.simulate.response import Response, ResponseConfig, respond
from features.tables import TIMESTAMP

TREATED: Final = "treated"
CONTROL: Final = "control"
NO_ORDER: Final = -1


class OverlayConfig(BaseConfig):
    """A randomised campaign over real histories."""

    kind: Literal["overlay"]

    experiment_id: str = Field(pattern=r"^[a-z0-9_]+$")
    """Names the experiment and salts its random draws."""

    first: UtcTime
    """First decision point; the others follow weekly."""

    weeks: int = Field(ge=1)
    """Number of decision points."""

    horizon_days: int = Field(default=7, ge=1, le=7)
    """Length of the outcome window; at most the week between two decisions."""

    treated_share: float = Field(default=0.5, gt=0, lt=1)
    """Probability of treatment, the same for everyone, recorded on every row."""

    margin_rate: float = Field(default=0.25, gt=0, le=1)
    """Margin per unit of revenue. An assumption where the data hold no cost."""

    cost_per_contact: float = Field(default=0.5, ge=0)
    """Money per contact that reaches a person."""

    assigned: Literal["contactable", "everybody"] = "contactable"
    """Who is assigned. An overlay sends nothing, so a dry run before launch may assign everybody, whatever was agreed to; the
    decisions of `score` ask for consent all the same."""

    channel: str = "display"
    response: ResponseConfig = ResponseConfig()


@dataclass(frozen=True, eq=False)
class OverlaidCampaign:
    """What a real campaign would have recorded: nothing of the truth."""

    assignments: pa.Table
    exposures: pa.Table
    outcomes: pa.Table


@dataclass(frozen=True, eq=False)
class _Rows:
    """The assigned (person, time) rows and their response."""

    person: IntArray
    time: IntArray
    person_id: npt.NDArray[np.object_]
    unit: list[str]
    organic: Outcomes
    response: Response

    def draw(self, purpose: str) -> FloatArray:
        return uniform(self.unit, salt=purpose)


def overlay_campaign(
    histories: Histories,
    persons: pa.Table,
    config: OverlayConfig,
    *,
    as_of: datetime,
    currency: str,
) -> OverlaidCampaign:
    """Assign, expose and perturb; deterministic in (histories, persons, config).

    Args:
        histories: the real events.
        persons: checked persons table; who of them is assigned says `config.assigned`.
        config: design and planted effects.
        as_of: end of the usable past; the last outcome window must close by then.
        currency: of the histories' values.

    Raises:
        ConfigError: an outcome window would reach past `as_of`, or nobody can be assigned.
    """
    decisions = _decision_points(config)
    end = decisions[-1] + timedelta(days=config.horizon_days)
    if end > as_of:
        raise ConfigError(
            f"experiment '{config.experiment_id}'",
            f"its last outcome window ends {end:%Y-%m-%d}",
            rule=f"outcomes must be complete by as_of ({as_of:%Y-%m-%d})",
            next_step="Lower 'weeks', or start earlier.",
        )
    rows = _assigned_rows(histories, persons, decisions, config)
    if not len(rows.person):
        raise ConfigError(
            f"experiment '{config.experiment_id}'",
            f"at none of {config.weeks} decisions anybody with an event before it may be contacted",
            rule="an experiment needs persons to assign",
            next_step="Check 'first' and the consent of the source; for a dry run set 'assigned: everybody'.",
        )
    treated = rows.draw(f"{config.experiment_id}|arm") < config.treated_share
    reached = rows.draw(f"{config.experiment_id}|reach") < rows.response.reach
    outcomes = _perturb(rows, treated & reached, config)
    keys = _keys(rows, config.experiment_id)
    return OverlaidCampaign(
        assignments=_assignments(keys, treated, config),
        exposures=_exposures(keys, rows, treated, reached, config, currency),
        outcomes=_outcomes(keys, outcomes, config, currency),
    )


def planted_truth(
    histories: Histories,
    persons: pa.Table,
    config: OverlayConfig,
    *,
    next_decision: datetime,
    currency: str,
) -> pa.Table:
    """The expected effect of an assignment to treatment, given each row's real outcome.

    Args:
        histories: the real events, up to the end of the last outcome window.
        persons: as for `overlay_campaign`.
        config: as for `overlay_campaign`.
        next_decision: one more decision point, for judging decisions made then.
        currency: of the histories' values.

    Returns:
        A table of the truth contract: the campaign's rows under its experiment id, the rows of the next decision under
        `next_experiment_id(config)`.
    """
    campaign = _assigned_rows(histories, persons, _decision_points(config), config)
    following = _assigned_rows(histories, persons, [next_decision], config)
    parts = [
        _planted_effects(campaign, config.experiment_id, config.margin_rate, currency),
        _planted_effects(following, next_experiment_id(config), config.margin_rate, currency),
    ]
    return pa.concat_tables(parts)


def next_experiment_id(config: OverlayConfig) -> str:
    """Experiment id under which the truth of the next decision is kept."""
    return f"{config.experiment_id}|next"


def _decision_points(config: OverlayConfig) -> list[datetime]:
    return [config.first + timedelta(weeks=week) for week in range(config.weeks)]


def _keys(rows: _Rows, experiment_id: str) -> dict[str, Any]:
    return {
        c.EXPERIMENT_ID: pa.array([experiment_id] * len(rows.unit), pa.string()),
        c.PERSON_ID: pa.array(rows.person_id, pa.string()),
        c.ASSIGNED_AT: pa.array(rows.time, pa.int64()).cast(TIMESTAMP),
    }


def _planted_effects(
    rows: _Rows, experiment_id: str, margin_rate: float, currency: str
) -> pa.Table:
    organic, response = rows.organic, rows.response
    revenue = response.effect_on_revenue(organic.conversion, organic.revenue)
    return pa.table(
        {
            **_keys(rows, experiment_id),
            c.RESPONSE_CLASS: pa.array(response.response_class.tolist(), pa.string()),
            c.EFFECT_CONVERSION: response.effect_on_conversion(organic.conversion),
            c.EFFECT_REVENUE: revenue,
            c.EFFECT_MARGIN: margin_rate * revenue,
            c.CURRENCY: pa.array([currency] * len(revenue), pa.string()),
            c.PROBABILITY_REACHED: response.reach,
        }
    )


def _assigned_rows(
    histories: Histories, persons: pa.Table, decisions: list[datetime], config: OverlayConfig
) -> _Rows:
    row_of = histories.person_rows(persons[c.PERSON_ID])
    person, time, unit = [], [], []
    for decision in decisions:
        moment = microseconds(decision)
        asked = config.assigned == "everybody" or contactable(persons, decision)
        chosen = np.sort(row_of[asked & ~_erased(persons)])
        view = histories.as_of(chosen[chosen >= 0], moment)
        known = view.person[view.stop > view.start]
        person.append(known)
        time.append(np.full(len(known), moment))
        unit += [f"{name}|{decision:%Y-%m-%d}" for name in histories.person_ids[known]]
    persons_, times = np.concatenate(person), np.concatenate(time)
    features = person_features(histories.as_of(persons_, times))
    return _Rows(
        person=persons_,
        time=times,
        person_id=histories.person_ids[persons_],
        unit=unit,
        organic=observed_outcomes(histories, persons_, times, horizon_days=config.horizon_days),
        response=respond(features, config.response),
    )


def _erased(persons: pa.Table) -> npt.NDArray[np.bool_]:
    erased: npt.NDArray[np.bool_] = persons[c.ERASED].to_numpy()
    return erased


def _perturb(rows: _Rows, contacted: npt.NDArray[np.bool_], config: OverlayConfig) -> Outcomes:
    """The real outcomes, with orders won and lost where a contact reached."""
    organic, response = rows.organic, rows.response
    converts = organic.conversion == 1
    draw = rows.draw(f"{config.experiment_id}|response")
    won = contacted & ~converts & (draw < response.gain)
    lost = contacted & converts & (draw < response.loss)
    later = rows.draw(f"{config.experiment_id}|day") >= config.response.first_day_share
    spread = rows.draw(f"{config.experiment_id}|later") * (config.horizon_days - 1)
    last_day = config.horizon_days - 1
    day_won = np.where(later, np.minimum(1 + spread.astype(np.int64), last_day), 0)
    return Outcomes(
        visits=np.where(won, 1, np.where(lost, 0, organic.visits)),
        revenue=np.where(won, response.won_value, np.where(lost, 0.0, organic.revenue)),
        first_day=np.where(won, day_won, np.where(lost, NO_ORDER, organic.first_day)),
    )


def _assignments(
    keys: dict[str, Any], treated: npt.NDArray[np.bool_], config: OverlayConfig
) -> pa.Table:
    share = config.treated_share
    return pa.table(
        {
            **keys,
            c.ARM: pa.array(np.where(treated, TREATED, CONTROL).tolist(), pa.string()),
            c.PROBABILITY: np.where(treated, share, 1 - share),
        }
    )


def _exposures(
    keys: dict[str, Any],
    rows: _Rows,
    treated: npt.NDArray[np.bool_],
    reached: npt.NDArray[np.bool_],
    config: OverlayConfig,
    currency: str,
) -> pa.Table:
    """Impressions of the treated and ghost impressions of the controls, by the same draw."""
    table = pa.table(
        {
            c.EXPOSURE_ID: pa.array([f"{config.experiment_id}|{unit}" for unit in rows.unit]),
            c.EXPERIMENT_ID: keys[c.EXPERIMENT_ID],
            c.PERSON_ID: keys[c.PERSON_ID],
            c.TIME: keys[c.ASSIGNED_AT],
            c.CHANNEL: pa.array([config.channel] * len(rows.unit)),
            c.GHOST: pa.array(~treated),
            c.COST: np.where(treated, config.cost_per_contact, 0.0),
            c.CURRENCY: pa.array([currency] * len(rows.unit)),
        }
    )
    return table.filter(pa.array(reached))


def _outcomes(
    keys: dict[str, Any], outcomes: Outcomes, config: OverlayConfig, currency: str
) -> pa.Table:
    days = pa.array(outcomes.first_day, mask=outcomes.first_day == NO_ORDER)
    return pa.table(
        {
            **keys,
            c.VISITS: outcomes.visits,
            c.CONVERSION: outcomes.conversion,
            c.REVENUE: outcomes.revenue,
            c.MARGIN: config.margin_rate * outcomes.revenue,
            c.CURRENCY: pa.array([currency] * len(outcomes.visits)),
            c.DAYS_TO_CONVERSION: days,
        }
    )
