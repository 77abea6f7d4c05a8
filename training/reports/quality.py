"""The quality report as a section of the page: the checks, the worst first, with their plots and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pandas as pd

from features.quality.check import STATUSES
from training.reports.charts import line_plot
from training.reports.page import UNKNOWN, number, percent, trusted_svg
from training.reports.table import Cell, Table, figure, row

ROWS: Final = 10
"""Rows of each table on the page; the JSON beside it has the others."""

_WORDS: Final = {
    "fail": "stops the run",
    "alert": "alert",
    "warn": "warning",
    "not_available": "not available",
    "pass": "passed",
}
_URGENT: Final = {"fail", "alert"}
_ALARMS: Final = {"fail", "alert", "warn"}
_UNMATCHED: Final = ("pass", "Unmatched ids")
"""Ids that nothing was found for are shown even where the gate passes."""


def quality_facts(report: Mapping[str, Any], *further: Mapping[str, Any]) -> dict[str, Any]:
    """What `quality.html.j2` shows of quality reports.

    Args:
        report: `QualityReport.as_json()` of the ingestion, or the same read from its file.
        further: reports of later steps, whose checks are shown among those of the ingestion.
    """
    found = [check for each in (report, *further) for check in each["checks"]]
    checks = sorted(found, key=lambda check: STATUSES.index(check["status"]))
    return {
        "sentence": _sentence(report, checks),
        "checks": _checks(checks, told=looked_at(report)),
        "next_steps": [
            {"name": _label(check["name"]), "text": check["next_step"]}
            for check in checks
            if check["next_step"]
        ],
        "plots": [
            {
                "chart": trusted_svg(_plot(check["series"], check["unit"])),
                "caption": f"{_label(check['name'])}: {check['words']}.",
            }
            for check in checks
            if check["series"]
        ],
        "tables": [
            _table(check, detail)
            for check in checks
            for detail in check["details"]
            if detail["rows"]
            and (check["status"] in _ALARMS or (check["status"], detail["title"]) == _UNMATCHED)
        ],
    }


def feed_table(report: Mapping[str, Any]) -> Table:
    """Feed errors, mismatches and traffic filters: the checks of what came in, those without input included."""
    return replace(
        _checks(report["checks"], told=looked_at(report)),
        title="Feed and traffic: errors and mismatches",
        note="Of the whole project, not of an arm. “Not available”: the input is missing, so nothing was enforced.",
    )


def looked_at(report: Mapping[str, Any]) -> str:
    """Population of the figures of a quality report."""
    return f"{report['events']:,} events before {report['as_of'][:10]}"


def _sentence(report: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(check["status"] for check in checks)
    said = ", ".join(f"{counts[s]} {_WORDS[s]}" for s in STATUSES if counts[s])
    later = f"; {report['events_later']:,} later ones were not" if report["events_later"] else ""
    return (
        f"{len(checks)} checks: {said}. {report['events']:,} events before "
        f"{report['as_of'][:10]} were looked at{later}."
    )


def _checks(checks: Sequence[Mapping[str, Any]], *, told: str) -> Table:
    return Table(
        "Checks of the facts",
        ("Check", "Status", "Owner", "Figure", "Limit", "Found"),
        tuple(
            row(
                _label(check["name"]),
                _WORDS[check["status"]],
                check["owner"],
                figure(
                    _value(check["figure"], check["unit"]),
                    check["figure"],
                    told=f"{check['words']}; {told}" if check["figure"] is not None else "",
                ),
                figure(_value(check["threshold"], check["unit"]), check["threshold"]),
                check["words"],
                mark="bad" if check["status"] in _URGENT else "",
            )
            for check in checks
        ),
        about={"Limit": "declared by the team that owns the check, or its default"},
    )


def _value(value: float | None, unit: str) -> str:
    if unit == "hours":
        return UNKNOWN if value is None else f"{number(value, 1)} h"
    return percent(value) if unit == "share" else number(value)


def _plot(series: Sequence[Mapping[str, Any]], unit: str) -> str:
    share = unit == "share"
    return line_plot(
        pd.DataFrame(series, columns=["line", "day", "value"]),
        axis="share" if share else "events",
        number="%" if share else ",.0f",
    )


def _table(check: Mapping[str, Any], detail: Mapping[str, Any]) -> Table:
    rows, columns = detail["rows"], detail["columns"]
    more = f" (first {ROWS} of {len(rows):,})" if len(rows) > ROWS else ""
    return Table(
        f"{_label(check['name'])}: {detail['title'].lower()}{more}",
        tuple(map(_label, columns)),
        tuple(row(*(_cell(name, found[name]) for name in columns)) for found in rows[:ROWS]),
        about=dict.fromkeys(map(_label, columns), f"{_label(check['name'])}: {check['words']}"),
    )


def _cell(name: str, value: Any) -> Cell:
    if value is None:
        return Cell(UNKNOWN)
    if isinstance(value, float) and "share" in name:
        return figure(percent(value), value)
    if isinstance(value, int | float):
        return figure(f"{value:,g}" if isinstance(value, float) else f"{value:,}", value)
    return Cell(str(value))


def _label(name: str) -> str:
    return name.replace("_", " ")
