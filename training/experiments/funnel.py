"""The funnel report: lift by intent tier and by how often a row was, or would have been, shown the treatment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from pydantic import Field

from features.arrays import BoolArray, FloatArray
from features.config import BaseConfig
from training.experiments.effects import ContrastRows
from training.experiments.lift import LiftEstimate
from training.experiments.shrinkage import shrink
from training.metrics.estimates import Z

MINIMUM_ROWS: Final = 30
"""Rows of a cell in each arm below which it has no estimate."""


class FunnelConfig(BaseConfig):
    """The cells of the funnel report."""

    tier: str
    """Column of the intent tier, known before assignment."""

    frequency: str | None = None
    """Column that counts impressions and, in the control, ghost impressions. Impressions that only the treated arm has
    cannot be compared: without such a column there are tiers alone."""

    at_least: tuple[int, ...] = (0, 1, 2, 4)
    """First count of each bucket, rising from 0."""

    tiers: tuple[str, ...] = Field(default=())
    """Order of the tiers; others follow by name."""


@dataclass(frozen=True)
class FunnelCell:
    """One cell.

    Attributes:
        treated, outcome: what is measured.
        tier: level of the tier column.
        frequency: bucket of impressions, "all" over every bucket.
        n_rows: of both arms.
        lift: None with fewer than `MINIMUM_ROWS` rows in an arm.
        shrunken, shrunken_low, shrunken_high: the effect after moving it towards the mean of all cells, as far as its noise
            asks for, with its 95 % interval, right on average over cells; as it is with fewer than four cells; NaN without a lift.
    """

    treated: str
    outcome: str
    tier: str
    frequency: str
    n_rows: int
    lift: LiftEstimate | None
    shrunken: float = float("nan")
    shrunken_low: float = float("nan")
    shrunken_high: float = float("nan")


@dataclass(frozen=True)
class Reach:
    """How often a treatment reached the rows of one arm (in the control: would have).

    Attributes:
        arm: its name.
        rows: assigned.
        reached: with at least one impression.
        mean: impressions per reached row; NaN where nobody was reached.
        distribution: rows by bucket of impressions, in order.
    """

    arm: str
    rows: int
    reached: int
    mean: float
    distribution: dict[str, int]


def funnel_cells(
    values: FloatArray,
    rows: ContrastRows,
    *,
    treated: str,
    outcome: str,
    tier: Sequence[str],
    frequency: FloatArray | None,
    config: FunnelConfig,
) -> list[FunnelCell]:
    """Lift per tier, and per tier and bucket of impressions, each family shrunken by itself.

    Args:
        values: outcome, shape (n_rows,).
        rows: arms.
        treated: name of the arm.
        outcome: its name.
        tier: level of each row.
        frequency: impressions and ghost impressions, both arms, shape (n_rows,); None = not known.
        config: cells.
    """
    levels = np.asarray(tier, dtype=np.str_)
    order = ordered_tiers(tier, config)

    def cell(level: str, name: str, inside: BoolArray) -> FunnelCell:
        part = rows.subset(inside)
        large = min(part.treated.sum(), (~part.treated).sum()) >= MINIMUM_ROWS
        lift = part.lift(values[inside]) if large else None
        return FunnelCell(treated, outcome, level, name, int(inside.sum()), lift)

    whole = [cell(level, "all", levels == level) for level in order]
    if frequency is None:
        return _shrunken(whole)
    bucket, names = buckets(frequency, config.at_least)
    cells = [
        cell(level, name, (levels == level) & (bucket == place))
        for level in order
        for place, name in enumerate(names)
    ]
    return [*_shrunken(whole), *_shrunken(cells)]


def ordered_tiers(levels: Iterable[str], config: FunnelConfig) -> list[str]:
    """The tiers that rows have: as declared, others behind them by name."""
    present = set(levels)
    known = [name for name in config.tiers if name in present]
    return [*known, *sorted(present.difference(known))]


def buckets(frequency: FloatArray, at_least: Sequence[int]) -> tuple[np.ndarray, list[str]]:
    """Bucket of each row, and the buckets' names.

    Example:
        >>> buckets(np.array([0.0, 1, 3, 9]), (0, 1, 2, 4))[1]
        ['0', '1', '2 to 3', '4 or more']
    """
    ends = [*at_least[1:], None]
    names = [
        f"{low} or more" if end is None else str(low) if end == low + 1 else f"{low} to {end - 1}"
        for low, end in zip(at_least, ends, strict=True)
    ]
    return np.searchsorted(np.asarray(at_least[1:]), frequency, side="right"), names


def _shrunken(cells: Sequence[FunnelCell]) -> list[FunnelCell]:
    """The cells with their effects moved towards their mean."""
    known = [
        (place, cell.lift)
        for place, cell in enumerate(cells)
        if cell.lift is not None and cell.lift.se > 0
    ]
    found = list(cells)
    effect = np.array([lift.effect for _, lift in known], np.float64)
    noise = np.array([lift.se**2 for _, lift in known], np.float64)
    moved = shrink(effect, noise)
    for (place, _), value, se in zip(known, *moved, strict=True):
        found[place] = replace(
            cells[place],
            shrunken=float(value),
            shrunken_low=float(value - Z * se),
            shrunken_high=float(value + Z * se),
        )
    return found


def reach(arm: str, frequency: FloatArray, at_least: Sequence[int]) -> Reach:
    """Reach and frequency of one arm.

    Args:
        arm: its name.
        frequency: impressions (in the control: ghost impressions) of its rows, shape (n_rows,).
        at_least: first count of each bucket.
    """
    reached = frequency > 0
    bucket, names = buckets(frequency, at_least)
    counts = np.bincount(bucket, minlength=len(names))
    return Reach(
        arm,
        len(frequency),
        int(reached.sum()),
        float(frequency[reached].mean()) if reached.any() else float("nan"),
        {name: int(count) for name, count in zip(names, counts, strict=True)},
    )
