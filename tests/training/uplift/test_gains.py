"""What a learner is worth: by hand, and after every fold."""

import numpy as np
import pytest

from training.uplift.base import TrialRows
from training.uplift.doubly_robust import DoublyRobustScores
from training.uplift.gains import running_gains


class Says:
    """A learner that says the same of every row."""

    def __init__(self, effect):
        self._effect = effect

    def predict(self, matrix):
        return np.full(len(matrix), self._effect)


def scored(effect, fold):
    n = len(effect)
    rows = TrialRows(
        np.zeros((n, 1)), np.zeros(n), np.arange(n) % 2 == 0, np.full(n, 0.5), "continuous"
    )
    nothing = np.zeros(n)
    return rows, DoublyRobustScores(np.array(effect), nothing, nothing, np.array(fold), ())


def test_gain_by_hand():
    """Scores 1, 3 and 5, 7: the constant for the first fold is 6, for the second 2; the learner says 4."""
    first = ((1 - 6) ** 2 - (1 - 4) ** 2 + (3 - 6) ** 2 - (3 - 4) ** 2) / 2
    second = ((5 - 2) ** 2 - (5 - 4) ** 2 + (7 - 2) ** 2 - (7 - 4) ** 2) / 2
    found = list(running_gains([scored([1.0, 3, 5, 7], [0, 0, 1, 1])], lambda _: Says(4)))
    assert found == [pytest.approx(first), pytest.approx((first + second) / 2)]


def test_contrasts_count_alike_however_many_rows_they_have():
    small, large = scored([1.0, 3], [0, 1]), scored([0.0] * 50 + [4] * 50, [0] * 50 + [1] * 50)
    found = list(running_gains([small, large], lambda _: Says(2)))
    of_small, of_large = (3 - 1) ** 2 - 1**2, 4**2 - 2**2
    assert found[-1] == pytest.approx((of_small + of_large) / 2)


def test_a_learner_is_fitted_without_the_rows_it_is_judged_on():
    seen = []

    def fit(rows):
        seen.append(len(rows))
        return Says(0)

    list(running_gains([scored([1.0, 2, 3], [0, 1, 1])], fit))
    assert seen == [2, 1]
