"""The figures of a run of the nightly job, in numbers and in words, and the alerts that somebody has to act on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from features.assignment import POLICY_HOLDOUT
from features.run import Run, RunWriter
from features.tables import CREATIVES
from serving.config import CampaignConfig
from serving.creative.assemble import CREATIVE_COLUMNS, creative_figures
from serving.decisions import Decided
from serving.lists.figures import LIST_COLUMNS, list_figures
from training.reports.page import money, number

NOT_ENFORCED_LIMITS: Final = "not_enforced"

_TESTED_BY: Final = {
    "model in force": "test rows of like scores",
    "model before its refit": "test rows of like scores by the model before it was fitted again on all rows; the refitted one "
    "was not itself tested",
}


def score_figures(decided: Decided, config: CampaignConfig, writer: RunWriter) -> dict[str, Any]:
    """What the manifest keeps of a run, and the report shows; the run's tables are written."""
    people, verdict, actions = decided.people, decided.insight.verdict, decided.actions
    allocation, budget = decided.allocation, config.budget
    kept, contact = verdict.kept, actions.contact
    names = list(config.by_channel())
    used = np.bincount(actions.channel[contact], minlength=len(names)).tolist()
    lists = decided.lists.columns(LIST_COLUMNS)
    return {
        "persons": len(people.ids),
        "eligible": int(kept.sum()),
        "held_out": int((kept & decided.arms.held_out).sum()),
        "policy_held_out": int((actions.ghost & (decided.arms.arm == POLICY_HOLDOUT)).sum()),
        "ghosts": int(actions.ghost.sum()),
        "contacted": int(contact.sum()),
        "explored": int(actions.explored.sum()),
        "by_channel": dict(zip(names, used, strict=True)),
        "decision_rows": lists.num_rows + int((~kept).sum()),
        "budget": budget.amount,
        "expected_cost": actions.expected_cost,
        "expected_margin": actions.expected_margin,
        "exploration_cost": actions.explored_cost,
        "least_return_contacted": allocation.threshold,
        "budget_binds": allocation.budget_binds,
        "shadow_price": {"value": allocation.shadow_price, **asdict(decided.marginal)},
        "bids_clipped": decided.bids.clipped,
        "share_reached": people.reach,
        NOT_ENFORCED_LIMITS: [asdict(limit) for limit in people.not_enforced],
        "unknown_steps": decided.steps.unknown,
        "lists": list_figures(lists),
        "creative": creative_figures(
            writer.columns(CREATIVES, CREATIVE_COLUMNS), config.creative, config.sequence.steps
        ),
        "pins_not_in_catalog": [
            pin
            for pin in config.lists.merchandising.pin
            if pin not in set(decided.shelf.item_ids.tolist())
        ],
    }


def score_alerts(run: Run) -> list[str]:
    """Limits that were asked for and not applied, one alert a line, each with its owner."""
    return [
        f"alert {limit['rule']} ({limit['owner']}): not enforced, {limit['reason']}"
        for limit in run.manifest["figures"][NOT_ENFORCED_LIMITS]
    ]


def allocation_lines(scored: Mapping[str, Any], currency: str) -> tuple[str, str, str]:
    """What was spent on whom, what one more unit of budget would earn, and what lots did; a sentence or two each."""
    limit = "The budget is spent" if scored["budget_binds"] else "The budget is not the limit"
    ways = ", ".join(
        f"{count:,} by {name.replace('_', ' ')}" for name, count in scored["by_channel"].items()
    )
    spent = (
        f"{scored['contacted']:,} households are contacted ({ways}) at an expected cost of "
        f"{money(scored['expected_cost'], currency)}. {limit}: the last household that the policy contacts is expected to return "
        f"{number(scored['least_return_contacted'], 2)} {currency} of margin per {currency} of cost."
    )
    lots = (
        f"Lots kept {scored['ghosts']:,} households from contact that the policy would contact, {scored['policy_held_out']:,} of them "
        f"for this time only; {scored['explored']:,} households were contacted by lot though it would not, for "
        f"{money(scored['exploration_cost'], currency)}. The chance of every decision is recorded beside it."
    )
    return spent, _one_more(scored, currency), lots


def _one_more(scored: Mapping[str, Any], currency: str) -> str:
    price = scored["shadow_price"]
    if not scored["budget_binds"]:
        return "More budget would change nothing: whoever is worth a contact gets one."
    interval = (
        f"no interval, because {price['missing']}"
        if price["low"] is None
        else f"95 % interval {number(price['low'], 2)} to {number(price['high'], 2)} by the effect measured on "
        f"{_TESTED_BY[price['basis']]}; order value and cost are taken as known"
    )
    return f"One more {currency} of budget would earn {number(price['value'], 2)} {currency} of margin by the model ({interval})."
