"""Cells of the funnel: buckets, shrinkage against its formula, its effect on the error, reach."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.experiments.effects import ContrastRows
from training.experiments.funnel import (
    FunnelConfig,
    buckets,
    funnel_cells,
    reach,
)


def cells_of(effects, rows_per_cell=400, seed=0, frequency=None):
    """Cells of a normal outcome, one tier per effect."""
    rng = np.random.default_rng(seed)
    tier = np.repeat([f"t{place}" for place in range(len(effects))], rows_per_cell)
    treated = rng.random(len(tier)) < 0.5
    values = rng.normal(size=len(tier)) + treated * np.repeat(effects, rows_per_cell)
    rows = ContrastRows(treated, np.full(len(tier), 0.5), None)
    return funnel_cells(
        values,
        rows,
        treated="ads",
        outcome="y",
        tier=tier.tolist(),
        frequency=frequency,
        config=FunnelConfig(tier="tier"),
    )


def test_buckets():
    place, names = buckets(np.array([0.0, 1, 2, 3, 4, 40]), (0, 1, 2, 4))
    assert names == ["0", "1", "2 to 3", "4 or more"]
    assert place.tolist() == [0, 1, 2, 2, 3, 3]


def test_shrunken_cells_are_nearer_to_the_truth_and_their_intervals_hold():
    """Nine cells whose effects spread less than their noise."""
    raw = shrunken = held = count = 0.0
    for seed in range(40):
        truth = np.random.default_rng(1_000 + seed).normal(0.1, 0.05, 9)
        for cell, true in zip(cells_of(truth, seed=seed), truth, strict=True):
            raw += (cell.lift.effect - true) ** 2
            shrunken += (cell.shrunken - true) ** 2
            held += cell.shrunken_low <= true <= cell.shrunken_high
            count += 1
    assert shrunken < 0.6 * raw
    assert held / count == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 360))


def test_small_cells_have_no_estimate():
    frequency = np.tile(np.repeat([0.0, 5.0], [195, 5]), 2)
    cells = cells_of([0.1, 0.1], rows_per_cell=200, frequency=frequency)
    names = [(cell.tier, cell.frequency, cell.lift is None) for cell in cells]
    assert ("t0", "4 or more", True) in names
    assert ("t0", "0", False) in names
    assert sum(cell.n_rows for cell in cells if cell.frequency != "all") == 400
    assert all(np.isnan(cell.shrunken) for cell in cells if cell.lift is None)


@settings(max_examples=20)
@given(st.integers(0, 200))
def test_shrinking_stays_between_the_cells(seed):
    effects = np.random.default_rng(seed).normal(size=4)
    cells = cells_of(effects, rows_per_cell=150, seed=seed)
    found = [cell.lift.effect for cell in cells]
    assert all(min(found) - 1e-9 <= cell.shrunken <= max(found) + 1e-9 for cell in cells)


def test_reach_by_hand():
    found = reach("ads", np.array([0.0, 0, 1, 3, 8]), (0, 1, 2, 4))
    assert (found.rows, found.reached, found.mean) == (5, 3, 4.0)
    assert found.distribution == {"0": 2, "1": 1, "2 to 3": 1, "4 or more": 1}
    assert np.isnan(reach("none", np.zeros(3), (0, 1)).mean)
