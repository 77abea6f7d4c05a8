"""The tables of a measured experiment: effects, levels, segments, days and checks, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.reports.experiment_words import amount, difference, estimate, population, relative
from training.reports.page import UNKNOWN, number, percent
from training.reports.table import Cell, Table, figure, row

_METHODS: Final = {
    "plain": "plain",
    "before": "CUPED, period before",
    "prediction": "CUPED, cross-fitted prediction",
}


def effects_table(effects: Sequence[Mapping[str, Any]]) -> Table:
    """Every estimate of every outcome, the declared headline in bold."""
    rows = []
    for effect in effects:
        lift, kind, unit = effect["lift"], effect["kind"], effect["unit"]
        told = population(lift)
        values = "whole values" if effect["cap"] is None else f"up to {number(effect['cap'])}"
        rows.append(
            row(
                effect["treated"],
                effect["outcome"] + (" (primary)" if effect["primary"] else ""),
                _METHODS[effect["method"]],
                UNKNOWN if kind == "binary" else values,
                figure(amount(lift["base_mean"], kind, unit), lift["base_mean"], told=told),
                figure(amount(lift["treated_mean"], kind, unit), lift["treated_mean"], told=told),
                difference(lift, kind),
                _relative(lift),
                _p_value(effect["p_holm"]),
                figure(percent(effect["variance_saved"], 2), effect["variance_saved"]),
                mark="chosen" if effect["headline"] else "",
            )
        )
    return Table(
        "Every estimate of every outcome",
        ("Treated", "Outcome", "Estimate", "Values", "Without", "With", "Difference [95 %]", "Relative [95 %]", "Holm p",
         "Variance saved"),
        tuple(rows),
        "Bold: the headline declared beforehand. Differences of shares are in points. Relative intervals are on the log scale, "
        "or Fieller's where values may be negative.",
        {
            "Holm p": "two-sided p-value of a primary headline, after Holm over all primary outcomes and arms",
            "Variance saved": "1 less the variance over the variance without adjustment, same rows",
        },
    )  # fmt: skip


def levels_table(levels: Sequence[Mapping[str, Any]]) -> Table:
    """Every outcome in each arm by itself."""
    rows = [
        row(
            one["outcome"],
            one["arm"],
            estimate(
                one["level"],
                one["unit"],
                told=f"everybody assigned to the arm; {number(one['level']['n_rows'])} rows in all arms; mean, or ratio of sums "
                "with the delta method over independent units",
            ),
        )
        for one in levels
    ]
    return Table(
        "Each arm by itself",
        ("Outcome", "Arm", "Mean per row, or ratio of sums [95 %]"),
        tuple(rows),
        "A dash: nothing to divide by in that arm. These are levels, not effects: differences between them are above. A return or a cost per "
        "order is the gross one here: all of the arm's, whatever caused it.",
    )


def ratios_table(ratios: Sequence[Mapping[str, Any]]) -> Table:
    """Change of one outcome over change of another."""
    rows = [
        row(
            one["treated"],
            one["outcome"],
            estimate(
                one["estimate"],
                one["unit"],
                told="everybody assigned, treated less control, sums over sums; Fieller's 95 % interval",
            ),
        )
        for one in ratios
    ]
    return Table(
        "Change for change",
        ("Treated", "Ratio", "Change of the numerator over change of the denominator [95 %]"),
        tuple(rows),
        "Fieller's interval; withheld where the change of the denominator is not told from 0.",
    )


def segments_table(segments: Sequence[Mapping[str, Any]]) -> Table:
    """The first primary outcome within levels of columns known before assignment."""
    rows = [
        row(
            part["treated"],
            f"{part['segment']} = {part['level']}",
            figure(number(part["n_rows"]), part["n_rows"], told="rows of both arms"),
            difference(part["lift"]),
            _p_value(part["p_adjusted"]),
        )
        for part in segments
    ]
    outcome = segments[0]["outcome"] if segments else ""
    return Table(
        f"Segments: {outcome}",
        ("Treated", "Segment", "Rows", "Difference [95 %]", "Benjamini-Hochberg p"),
        tuple(rows),
        "Segments are of columns known before assignment. P-values are adjusted over all of them; a segment that stands out is a "
        "question for the next test.",
        {"Benjamini-Hochberg p": "two-sided, adjusted over all segments of all arms"},
    )


def days_table(part: Mapping[str, Any]) -> Table:
    """The first primary outcome by day of assignment, of one treated arm."""
    rows = [
        row(
            figure(str(day["day"]), day["day"]),
            figure(
                number(day["n_rows"]), day["n_rows"], told="rows of both arms assigned that day"
            ),
            difference(day["lift"]),
            difference(day["so_far"]),
            _always_valid(day),
        )
        for day in part["days"]
    ]
    return Table(
        f"By day: {part['treated']}, {part['outcome']}",
        ("Day", "Rows", "That day [95 %]", "So far, one look [95 %]", "So far, any number of looks"),
        tuple(rows),
        f"Change of the effect per day: {estimate(part['trend']).text}. Told from 0 and falling it is novelty that wears off.",
    )  # fmt: skip


def checks_table(checks: Sequence[Mapping[str, Any]]) -> Table:
    """What was asked before anything was read."""
    rows = [
        row(
            check["name"],
            "passed" if check["passed"] else "warning",
            check["found"],
            mark="" if check["passed"] else "bad",
        )
        for check in checks
    ]
    return Table(
        "May this be read?",
        ("Check", "Verdict", "Found"),
        tuple(rows),
        "A gate that fails withholds every result, so all gates passed. Tests alarm at p < 0.001.",
    )


def _relative(lift: Mapping[str, Any]) -> Cell:
    return figure(
        relative(lift),
        lift["relative"],
        told=population(lift),
        low=lift["relative_low"],
        high=lift["relative_high"],
    )


def _p_value(value: float | None) -> Cell:
    return figure(UNKNOWN if value is None else f"{value:.3g}", value)


def _always_valid(day: Mapping[str, Any]) -> Cell:
    if day["valid_low"] is None:
        return Cell(UNKNOWN)
    return figure(
        f"[{day['valid_low']:+.6g}, {day['valid_high']:+.6g}]",
        day["so_far"]["effect"],
        told="holds at all days together with 95 %: asymptotic confidence sequence around the effect so far",
        low=day["valid_low"],
        high=day["valid_high"],
    )
