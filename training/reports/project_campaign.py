"""The parts of the project's page on its campaign: what it changed, and what the decisions are worth; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from features import columns as c
from training.reports.charts import bar_plot, dot_plot
from training.reports.page import money, number, percent, points, trusted_svg
from training.reports.project_models import in_points
from training.reports.table import Row, Table, figure, row


def lift_section(lift: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """The randomised comparison of the simulated campaign, beside what was planted.

    Args:
        lift: content of `lift.json` of the project's measure step.
        currency: of its money.
    """
    checks = lift["sample_ratio"]
    dots = [
        in_points(
            _label(row["segment"]) or "everybody assigned",
            row["lift"]["effect"],
            row["lift"],
            truth=row["planted"],
        )
        for row in [lift["outcomes"][0], *lift["segments"]]
    ]
    return {
        "sentence": f"{lift['rows']:,} (person, week) assignments of {lift['persons']:,} persons; "
        f"{percent(lift['share_reached'])} of them were reached. Sample-ratio check passed "
        f"(chi-square {checks['chi2']:.2f}, p {checks['p_value']:.3f}).",
        "chart": trusted_svg(
            dot_plot(
                dots,
                axis="Effect on the share of persons that buy in the week, points",
                number="+.0f",
                reference=0,
            )
        ),
        "caption": "Intention-to-treat effect with 95 % interval; diamonds: the planted effect. The response classes "
        "are known only because the campaign is simulated.",
        "table": _lift_table(lift, currency),
    }


def _lift_table(lift: Mapping[str, Any], currency: str) -> Table:
    convention = (
        f"ITT over everybody assigned, reached or not; {lift['outcomes'][0]['lift']['convention']}; "
        "clusters are persons; relative intervals on the log scale."
    )
    told = f"{lift['rows']:,} assignments of {lift['persons']:,} persons; {convention}"
    head = (
        "Outcome per person and week",
        "Control",
        "Treated",
        "ITT effect [95 %]",
        "Relative [95 %]",
        "Planted",
    )
    return Table(
        "What the simulated campaign changed",
        head,
        tuple(_lift_row(one, currency) for one in lift["outcomes"]),
        convention,
        {**dict.fromkeys(head[1:5], told), "Planted": "mean of the planted effects of the same rows, known only in a simulation"},
    )  # fmt: skip


def _lift_row(found: Mapping[str, Any], currency: str) -> Row:
    lift = found["lift"]
    share = found["outcome"] == c.CONVERSION
    unit = " points" if share else f" {currency}"

    def level(value: float) -> str:
        return percent(value) if share else number(value, 3)

    def change(value: float) -> str:
        return points(value) if share else f"{value:+,.3f}"

    ends = ("relative", "relative_low", "relative_high")
    relative, low, high = (lift[end] for end in ends)
    return row(
        _label(found["outcome"]),
        figure(level(lift["base_mean"]), lift["base_mean"]),
        figure(level(lift["treated_mean"]), lift["treated_mean"]),
        figure(
            f"{change(lift['effect'])} [{change(lift['low'])}, {change(lift['high'])}]{unit}",
            lift["effect"],
            low=lift["low"],
            high=lift["high"],
        ),
        figure(
            f"{percent(relative)} [{percent(low)}, {percent(high)}]", relative, low=low, high=high
        ),
        figure(f"{change(found['planted'])}{unit}", found["planted"]),
    )


def worth_section(policies: Sequence[Mapping[str, Any]], currency: str) -> dict[str, Any]:
    """Contacting the chosen people beside contacting others, by the planted responses.

    Args:
        policies: content of `policies.json` of the project's measure step, this run first.
        currency: of their money.
    """
    bars = pd.DataFrame(
        {"label": [p["policy"] for p in policies], "value": [p["profit"] for p in policies]}
    )
    return {
        "sentence": "Exact expected profit of contacting different persons among those who may be contacted, given "
        "what they really bought in the week after and the planted response. Only a simulation can show this.",
        "chart": trusted_svg(
            bar_plot(
                bars,
                axis=f"Expected profit, {currency}",
                number="+,.0f",
                highlight=[policies[0]["policy"]],
            )
        ),
        "caption": "The oracle knows the planted response and the week to come: no model can reach it.",
        "table": _policies(policies, currency),
    }


def _policies(policies: Sequence[Mapping[str, Any]], currency: str) -> Table:
    told = "persons that may be contacted; exact expectation given the planted responses and the purchases of the week after"
    head = ("Contacting", "Contacts", "Of them harmed", "Margin won", "Cost", "Profit")
    return Table(
        "What the decisions are worth",
        head,
        tuple(
            row(
                policy["policy"],
                figure(number(policy["contacts"]), policy["contacts"]),
                figure(number(policy["harmed_contacts"]), policy["harmed_contacts"]),
                *(
                    figure(money(policy[name], currency), policy[name])
                    for name in ("incremental_margin", "cost", "profit")
                ),
                mark="" if place else "chosen",
            )
            for place, policy in enumerate(policies)
        ),
        about=dict.fromkeys(head[1:], told),
    )


def _label(name: str) -> str:
    return name.replace("_", " ")
