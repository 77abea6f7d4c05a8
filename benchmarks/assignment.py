"""Hash draws for arms: nothing to compare with, so rows per second."""

from __future__ import annotations

from benchmarks.case import Case
from features.arrays import FloatArray
from features.assignment import uniform

UNITS = 500_000


def case(scale: float = 1.0) -> Case[FloatArray]:
    """One draw per person."""
    units = [f"person-{number}" for number in range(int(UNITS * scale))]
    return Case(
        task=f"assignment by hash: {len(units):,} persons",
        rows=len(units),
        ours=lambda: uniform(units, salt="benchmark"),
    )
