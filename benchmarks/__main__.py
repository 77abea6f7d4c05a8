"""Run every benchmark and print one table: `python -m benchmarks`.

`--peers PYTHON`, an interpreter with requirements-bench-uplift.txt, adds causalml, econml and scikit-uplift to the uplift
learners; without it these stand alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from benchmarks import (
    als_fit,
    assignment,
    experiment_speed,
    ingest,
    interactions,
    pair_features,
    person_features,
    qini_interval,
    ranking_metrics,
    ranking_ndcg,
    top_k,
    top_k_limit,
    uplift_speed,
    windowed_counts,
)
from benchmarks.case import ROUNDS, Case, Timing, measure

BENCHMARKS: tuple[Callable[[], Case[Any]], ...] = (
    person_features.case,
    pair_features.case,
    interactions.case,
    windowed_counts.case,
    qini_interval.case,
    ranking_ndcg.case,
    ranking_metrics.case,
    top_k.case,
    top_k_limit.case,
    top_k_limit.worst_case,
    als_fit.case,
    assignment.case,
)
_CLEANED_ROWS = _MEASURED_ROWS = 1_000_000
_UPLIFT_ROWS = 100_000
_LINE = "{:<68} {:>9} {:>14}  {:<36} {:>9} {:>9}"


def line(case: Case[Any], timing: Timing) -> str:
    """One row of the table."""
    return _LINE.format(
        case.task,
        _milliseconds(timing.ours),
        f"{timing.rows_per_second:,.0f}",
        case.peer_name or "\u2013",
        _milliseconds(timing.peer),
        "\u2013" if timing.ratio is None else f"{timing.ratio:,.1f} x",
    )


def _milliseconds(seconds: float | None) -> str:
    return "\u2013" if seconds is None else f"{1000 * seconds:,.1f}"


def main() -> None:
    """Print the table row by row, each as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", metavar="PYTHON")
    asked = parser.parse_args()
    print(_LINE.format("task", "ours, ms", "rows per s", "peer", "peer, ms", "peer/ours"))
    for build in BENCHMARKS:
        case = build()
        print(line(case, measure(case)), flush=True)
    print(
        f"\nMedians of {ROUNDS} rounds in one process, both sides in turn, after a warm-up that compares their results."
    )
    print("\nCleaning events, each side in a process of its own:")
    ingest.compare_all([_CLEANED_ROWS])
    print(
        f"\nUplift learners, {_UPLIFT_ROWS:,} rows, each fit in a process of its own; seconds, and x = over ours:"
    )
    uplift_speed.compare_all(["DR", "T"], rows=_UPLIFT_ROWS, peers=asked.peers)
    print("\nMeasuring an experiment, each side in a process of its own:")
    experiment_speed.compare(_MEASURED_ROWS)


if __name__ == "__main__":
    main()
