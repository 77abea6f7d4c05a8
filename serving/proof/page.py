"""The page of the proof: what was reached, the table, and the profit of every policy as the weeks go by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from serving.proof.config import ProofConfig
from serving.proof.pieces import Piece
from serving.proof.policies import ORACLE, OURS, POLICIES
from serving.proof.table import Line, finished_seeds
from training.reports.charts import week_plot
from training.reports.page import number, p_value, percent, render_page, trusted_svg
from training.reports.table import Cell, Row, Table, figure, row


def proof_page(
    config: ProofConfig,
    pieces: Sequence[Piece],
    lines: Sequence[Line],
    reached: Sequence[tuple[str, str, bool]],
) -> str:
    """One self-contained HTML page.

    Args:
        config: of the proof.
        pieces: of all stores.
        lines: of the table.
        reached: goals, what was found, and whether it is enough.
    """
    chart = week_plot(
        cumulative(pieces),
        axis=f"Incremental profit so far, {config.store.currency} per store",
        highlight=(OURS, ORACLE),
    )
    weeks = config.world.weeks - config.design.pilot_weeks
    stores = len(finished_seeds(pieces))
    return render_page(
        "proof.html.j2",
        {
            "title": "Do the decisions earn?",
            "config": config,
            "stores": stores,
            "weeks": weeks,
            "policies": _policies(
                lines, config.store.currency, f"totals of {weeks} weeks, mean over {stores} stores"
            ),
            "reached": _reached(reached),
            "plot": {
                "chart": trusted_svg(chart),
                "caption": "Exact expected margin that contacts add, less what they cost, from the end of the pilot on; mean over "
                f"{stores} stores.",
            },
        },
    )


def _reached(goals: Sequence[tuple[str, str, bool]]) -> Table:
    return Table(
        "What was to be reached",
        ("Goal, set beforehand", "Found", "Reached"),
        tuple(
            row(goal, found, "yes" if met else "no", mark="" if met else "bad")
            for goal, found, met in goals
        ),
    )


def _policies(lines: Sequence[Line], currency: str, told: str) -> Table:
    head = (
        "Policy", f"Profit, {currency} [95 %]", "Of the oracle's", "Ours earns more by", "p, paired", "Contacts",
        "That can only lose orders", f"Spend, {currency}", "Holdout covers", "Doubly robust covers",
    )  # fmt: skip
    covers = (
        "share of the 95 % intervals of single weeks that hold the exact profit per chosen person"
    )
    return Table(
        "Every policy",
        head,
        tuple(_policy(line) for line in lines),
        about={
            **dict.fromkeys((head[1], head[2], *head[5:8]), told),
            head[3]: f"{told}; differences paired by store",
            head[
                4
            ]: "paired t-test over stores, two-sided, no correction for the number of policies",
            **dict.fromkeys(head[8:], covers),
        },
    )


def _policy(line: Line) -> Row:
    def cell(value: float, written: Callable[[float | None], str] = number) -> Cell:
        return figure(written(_known(value)), value)

    return row(
        line.policy,
        figure(
            f"{number(line.profit)} [{number(_known(line.low))}, {number(_known(line.high))}]",
            line.profit,
            low=line.low,
            high=line.high,
        ),
        cell(line.of_oracle, percent),
        cell(line.behind),
        cell(line.p_value, p_value),
        cell(line.contacts),
        cell(line.harmful),
        cell(line.spend),
        cell(line.holdout_weekly, percent),
        cell(line.robust_weekly, percent),
        mark="chosen" if line.policy == OURS else "",
    )


def cumulative(pieces: Sequence[Piece]) -> pd.DataFrame:
    """Profit so far, mean over stores; columns line, week and value."""
    seeds = set(finished_seeds(pieces))
    parts = []
    for policy in POLICIES:
        profit = [
            piece.profit for piece in pieces if piece.policy == policy and piece.seed in seeds
        ]
        value = np.concatenate([[0.0], np.cumsum(np.mean(profit, axis=0))])
        parts.append(pd.DataFrame({"line": policy, "week": np.arange(len(value)), "value": value}))
    return pd.concat(parts, ignore_index=True)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
