"""The tables of a measured experiment, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.reports.page import UNKNOWN, number, percent, points

Table = dict[str, Any]
"""title, head, rows (cells with text and what is told on hover), and note."""

_METHODS: Final = {
    "plain": "plain",
    "before": "CUPED, period before",
    "prediction": "CUPED, cross-fitted prediction",
}


def result_tables(found: Mapping[str, Any]) -> list[Table]:
    """Every table with content."""
    tables = [
        _effects(found["effects"]),
        _levels(found["levels"]),
        _ratios(found["ratios"]),
        *(_exposure(part) for part in found["exposure"]),
        _attributed(found["attributed"]),
        _funnel(found["funnel"]),
        _reach(found["reach"]),
        _segments(found["segments"]),
        *(_days(part) for part in found["days"]),
        _checks(found["checks"]),
    ]
    return [table for table in tables if table["rows"]]


def amount(value: float | None, kind: str, unit: str) -> str:
    """A level: shares as percent, money and counts with four digits."""
    if value is None:
        return UNKNOWN
    return percent(value, 3) if kind == "binary" else _with_unit(f"{value:,.4g}", unit)


def change(effect: Mapping[str, Any]) -> str:
    """A difference: of shares in points."""
    value = effect["lift"]["effect"]
    if effect["kind"] == "binary":
        return f"{points(value)} points"
    return _with_unit(f"{value:+,.4g}", effect["unit"])


def interval_text(effect: Mapping[str, Any]) -> str:
    """Ends of the interval of a difference, in words."""
    low, high = effect["lift"]["low"], effect["lift"]["high"]
    if low is None:
        return "too few outcomes for an interval"
    if effect["kind"] == "binary":
        return f"95 % interval {points(low)} to {points(high)}"
    return f"95 % interval {low:+,.4g} to {high:+,.4g}"


def relative(lift: Mapping[str, Any]) -> str:
    """+12 % [+3 %, +22 %]; a dash where the control's mean is not above 0."""
    if lift["relative"] is None:
        return UNKNOWN
    if None in (lift["relative_low"], lift["relative_high"]):
        return f"{100 * lift['relative']:+.1f} % [too few outcomes]"
    ends = ", ".join(f"{100 * lift[end]:+.1f} %" for end in ("relative_low", "relative_high"))
    return f"{100 * lift['relative']:+.1f} % [{ends}]"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}".strip()


def _cell(text: str, told: str = "") -> dict[str, str]:
    return {"text": text, "told": told}


def _difference(lift: Mapping[str, Any] | None, kind: str) -> str:
    if lift is None:
        return "too few rows"
    if lift["low"] is None:
        shown = points(lift["effect"], 3) if kind == "binary" else f"{lift['effect']:+.6g}"
        return f"{shown} [too few outcomes]"
    if kind == "binary":
        return f"{points(lift['effect'], 3)} [{points(lift['low'], 3)}, {points(lift['high'], 3)}]"
    return f"{lift['effect']:+.6g} [{lift['low']:+.6g}, {lift['high']:+.6g}]"


def _population(lift: Mapping[str, Any]) -> str:
    return (
        f"{lift['estimand']}: {number(lift['n_control'])} control and {number(lift['n_treated'])} treated rows, "
        f"{number(lift['n_units'])} independent units; {lift['convention']}; standard error {lift['se'] or 0:.6g}"
    )


def _effects(effects: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for effect in effects:
        lift = effect["lift"]
        told = _population(lift)
        values = "whole values" if effect["cap"] is None else f"up to {number(effect['cap'])}"
        rows.append(
            {
                "chosen": effect["headline"],
                "cells": [
                    _cell(effect["treated"]),
                    _cell(effect["outcome"] + (" (primary)" if effect["primary"] else "")),
                    _cell(_METHODS[effect["method"]]),
                    _cell(UNKNOWN if effect["kind"] == "binary" else values),
                    _cell(amount(lift["base_mean"], effect["kind"], effect["unit"]), told),
                    _cell(amount(lift["treated_mean"], effect["kind"], effect["unit"]), told),
                    _cell(_difference(lift, effect["kind"]), told),
                    _cell(relative(lift), told),
                    _cell(UNKNOWN if effect["p_holm"] is None else f"{effect['p_holm']:.3g}"),
                    _cell(percent(effect["variance_saved"], 2)),
                ],
            }
        )
    return {
        "title": "Every estimate of every outcome",
        "head": [
            "Treated", "Outcome", "Estimate", "Values", "Without", "With", "Difference [95 %]", "Relative [95 %]", "Holm p",
            "variance saved",
        ],
        "rows": rows,
        "note": "Bold: the headline declared beforehand. Differences of shares are in points. Relative intervals are on the log scale, "
        "or Fieller's where values may be negative. Hover over a figure for its population and convention.",
    }  # fmt: skip


def _levels(levels: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(row["outcome"]),
                _cell(row["arm"]),
                _cell(_estimate(row["level"], row["unit"]), f"{number(row['level']['n_rows'])} rows in all arms"),
            ],
        }
        for row in levels
    ]  # fmt: skip
    return {
        "title": "Each arm by itself",
        "head": ["Outcome", "Arm", "Mean per row, or ratio of sums [95 %]"],
        "rows": rows,
        "note": "A dash: nothing to divide by in that arm. These are levels, not effects: differences between them are above.",
    }


def _ratios(ratios: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(row["treated"]),
                _cell(row["outcome"]),
                _cell(_estimate(row["estimate"], row["unit"])),
            ],
        }
        for row in ratios
    ]
    return {
        "title": "Change for change",
        "head": [
            "Treated",
            "Ratio",
            "Change of the numerator over change of the denominator [95 %]",
        ],
        "rows": rows,
        "note": "Fieller's interval; withheld where the change of the denominator is not told from 0.",
    }


def _exposure(part: Mapping[str, Any]) -> Table:
    rows = []
    stage = part["on_exposed"]
    if stage is not None:
        rows += [
            ["exposed in the treated arm", percent(stage["share_treated"], 2), ""],
            ["exposed in the control", percent(stage["share_control"], 2), ""],
            [
                "effect on those exposed by the assignment",
                _estimate(stage["effect"], ""),
                stage["convention"],
            ],
        ]
    ghosts = part["by_ghosts"]
    if ghosts is not None:
        lift = ghosts["effect"]
        withheld = (
            f"withheld: sample ratio of these rows has p {ghosts['sample_ratio']['p_value']:.2g}"
        )
        rows += [
            ["share exposed, or would have been", percent(ghosts["share"], 2), ""],
            [
                "effect among them, by ghost exposures",
                withheld if lift is None else _difference(lift, "continuous"),
                ghosts["convention"],
            ],
        ]
    return {
        "title": f"Those the treatment reached: {part['treated']}, {part['outcome']}",
        "head": ["Figure", "Value [95 %]"],
        "rows": [
            {"chosen": False, "cells": [_cell(name), _cell(value, told)]}
            for name, value, told in rows
        ],
        "note": "Exposed and unexposed persons are never compared with each other.",
    }


def _attributed(rules: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(rule["treated"]),
                _cell(rule["rule"]),
                _cell(
                    number(rule["conversions"]), f"{percent(rule['rate'], 3)} of the treated rows"
                ),
                _cell(percent(rule["share_of_conversions"])),
                _cell(_estimate(rule["incremental"], ""), rule["convention"]),
                _cell(_quotient(rule["overstatement"]), rule["convention"]),
                _cell(_share(rule["anyway"]), rule["convention"]),
            ],
        }
        for rule in rules
    ]
    return {
        "title": "What attribution would credit",
        "head": ["Treated", "Rule", "Credited", "of its conversions", "Incremental per row [95 %]", "Credited over incremental [95 %]",
                 "Would have happened anyway [95 %]"],
        "rows": rows,
        "note": "Rules credit conversions after a click or view, whatever caused them. The increment is the experiment's. Withheld where it is "
        "not told from 0.",
    }  # fmt: skip


def _quotient(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return "withheld"
    return f"{estimate['value']:.2f} [{estimate['low']:.2f}, {estimate['high']:.2f}]"


def _share(estimate: Mapping[str, Any]) -> str:
    if estimate["low"] is None:
        return UNKNOWN
    ends = f"{percent(estimate['low'], 0)}, {percent(estimate['high'], 0)}"
    return f"{percent(estimate['value'], 0)} [{ends}]"


def _funnel(cells: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": cell["frequency"] == "all",
            "cells": [
                _cell(cell["treated"]),
                _cell(cell["tier"]),
                _cell(cell["frequency"]),
                _cell(number(cell["n_rows"])),
                _cell(
                    _difference(cell["lift"], "continuous"),
                    "" if cell["lift"] is None else _population(cell["lift"]),
                ),
                _cell(
                    UNKNOWN
                    if cell["shrunken"] is None
                    else f"{cell['shrunken']:+.4g} [{cell['shrunken_low']:+.4g}, {cell['shrunken_high']:+.4g}]"
                ),
            ],
        }
        for cell in cells
    ]
    outcome = cells[0]["outcome"] if cells else ""
    return {
        "title": f"Funnel: intent tier, impressions and lift of {outcome}",
        "head": ["Treated", "Tier", "Impressions", "rows", "Difference [95 %]", "Shrunken [95 %]"],
        "rows": rows,
        "note": "Impressions count ghost impressions in the control, so both arms of a cell hold the same kind of rows. Shrunken: moved "
        "towards the mean of all cells as far as the noise of the cell asks for.",
    }


def _reach(arms: Sequence[Mapping[str, Any]]) -> Table:
    names = sorted({name for arm in arms for name in arm["distribution"]}, key=lambda name: int(name.split()[0]))  # fmt: skip
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(arm["arm"]),
                _cell(number(arm["rows"])),
                _cell(f"{number(arm['reached'])} ({percent(arm['reached'] / arm['rows'])})"),
                _cell(number(arm["mean"], 2)),
                *(_cell(number(arm["distribution"][name])) for name in names),
            ],
        }
        for arm in arms
    ]
    return {
        "title": "Reach and frequency",
        "head": ["Arm", "rows", "Reached", "Impressions per reached row", *names],
        "rows": rows,
        "note": "Rows by number of impressions; in the control, of ghost impressions.",
    }


def _segments(segments: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(part["treated"]),
                _cell(f"{part['segment']} = {part['level']}"),
                _cell(number(part["n_rows"])),
                _cell(
                    _difference(part["lift"], "continuous"),
                    "" if part["lift"] is None else _population(part["lift"]),
                ),
                _cell(UNKNOWN if part["p_adjusted"] is None else f"{part['p_adjusted']:.3g}"),
            ],
        }
        for part in segments
    ]
    outcome = segments[0]["outcome"] if segments else ""
    return {
        "title": f"Segments: {outcome}",
        "head": ["Treated", "Segment", "rows", "Difference [95 %]", "Benjamini-Hochberg p"],
        "rows": rows,
        "note": "Segments are of columns known before assignment. P-values are adjusted over all of them; a segment that stands out is a "
        "question for the next test.",
    }


def _days(part: Mapping[str, Any]) -> Table:
    rows = [
        {
            "chosen": False,
            "cells": [
                _cell(str(day["day"])),
                _cell(number(day["n_rows"])),
                _cell(_difference(day["lift"], "continuous")),
                _cell(_difference(day["so_far"], "continuous")),
                _cell(
                    UNKNOWN
                    if day["valid_low"] is None
                    else f"[{day['valid_low']:+.6g}, {day['valid_high']:+.6g}]"
                ),
            ],
        }
        for day in part["days"]
    ]
    trend = _estimate(part["trend"], "")
    return {
        "title": f"By day: {part['treated']}, {part['outcome']}",
        "head": [
            "Day",
            "rows",
            "That day [95 %]",
            "So far, one look [95 %]",
            "So far, any number of looks",
        ],
        "rows": rows,
        "note": f"Change of the effect per day: {trend}. Told from 0 and falling it is novelty that wears off.",
    }


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        {
            "chosen": not check["passed"],
            "cells": [
                _cell(check["name"]),
                _cell("passed" if check["passed"] else "warning"),
                _cell(check["found"]),
            ],
        }
        for check in checks
    ]
    return {
        "title": "May this be read?",
        "head": ["Check", "", "Found"],
        "rows": rows,
        "note": "A gate that fails withholds every result, so all gates passed. Tests alarm at p < 0.001.",
    }


def _estimate(estimate: Mapping[str, Any], unit: str) -> str:
    if estimate["value"] is None:
        return UNKNOWN
    if estimate["low"] is None:
        return _with_unit(f"{estimate['value']:.6g}", unit) + " [no interval]"
    ends = f"{estimate['low']:.6g}, {estimate['high']:.6g}"
    return _with_unit(f"{estimate['value']:.6g}", unit) + f" [{ends}]"
