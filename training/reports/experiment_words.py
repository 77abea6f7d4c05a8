"""Levels, differences and estimates of an experiment, as texts and as cells of tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.reports.page import UNKNOWN, number, percent, points, significant
from training.reports.table import Cell, figure


def amount(value: float | None, kind: str, unit: str) -> str:
    """A level: shares as percent, money and counts with four digits."""
    if value is None:
        return UNKNOWN
    return percent(value, 3) if kind == "binary" else with_unit(significant(value), unit)


def change(effect: Mapping[str, Any]) -> str:
    """A difference: of shares in points."""
    value = effect["lift"]["effect"]
    if effect["kind"] == "binary":
        return f"{points(value)} points"
    return with_unit(significant(value, sign="+"), effect["unit"])


def interval_text(effect: Mapping[str, Any]) -> str:
    """Ends of the interval of a difference, in words."""
    low, high = effect["lift"]["low"], effect["lift"]["high"]
    if low is None:
        return "too few outcomes for an interval"
    if effect["kind"] == "binary":
        return f"95 % interval {points(low)} to {points(high)}"
    return f"95 % interval {significant(low, sign='+')} to {significant(high, sign='+')}"


def relative(lift: Mapping[str, Any]) -> str:
    """+12 % [+3 %, +22 %]; a dash where the control's mean is not above 0."""
    if lift["relative"] is None:
        return UNKNOWN
    if None in (lift["relative_low"], lift["relative_high"]):
        return f"{100 * lift['relative']:+.1f} % [too few outcomes]"
    ends = ", ".join(f"{100 * lift[end]:+.1f} %" for end in ("relative_low", "relative_high"))
    return f"{100 * lift['relative']:+.1f} % [{ends}]"


def with_unit(text: str, unit: str) -> str:
    """The text with its unit behind it, where it has one."""
    return f"{text} {unit}".strip()


def population(lift: Mapping[str, Any]) -> str:
    """Whom a difference is about, and how it was found."""
    return (
        f"{lift['estimand']}: {number(lift['n_control'])} control and {number(lift['n_treated'])} treated rows, "
        f"{number(lift['n_units'])} independent units; {lift['convention']}; standard error {lift['se'] or 0:.6g}"
    )


def difference(lift: Mapping[str, Any] | None, kind: str = "continuous", *, told: str = "") -> Cell:
    """A difference with its interval; differences of shares in points.

    Args:
        lift: the estimate; None = too few rows.
        kind: of the outcome.
        told: what it rests on, where that is more than its population.
    """
    if lift is None:
        return Cell("too few rows")

    def shown(value: float) -> str:
        return points(value) if kind == "binary" else significant(value, sign="+")

    ends = (
        "too few outcomes"
        if lift["low"] is None
        else f"{shown(lift['low'])}, {shown(lift['high'])}"
    )
    return figure(
        f"{shown(lift['effect'])} [{ends}]",
        lift["effect"],
        told=told or population(lift),
        low=lift["low"],
        high=lift["high"],
    )


def estimate(found: Mapping[str, Any], unit: str = "", *, told: str = "") -> Cell:
    """An estimate with its interval and unit; a dash where it is withheld."""
    if found["value"] is None:
        return Cell(UNKNOWN, told)
    ends = (
        "no interval"
        if found["low"] is None
        else f"{significant(found['low'])}, {significant(found['high'])}"
    )
    value = found["value"]
    return figure(
        f"{with_unit(significant(value), unit)} [{ends}]",
        value,
        told=told,
        low=found["low"],
        high=found["high"],
    )
