"""The figures of a run of the nightly job, and the alerts that somebody has to act on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import numpy as np

from features.assignment import POLICY_HOLDOUT
from features.run import Run
from serving.config import CampaignConfig
from serving.decisions import Decided
from serving.lists.figures import list_figures

NOT_ENFORCED_LIMITS: Final = "not_enforced"


def score_figures(decided: Decided, config: CampaignConfig) -> dict[str, Any]:
    """What the manifest keeps of a run, and the report shows."""
    people, verdict, actions = decided.people, decided.verdict, decided.actions
    allocation, budget = decided.allocation, config.budget
    kept, contact = verdict.kept, actions.contact
    names = list(config.by_channel())
    used = np.bincount(actions.channel[contact], minlength=len(names)).tolist()
    low, high = decided.marginal
    return {
        "persons": len(people.ids),
        "eligible": int(kept.sum()),
        "held_out": int((kept & decided.arms.held_out).sum()),
        "policy_held_out": int((actions.ghost & (decided.arms.arm == POLICY_HOLDOUT)).sum()),
        "ghosts": int(actions.ghost.sum()),
        "contacted": int(contact.sum()),
        "explored": int(actions.explored.sum()),
        "by_channel": dict(zip(names, used, strict=True)),
        "decision_rows": decided.lists.rows.num_rows + int((~kept).sum()),
        "budget": budget.amount,
        "expected_cost": actions.expected_cost,
        "expected_margin": actions.expected_margin,
        "exploration_cost": actions.explored_cost,
        "least_return_contacted": allocation.threshold,
        "budget_binds": allocation.budget_binds,
        "shadow_price": {"value": allocation.shadow_price, "low": low, "high": high},
        "bids_clipped": decided.bids.clipped,
        "share_reached": people.reach,
        NOT_ENFORCED_LIMITS: [asdict(limit) for limit in people.not_enforced],
        "unknown_steps": people.steps.unknown,
        "lists": list_figures(decided.lists.rows),
        "pins_not_in_catalog": [
            pin
            for pin in config.lists.merchandising.pin
            if pin not in set(decided.lists.shelf.item_ids.tolist())
        ],
    }


def score_alerts(run: Run) -> list[str]:
    """Limits that were asked for and not applied, one alert a line, each with its owner."""
    return [
        f"alert {limit['rule']} ({limit['owner']}): not enforced, {limit['reason']}"
        for limit in run.manifest["figures"][NOT_ENFORCED_LIMITS]
    ]
