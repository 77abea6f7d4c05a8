"""The table by hand."""

from __future__ import annotations

import numpy as np
import pytest

from serving.proof.estimates import HOLDOUT, Judged
from serving.proof.pieces import Piece
from serving.proof.policies import NOBODY, ORACLE, OURS, POLICIES, PROPENSITY
from serving.proof.table import finished_seeds, goals, markdown, table

PROFIT = {NOBODY: (0.0, 0.0), PROPENSITY: (30.0, 10.0), OURS: (90.0, 80.0), ORACLE: (100.0, 100.0)}


def piece(policy, seed):
    half = PROFIT.get(policy, (10.0, 5.0))[seed - 1] / 2
    judged = [
        Judged(HOLDOUT, 4, 1.0, 0.0, 2.0, 1.5),
        Judged(HOLDOUT, 5, 1.0, 0.0, 2.0, 2.5),
        Judged(HOLDOUT, -1, 1.0, 0.0, 2.0, 1.0),
    ]
    harmful = {PROPENSITY: 8.0, OURS: 1.0}.get(policy, 0.0)
    return Piece("k", seed, policy, [half, half], [1.0, 1.0], [50.0, 50.0], [harmful, 0.0], judged)


@pytest.fixture
def pieces():
    return [piece(policy, seed) for seed in (1, 2) for policy in POLICIES]


def test_lines(pieces):
    lines = {line.policy: line for line in table(pieces)}
    ours, propensity = lines[OURS], lines[PROPENSITY]
    assert (ours.profit, ours.of_oracle) == (85, 0.85)
    assert propensity.behind == 65  # mean of 90 - 30 and 80 - 10
    assert propensity.contacts == 100
    assert (propensity.harmful, propensity.spend) == (8, 2)
    assert (ours.holdout_weekly, ours.holdout) == (0.5, 1.0)
    assert np.isnan(ours.robust)
    # two stores: t of one degree of freedom at 0.975 is tan(0.475 pi); standard deviation 10 / sqrt(2)
    half = np.tan(0.475 * np.pi) * (10 / np.sqrt(2)) / np.sqrt(2)
    assert ours.high - ours.profit == pytest.approx(half)


def test_only_whole_stores_count(pieces):
    assert finished_seeds(pieces[:-1]) == [1]


def test_goals(pieces):
    met = [met for _, _, met in goals(table(pieces))]
    # the least sure lead is 65 with standard error 5: p = 2 atan(1 / 13) / pi = 0.049; half of the intervals cover
    assert met == [True, True, True, True, False]


def test_markdown_has_a_row_per_policy(pieces):
    text = markdown(table(pieces), seeds=2, currency="EUR")
    assert text.count("\n| ") == len(POLICIES)
    assert "| ours | 85 [" in text
