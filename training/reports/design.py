"""The page of a test that is not yet under way, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.reports.page import UNKNOWN, number, percent, render_page


def design_page(found: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        found: content of `design.json`.
    """
    declared = found["declared"]
    return render_page(
        "experiment.html.j2",
        {
            "title": "What a test could find",
            "lead": f"Reckoned from {number(found['persons_of_history'])} persons of the client's own history; "
            f"{percent(declared['power'], 0)} power, {percent(declared['alpha'], 0)} two-sided.",
            "sentences": [plan["sentence"] for plan in found["plans"]],
            "declared": f"Outcomes count for {declared['window_days']} days after assignment; at most {declared['max_weeks']} weeks "
            "of assigning.",
            "notice": "",
            "plots": [],
            "tables": [_plans(found["plans"]), _persons(found["persons_by_week"])],
        },
    )


def _plans(plans: list[Mapping[str, Any]]) -> dict[str, Any]:
    rows = []
    for plan in plans:
        simulated = plan["simulated"]
        told = f"mean of the history {plan['base_mean']:.6g}; worth finding {plan['worth_finding']:.6g} per person"
        cells = [
            (plan["outcome"], told),
            (percent(plan["holdout_share"], 0), ""),
            (f"{plan['wanted_relative']:.3g}", told),
            (
                f"{plan['detectable_relative']:.3g}",
                f"among {number(plan['persons'])} persons: {plan['detectable']:.6g} per person",
            ),
            (number(plan["persons_needed"]), ""),
            (UNKNOWN if plan["weeks"] is None else str(plan["weeks"]), ""),
            (
                f"{plan['forgone']:,.4g} {plan['unit']}".strip(),
                "held-out persons x the change worth finding",
            ),
            (percent(plan["variance_saved"], 1), ""),
            (UNKNOWN if simulated is None else percent(simulated["false_alarms"]), ""),
            (
                UNKNOWN if simulated is None else percent(simulated["power"]),
                ""
                if simulated is None
                else f"{number(simulated['replays'])} tests of {number(simulated['persons'])} persons",
            ),
        ]
        rows.append(
            {
                "chosen": plan["answers"],
                "cells": [{"text": text, "told": hover} for text, hover in cells],
            }
        )
    return {
        "title": "Holdout share against what can be found",
        "head": ["Outcome", "Held out", "Wanted", "Smallest found in the time", "Persons needed", "Weeks", "Forgone by holding out",
                 "Variance saved by CUPED", "False alarms, simulated", "Power, simulated"],
        "rows": rows,
        "note": "Bold: answers the question in time. Wanted and found are relative to the history's mean; for a return, money won over "
        "money spent. Simulated tests draw persons from the history, split them by lot, and lay the wanted change over the "
        "treated ones as additional buyers; they are not adjusted by CUPED.",
    }  # fmt: skip


def _persons(by_week: list[float]) -> dict[str, Any]:
    return {
        "title": "Persons who could be assigned",
        "head": ["Weeks", "Persons"],
        "rows": [
            {"chosen": False, "cells": [{"text": text, "told": ""} for text in (str(week), number(persons))]}
            for week, persons in enumerate(by_week, start=1)
        ],
        "note": "Different persons within so many weeks.",
    }  # fmt: skip
