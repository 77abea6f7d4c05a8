"""Weights of controls by hand and beside scipy's general solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from training.experiments.regions.contrasts import contrast_weights, synthetic_weights


def test_a_region_between_two_others_is_their_mix():
    controls = np.array([[0.0, 2.0, 1.0], [4.0, 2.0, 1.0], [9.0, -9.0, 5.0]])
    found = synthetic_weights(0.75 * controls[0] + 0.25 * controls[1], controls)
    assert found == pytest.approx([0.75, 0.25, 0.0], abs=1e-7)


def test_a_region_outside_takes_the_nearest():
    """The line from (1, 0) to (0, 1); nearest to (2, 0) is its end, where free weights would give (1.5, -0.5)."""
    assert synthetic_weights(np.array([2.0, 0.0]), np.eye(2)) == pytest.approx([1.0, 0.0])


def test_weights_are_those_of_a_general_solver():
    rng = np.random.default_rng(3)
    for _ in range(5):
        controls, target = rng.normal(size=(6, 30)), rng.normal(size=30)
        peer = minimize(
            lambda one, target=target, controls=controls: np.sum((target - one @ controls) ** 2),
            np.full(6, 1 / 6),
            bounds=[(0, 1)] * 6,
            constraints={"type": "eq", "fun": lambda one: one.sum() - 1},
            options={"ftol": 1e-13},
        )
        found = synthetic_weights(target, controls)
        assert found == pytest.approx(peer.x, abs=1e-4)
        assert np.sum((target - found @ controls) ** 2) <= peer.fun * (1 + 1e-9)


@settings(max_examples=20)
@given(st.integers(0, 999))
def test_contrasts_of_both_kinds_cancel_what_all_regions_share(seed):
    rng = np.random.default_rng(seed)
    before = rng.gamma(4, size=(7, 20))
    treated = np.zeros((3, 7), bool)
    for row in treated:
        row[rng.choice(7, 3, replace=False)] = True
    for method in ("synthetic_control", "difference_in_differences"):
        weights = contrast_weights(method, before, treated)
        assert weights.sum(axis=1) == pytest.approx(np.zeros(3), abs=1e-9)
        assert weights[treated] == pytest.approx(np.full(9, 1 / 3))
        assert (weights[~treated] <= 0).all()


def test_plain_controls_weigh_the_same():
    treated = np.array([[True, True, False, False, False]])
    found = contrast_weights("difference_in_differences", np.ones((5, 2)), treated)
    assert found[0].tolist() == [1 / 2, 1 / 2, -1 / 3, -1 / 3, -1 / 3]
