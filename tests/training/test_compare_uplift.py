"""Stored runs are compared on the same rows only, paired, and a better one is found."""

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.errors import GateError, InputError
from training.compare_uplift import (
    COMPARED,
    StoredRun,
    compare_runs,
    read_run,
)
from training.metrics.uplift import qini_difference


def stored(name, score, *, effect, design="randomised", outcome="visit", line=None, data="d1"):
    n = len(score)
    contrast = {"outcome": outcome, "outcome_kind": "binary", "treated": "mail", "control": "none"}
    table = pa.table(
        {
            c.LINE: np.arange(n) if line is None else line,
            c.CONTRAST: ["mail"] * n,
            c.ARM: ["none", "mail"] * (n // 2),
            c.UPLIFT: score,
            c.EFFECT_SCORE: effect,
        }
    )
    metrics = {"design": design, "contrasts": {"mail": contrast}}
    return StoredRun(name, "t_learner", metrics, {"data": data}, table)


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    good = rng.normal(size=2_000)
    return good + rng.normal(size=2_000), good, rng.normal(size=2_000)


def test_differences_are_paired_and_adjusted(sample):
    effect, good, poor = sample
    runs = [stored(name, s, effect=effect) for name, s in (("a", poor), ("b", good), ("c", poor))]
    found = [row for row in compare_runs(runs) if row.metric == "qini_per_head"]
    expected = qini_difference(effect, good, poor)
    assert found[0].difference == expected
    assert found[0].difference.low > 0
    assert found[1].difference.value == 0
    assert np.isnan(found[1].adjusted_p)  # the same score: nothing to test
    assert found[0].adjusted_p == pytest.approx(expected.p_value)
    assert {row.metric for row in compare_runs(runs)} == set(COMPARED)


def test_holm_is_over_the_runs(sample):
    rng = np.random.default_rng(1)
    runs = [stored(name, rng.normal(size=2_000), effect=sample[0]) for name in "abc"]
    rows = [row for row in compare_runs(runs) if row.metric == "autoc"]
    smaller = min(row.difference.p_value for row in rows)
    assert min(row.adjusted_p for row in rows) == pytest.approx(min(1.0, 2 * smaller))
    assert smaller < 0.5  # so that twice as much is another number


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"data": "d2"}, "differ in data"),
        ({"design": "observational"}, r"differ in design \(randomised and observational\)"),
        ({"outcome": "spend"}, r"differ in outcome and arms .*'spend \(binary\), mail over none'"),
        ({"line": np.arange(1, 2_001)}, "differ in test rows"),
    ],
)
def test_different_populations_are_refused(sample, changes, text):
    effect, good, poor = sample
    with pytest.raises(GateError, match=text):
        compare_runs(
            [stored("a", poor, effect=effect), stored("b", good, effect=effect, **changes)]
        )


def test_one_run_is_no_comparison(sample):
    one = stored("a", sample[1], effect=sample[0])
    with pytest.raises(InputError, match="a comparison needs at least two"):
        compare_runs([one, one])


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="is not the run of an uplift training"):
        read_run(tmp_path)
