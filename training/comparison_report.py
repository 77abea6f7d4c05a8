"""Compared uplift trainings for reading: lines for a terminal, JSON for programs, a table for a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.run import to_json
from training.compare_uplift import Comparison

_SIGNIFICANT: Final = 0.05
_NO_ORDER: Final = ("calibration_slope",)
"""More is not better: 1 is right."""

_OBSERVATIONAL: Final = "observational, adjusted for the features and not measured; "
_LINE: Final = "{:<22} {:<18} {:<27} {:>9} {:>9} {:>9} {:<21} {:>7}  {}"


def comparison_lines(found: Sequence[Comparison], *, as_json: bool) -> list[str]:
    """The comparisons as lines for a person, by arm, or as one JSON object each."""
    if as_json:
        return [" ".join(to_json(asdict(row)).split()) for row in found]
    first = found[0]
    caveat = "" if first.design == "randomised" else _OBSERVATIONAL
    title = (
        f"{caveat}each run against {first.baseline} ({first.baseline_learner}), paired on the same test rows"
        f"; {first.value.n_rows:,} in '{first.contrast}'"
    )
    lines = [
        title,
        "95 % intervals; p after Holm over the lines of one metric; a random order has 0, at a share the average effect",
        _LINE.format(
            "arm", "metric", "run", "first", "value", "minus", "[95 %]", "p (Holm)", "verdict"
        ),
    ]
    for row in sorted(found, key=lambda row: row.contrast):
        change = row.difference
        lines.append(
            _LINE.format(
                row.contrast,
                row.metric,
                f"{row.run} {row.learner}",
                f"{row.baseline_value.value:.5f}",
                f"{row.value.value:.5f}",
                f"{change.value:+.5f}",
                f"[{change.low:+.5f}, {change.high:+.5f}]",
                "\u2013" if np.isnan(row.adjusted_p) else f"{row.adjusted_p:.4f}",
                verdict(row),
            )
        )
    return lines


def verdict(row: Comparison) -> str:
    """What one line says: better, worse, no evidence; nothing of a figure where more is not better."""
    if np.isnan(row.adjusted_p):
        return "the same"
    if row.adjusted_p >= _SIGNIFICANT:
        return "no evidence of a difference"
    if row.metric in _NO_ORDER:
        return "differs"
    return "better" if row.difference.value > 0 else "worse"


def comparison_table(found: Sequence[Comparison]) -> pa.Table:
    """One row per comparison, everything that the lines say and the errors behind it."""
    return pa.Table.from_pylist(
        [
            {
                c.CONTRAST: row.contrast,
                "metric": row.metric,
                "run": row.run,
                "learner": row.learner,
                "first_run": row.baseline,
                "first_learner": row.baseline_learner,
                "value": row.value.value,
                "value_se": row.value.se,
                "first_value": row.baseline_value.value,
                "first_value_se": row.baseline_value.se,
                "difference": row.difference.value,
                "difference_se": row.difference.se,
                c.LOW: row.difference.low,
                c.HIGH: row.difference.high,
                "p_value": row.difference.p_value,
                "adjusted_p": row.adjusted_p,
                c.DESIGN: row.design,
                "verdict": verdict(row),
            }
            for row in found
        ]
    )
