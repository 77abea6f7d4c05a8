"""The table of the proof: every policy beside the oracle, over all stores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import FloatArray
from serving.proof.estimates import DOUBLY_ROBUST, HOLDOUT, coverage
from serving.proof.pieces import Piece
from serving.proof.policies import ORACLE, OURS, POLICIES, PROPENSITY

_OF_ORACLE: Final = 0.8
_OVER_PROPENSITY: Final = 2.0
_SIGNIFICANT: Final = 0.05
_HARMFUL: Final = 0.25
_COVERAGE: Final = (0.93, 0.97)


@dataclass(frozen=True)
class Line:
    """One policy; means over stores of totals over the weeks.

    Attributes:
        policy: name.
        profit: exact incremental profit, money.
        low, high: 95 % interval of its mean over stores, Student's t.
        of_oracle: mean profit over the oracle's mean profit.
        behind: by how much ours earns more, mean of paired differences, money; NaN for ours.
        p_value: of no difference, paired t-test, two-sided; NaN for ours.
        contacts, harmful, spend: contacts, those that can only lose orders, money.
        holdout, robust: share of the intervals that hold the exact value, over all weeks together.
        holdout_weekly, robust_weekly: the same of single weeks.
    """

    policy: str
    profit: float
    low: float
    high: float
    of_oracle: float
    behind: float
    p_value: float
    contacts: float
    harmful: float
    spend: float
    holdout: float
    robust: float
    holdout_weekly: float
    robust_weekly: float


def table(pieces: Sequence[Piece]) -> list[Line]:
    """A line per policy, in the order of `POLICIES`; only stores count in which all policies were run."""
    seeds = finished_seeds(pieces)
    profits = {policy: _totals(pieces, policy, seeds, "profit") for policy in POLICIES}
    return [_line(policy, profits, pieces, seeds) for policy in POLICIES]


def finished_seeds(pieces: Sequence[Piece]) -> list[int]:
    """Stores in which all policies were run."""
    done = {(piece.seed, piece.policy) for piece in pieces}
    seeds = sorted({piece.seed for piece in pieces})
    return [seed for seed in seeds if all((seed, policy) in done for policy in POLICIES)]


def goals(lines: Sequence[Line]) -> list[tuple[str, str, bool]]:
    """What is to be reached, what was, and whether it is enough."""
    of = {line.policy: line for line in lines}
    ours, propensity = of[OURS], of[PROPENSITY]
    others = [of[policy] for policy in POLICIES if policy not in (OURS, ORACLE)]
    least = min(line.behind for line in others)
    worst = max(line.p_value for line in others)
    rate, usual = (line.harmful / max(line.contacts, 1.0) for line in (ours, propensity))
    cover = [coverage_of(lines, name) for name in ("holdout", "robust")]
    return [
        (
            "at least 80 % of the oracle's profit",
            f"{ours.of_oracle:.1%}",
            ours.of_oracle >= _OF_ORACLE,
        ),
        (
            "at least twice the profit of propensity targeting",
            f"{ours.profit:,.0f} against {propensity.profit:,.0f}",
            ours.profit >= _OVER_PROPENSITY * max(propensity.profit, 0.0) and ours.profit > 0,
        ),
        (
            "significantly above every other policy (p < 0.05, paired by store)",
            f"least lead {least:,.0f}, largest p {worst:.2g}",
            least > 0 and worst < _SIGNIFICANT,
        ),
        (
            "harmful contacts at most a quarter as often as under propensity",
            f"{rate:.2%} of contacts against {usual:.2%}",
            rate <= _HARMFUL * usual,
        ),
        (
            "holdout and doubly robust intervals of single weeks cover in 93 to 97 %",
            f"{cover[0]:.1%}, {cover[1]:.1%}",
            all(_COVERAGE[0] <= share <= _COVERAGE[1] for share in cover),
        ),
    ]


def coverage_of(lines: Sequence[Line], method: str) -> float:
    """Coverage of the weekly intervals of a method, mean over the policies that have any."""
    shares = [getattr(line, f"{method}_weekly") for line in lines]
    known = [share for share in shares if not np.isnan(share)]
    return float(np.mean(known)) if known else float("nan")


def markdown(lines: Sequence[Line], *, seeds: int, currency: str) -> str:
    """The table as text for a README."""
    heads = (
        "policy", f"profit, {currency} [95 %]", "of oracle's", "ours earns more by", "p", "contacts", "harmful", "spend",
        "holdout covers, weekly", "DR covers, weekly", "holdout, season", "DR, season",
    )  # fmt: skip
    rows = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for line in lines:
        cells = (
            line.policy,
            f"{line.profit:,.0f} [{line.low:,.0f}, {line.high:,.0f}]",
            f"{line.of_oracle:.1%}",
            _blank(line.behind, ",.0f"),
            _blank(line.p_value, ".1g"),
            f"{line.contacts:,.0f}",
            f"{line.harmful:,.0f}",
            f"{line.spend:,.0f}",
            *(
                _blank(share, ".1%")
                for share in (line.holdout_weekly, line.robust_weekly, line.holdout, line.robust)
            ),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, "", f"Means over {seeds} stores."])


def _line(
    policy: str, profits: dict[str, FloatArray], pieces: Sequence[Piece], seeds: Sequence[int]
) -> Line:
    profit, n = profits[policy], len(seeds)
    half = float(stats.t.ppf(0.975, n - 1) * profit.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    lead = profits[OURS] - profit
    paired = policy != OURS and n > 1 and bool(lead.any())
    judged = [j for piece in pieces if piece.policy == policy for j in piece.judged]
    shares = {
        (method, weekly): _share(*coverage(iter(judged), method, weekly=weekly))
        for method in (HOLDOUT, DOUBLY_ROBUST)
        for weekly in (False, True)
    }
    return Line(
        policy=policy,
        profit=float(profit.mean()),
        low=float(profit.mean() - half),
        high=float(profit.mean() + half),
        of_oracle=float(profit.mean() / profits[ORACLE].mean()),
        behind=float("nan") if policy == OURS else float(lead.mean()),
        p_value=float(stats.ttest_rel(profits[OURS], profit).pvalue) if paired else float("nan"),
        **{
            name: float(_totals(pieces, policy, seeds, name).mean())
            for name in ("contacts", "harmful", "spend")
        },
        holdout=shares[HOLDOUT, False],
        robust=shares[DOUBLY_ROBUST, False],
        holdout_weekly=shares[HOLDOUT, True],
        robust_weekly=shares[DOUBLY_ROBUST, True],
    )


def _totals(pieces: Sequence[Piece], policy: str, seeds: Sequence[int], name: str) -> FloatArray:
    found = {piece.seed: sum(getattr(piece, name)) for piece in pieces if piece.policy == policy}
    return np.array([found[seed] for seed in seeds])


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _blank(value: float, form: str) -> str:
    return "" if np.isnan(value) else format(value, form)
