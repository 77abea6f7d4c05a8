"""Which message is used, by hand."""

from __future__ import annotations

import numpy as np

from serving.replays.arms import best_arms


def shares(counts):
    """Rows of persons without a cart: contacts and conversions per arm."""
    arm = np.repeat(np.arange(len(counts)), [n for n, _ in counts])
    converted = np.concatenate([np.arange(n) < won for n, won in counts])
    return np.zeros(len(arm), np.bool_), arm, converted


def test_an_arm_that_leads_by_more_than_an_error_is_used():
    # 9 % against 5 % of 400: the error of the difference is sqrt((0.05 * 0.95 + 0.09 * 0.91) / 400) = 1.8 points
    cart, arm, converted = shares([(400, 20), (400, 36), (400, 22)])
    assert best_arms(cart, arm, converted, n_arms=3).tolist() == [1, 0]
    assert best_arms(~cart, arm, converted, n_arms=3).tolist() == [0, 1]


def test_the_first_stays_while_no_other_leads_enough():
    # 6.25 % against 5 %: 1.25 points, the error is 1.6
    cart, arm, converted = shares([(400, 20), (400, 25)])
    assert best_arms(cart, arm, converted, n_arms=2).tolist() == [0, 0]


def test_of_several_the_one_that_leads_most():
    cart, arm, converted = shares([(400, 20), (400, 36), (400, 50)])
    assert best_arms(cart, arm, converted, n_arms=3)[0] == 2


def test_without_any_the_first():
    cart, arm, converted = shares([(0, 0), (0, 0)])
    assert best_arms(cart, arm, converted, n_arms=2).tolist() == [0, 0]
