"""What the weeks of a replay delivered, and what they changed: measured against the holdout, and true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from features.arrays import FloatArray, TextArray
from features.histories.histories import Histories
from features.outcomes import observed_outcomes
from features.simulate.store.campaign_log import times_of
from features.simulate.store.knowledge import WEEK
from features.simulate.store.world import Week, World
from serving.replays.choice import Choice
from training.experiments.lift import estimate_lift


def week_figures(week: Week, *, n_arms: int) -> dict[str, Any]:
    """Counts and money of one week; what is true is expected over luck, given the contacts before."""
    treated = week.decisions.treated
    margin = float(_expected(week).sum())
    return {
        "week": week.moment,
        "decided": len(treated),
        "contacts": int(treated.sum()),
        "contacts_by_arm": np.bincount(week.decisions.arm[treated], minlength=n_arms).tolist(),
        "reached": int(week.reached.sum()),
        "harmful_contacts": int((treated & week.expected.harmful).sum()),
        "clicks": int(week.clicks.sum()),
        "cost": float(week.cost.sum()),
        "true_margin": margin,
        "true_profit": margin - float(week.expected.cost[treated].sum()),
    }


def measure_holdout(
    histories: Histories,
    ids: TextArray,
    world: World,
    choices: Sequence[Choice],
    *,
    margin_rate: float,
) -> dict[str, Any]:
    """Margin per person and week of those free to be contacted against the holdout, beside the exact difference.

    Over everybody who agreed at the decision; weeks of the coin count like the others. What a person orders under another id
    than the one seen first is not seen. The interval is the normal one over persons: with 500 held out and 70 orders
    among them it covers 89.5 % of the time, and errs upwards.

    Args:
        histories: the events known.
        ids: shape (n_persons,), the id of each person number.
        world: with the decisions.
        choices: of the weeks that are over.
        margin_rate: margin per unit of revenue.
    """
    person = np.concatenate([choice.judged for choice in choices])
    moment = np.repeat(np.arange(len(choices)), [len(choice.judged) for choice in choices])
    targetable = np.concatenate([choice.targetable for choice in choices])
    rows = histories.person_rows(pa.array(ids[person], pa.string()))
    seen = observed_outcomes(histories, rows, times_of(world, moment), horizon_days=WEEK)
    lift = estimate_lift(margin_rate * seen.revenue, targetable, clusters=person)
    true = sum(float(_expected(week).sum()) for week in world.weeks[: len(choices)])
    return {
        "lift": lift.effect,
        "low": lift.low,
        "high": lift.high,
        "true_lift": true / int(targetable.sum()),
        "estimate": asdict(lift),
    }


def _expected(week: Week) -> FloatArray:
    """Expected margin of the contacts made, shape (n_decisions,)."""
    return np.where(week.decisions.treated, week.expected.margin, 0.0)
