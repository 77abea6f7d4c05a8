"""The quality report as a section of the page: the checks, the worst first, with their plots and tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from features.quality.check import STATUSES
from training.reports.charts import line_plot
from training.reports.page import UNKNOWN, number, percent, trusted_svg

ROWS: Final = 10
"""Rows of each table on the page; the JSON beside it has the others."""

_WORDS: Final = {
    "fail": "stops the run",
    "alert": "alert",
    "warn": "warning",
    "not_available": "not available",
    "pass": "passed",
}


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
        "checks": [_check(check) for check in checks],
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
            if detail["rows"] and check["status"] in {"fail", "alert", "warn"}
        ],
        "unmatched": [
            _table(check, detail)
            for check in checks
            for detail in check["details"]
            if detail["title"] == "Unmatched ids" and detail["rows"] and check["status"] == "pass"
        ],
    }


def _sentence(report: Mapping[str, Any], checks: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(check["status"] for check in checks)
    said = ", ".join(f"{counts[s]} {_WORDS[s]}" for s in STATUSES if counts[s])
    later = f"; {report['events_later']:,} later ones were not" if report["events_later"] else ""
    return (
        f"{len(checks)} checks: {said}. {report['events']:,} events before "
        f"{report['as_of'][:10]} were looked at{later}."
    )


def _check(check: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _label(check["name"]),
        "status": _WORDS[check["status"]],
        "urgent": check["status"] in {"fail", "alert"},
        "owner": check["owner"],
        "figure": _value(check["figure"], check["unit"]),
        "threshold": _value(check["threshold"], check["unit"]),
        "words": check["words"],
        "next_step": check["next_step"],
    }


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


def _table(check: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
    rows, columns = detail["rows"], detail["columns"]
    more = f" (first {ROWS} of {len(rows):,})" if len(rows) > ROWS else ""
    return {
        "title": f"{_label(check['name'])}: {detail['title'].lower()}{more}",
        "columns": [
            {"text": _label(name), "right": _cell(name, rows[0][name])["right"]} for name in columns
        ],
        "rows": [[_cell(name, row[name]) for name in columns] for row in rows[:ROWS]],
    }


def _cell(name: str, value: Any) -> dict[str, Any]:
    """Text of a table cell, and whether it is a number."""
    if value is None:
        return {"text": UNKNOWN, "right": False}
    if isinstance(value, float) and "share" in name:
        return {"text": percent(value), "right": True}
    if isinstance(value, int | float):
        return {"text": f"{value:,g}" if isinstance(value, float) else f"{value:,}", "right": True}
    return {"text": str(value), "right": False}


def _label(name: str) -> str:
    return name.replace("_", " ")
