"""The page of a test that is not yet under way, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.reports.experiment_words import with_unit
from training.reports.page import UNKNOWN, Said, number, percent, render_page, significant
from training.reports.table import Cell, Table, figure, row


def design_page(found: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        found: content of `design.json`.
    """
    declared = found["declared"]
    assumed = (
        f"{number(found['persons_of_history'])} persons of the client's own history; {percent(declared['power'], 0)} power, "
        f"{percent(declared['alpha'], 0)} two-sided"
    )
    return render_page(
        "experiment.html.j2",
        {
            "title": "What a test could find",
            "lead": f"Reckoned from {assumed}.",
            "sentences": [Said(plan["sentence"], assumed) for plan in found["plans"]],
            "declared": f"Outcomes count for {declared['window_days']} days after assignment; at most {declared['max_weeks']} weeks "
            "of assigning.",
            "notice": "",
            "plots": [],
            "tabs": [
                {"name": "Holdout shares", "plots": [], "tables": [_plans(found["plans"])]},
                {"name": "Persons", "plots": [], "tables": [_persons(found["persons_by_week"])]},
            ],
        },
    )


def _plans(plans: list[Mapping[str, Any]]) -> Table:
    rows = []
    for plan in plans:
        simulated = plan["simulated"]
        told = f"mean of the history {plan['base_mean']:.6g}; worth finding {plan['worth_finding']:.6g} per person"
        tests = (
            ""
            if simulated is None
            else f"{number(simulated['replays'])} tests of {number(simulated['persons'])} persons drawn from the history"
        )
        found = dict.fromkeys(("false_alarms", "power")) if simulated is None else simulated
        rows.append(
            row(
                Cell(plan["outcome"], told),
                figure(percent(plan["holdout_share"], 0), plan["holdout_share"]),
                figure(f"{plan['wanted_relative']:.3g}", plan["wanted_relative"], told=told),
                figure(
                    f"{plan['detectable_relative']:.3g}",
                    plan["detectable_relative"],
                    told=f"among {number(plan['persons'])} persons: {plan['detectable']:.6g} per person",
                ),
                figure(number(plan["persons_needed"]), plan["persons_needed"], told=told),
                figure(UNKNOWN if plan["weeks"] is None else str(plan["weeks"]), plan["weeks"]),
                figure(
                    with_unit(significant(plan["forgone"]), plan["unit"]),
                    plan["forgone"],
                    told="held-out persons x the change worth finding",
                ),
                figure(percent(plan["variance_saved"], 1), plan["variance_saved"]),
                figure(percent(found["false_alarms"]), found["false_alarms"], told=tests),
                figure(percent(found["power"]), found["power"], told=tests),
                mark="chosen" if plan["answers"] else "",
            )
        )
    return Table(
        "Holdout share against what can be found",
        ("Outcome", "Held out", "Wanted", "Smallest found in the time", "Persons needed", "Weeks", "Forgone by holding out",
         "Variance saved by CUPED", "False alarms, simulated", "Power, simulated"),
        tuple(rows),
        "Bold: answers the question in time. Wanted and found are relative to the history's mean; for a return, money won over "
        "money spent. Simulated tests draw persons from the history, split them by lot, and lay the wanted change over the "
        "treated ones as additional buyers; they are not adjusted by CUPED.",
        {
            "Held out": "share of the persons assigned who get no treatment",
            "Weeks": "of assigning, until so many persons were assigned",
            "Variance saved by CUPED": "squared correlation of the outcome with its window before, over the persons of the history",
        },
    )  # fmt: skip


def _persons(by_week: list[float]) -> Table:
    return Table(
        "Persons who could be assigned",
        ("Weeks", "Persons"),
        tuple(
            row(figure(str(week), week), figure(number(persons), persons))
            for week, persons in enumerate(by_week, start=1)
        ),
        "Different persons within so many weeks.",
        {"Persons": "different persons of the history who were active within so many weeks"},
    )
