"""The page of the proof: what was reached, the table, and the profit of every policy as the weeks go by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from serving.proof.config import ProofConfig
from serving.proof.pieces import Piece
from serving.proof.policies import ORACLE, OURS, POLICIES
from serving.proof.table import Line, finished_seeds
from training.reports.charts import week_plot
from training.reports.page import render_page, trusted_svg


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
    rows = [{name: _known(value) for name, value in vars(line).items()} for line in lines]
    return render_page(
        "proof.html.j2",
        {
            "config": config,
            "currency": config.store.currency,
            "stores": len(finished_seeds(pieces)),
            "weeks": config.world.weeks - config.design.pilot_weeks,
            "rows": rows,
            "reached": reached,
            "chart": trusted_svg(chart),
        },
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


def _known(value: object) -> object:
    return None if isinstance(value, float) and np.isnan(value) else value
