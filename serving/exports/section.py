"""What the report and the command line say of an export run: files, what was left out, what is new, gone or impossible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.run import Run
from serving.exports.differences import MANIFEST

_WHOLE = "whole"
"""Shown where there is no earlier audience to compare with."""


def exports_section(run: Run, *, score_run: str) -> dict[str, Any]:
    """The facts of the report's section on exports.

    Args:
        run: the export run in force.
        score_run: id of the decisions that the report is about.
    """
    told = run.json(MANIFEST)
    written = [one for one in told["exports"] if one["files"]]
    return {
        "sentence": _sentence(told, written, run, score_run),
        "recheck": _recheck(told["recheck"]),
        "files": [row for one in written for row in _rows(one)],
        "unavailable": [
            {"name": one["name"], "why": one["unavailable"]}
            for one in told["exports"]
            if one["unavailable"]
        ],
        "warnings": [
            {"name": one["name"], "text": text} for one in written for text in one["warnings"]
        ]
        + [
            {"name": name, "text": "is no longer exported: remove it on its platform."}
            for name in told["withdrawn"]
        ],
        "convention": "Each file was read again from disk and judged by the rules of its platform before it was published. "
        "E-mail addresses and phone numbers leave as SHA-256 only; held-out persons are in no file but lists of whom to "
        f"leave out. New and gone are rows against the export before. Limits of {told['limits_compiled']}.",
    }


def export_lines(run: Run) -> list[str]:
    """An export run for the command line: a line per whole file, warning, and export that could not be made."""
    told = run.json(MANIFEST)
    lines = []
    for one in told["exports"]:
        for row in _rows(one):
            changes = f", {row['added']:,} new, {row['removed']:,} gone" if one["compared"] else ""
            lines.append(f"{row['file']}: {row['rows']:,} rows{changes}")
        lines += [f"{one['name']}: {warning}" for warning in one["warnings"]]
        if one["unavailable"]:
            lines.append(f"{one['name']} not written: {one['unavailable']}")
    lines += [
        f"{name} is no longer exported: remove it on its platform" for name in told["withdrawn"]
    ]
    return lines


def _sentence(
    told: Mapping[str, Any], written: list[dict[str, Any]], run: Run, score_run: str
) -> str:
    of_now = run.manifest["inputs"]["score"] == score_run
    since = (
        "It is the first export, so every audience is written whole"
        if told["compared_with"] is None
        else f"Audiences are compared with export {told['compared_with']}"
    )
    state = "" if of_now else " These files were made from earlier decisions than this page shows."
    return f"{len(written)} of {len(told['exports'])} exports were written. {since}.{state}"


def _recheck(recheck: Mapping[str, Any]) -> str:
    persons = _words(recheck["persons_dropped"]) or "nobody was dropped"
    items = _words(recheck["item_rows_dropped"]) or "none was dropped"
    return (
        f"Asked again at export: of {recheck['persons']:,} persons to contact {recheck['persons_left']:,} are left "
        f"({persons}); of their {recheck['item_rows']:,} items {recheck['item_rows_left']:,} ({items}); "
        f"{recheck['prices_changed']:,} prices are others than at scoring."
    )


def _rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    changes = {
        (file["part"], file["content"]): file["rows"]
        for file in one["files"]
        if file["content"] != "full"
    }
    whole = [file for file in one["files"] if file["content"] == "full"]
    unchanged = _WHOLE if one["audience"] else ""
    return [
        {
            "file": file["file"],
            "kind": one["kind"].replace("_", " "),
            "rows": file["rows"],
            "persons": file["persons"],
            "added": changes.get((file["part"], "add"), unchanged),
            "removed": changes.get((file["part"], "remove"), ""),
            "drops": _words(one["drops"]) if place == 0 else "",
        }
        for place, file in enumerate(whole)
    ]


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items())
