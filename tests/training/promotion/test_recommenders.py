"""Two recommenders by what they were worth to the same persons."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.errors import ConfigError, WorkspaceError
from features.tables import TIMESTAMP
from training.bundle import write_bundle
from training.models.registry import ModelVersion
from training.promotion.config import Limit, RecommenderGate
from training.promotion.recommenders import compare_recommenders
from training.recommenders.recent_popular import RecentPopularConfig
from training.test_values import TestValues, values_table

GATE = RecommenderGate(
    primary=Limit(metric="ndcg.all", margin=0.01),
    guards=(Limit(metric="coverage", margin=0.02),),
    replicates=200,
)
N = 400


def values(shift, *, seed=0):
    """Worth of N persons in two weeks: the same noise for every model, plus a shift with a little of its own."""
    noise = np.random.default_rng(7).uniform(0.2, 0.6, (N, 2, 1))
    own = np.random.default_rng(seed).normal(0, 0.02, (N, 2, 1))
    return values_table(
        noise + own + shift,
        names=["ndcg_at_10.all"],
        units=pa.array([f"p{k:03d}" for k in range(N)]),
        lists=pa.array([datetime(2017, 12, day, tzinfo=UTC) for day in (4, 11)], TIMESTAMP),
        keys=(c.PERSON_ID, c.AS_OF),
    )


@pytest.fixture
def version(tmp_path):
    def make(number, table, *, days, coverage=0.1, as_of="2017-12-25T00:00:00+00:00"):
        files = tmp_path / str(number)
        config = RecentPopularConfig(popular_window_days=days)
        write_bundle(files / "bundle", kind="recent_popular", config=config)
        manifest = {
            "inputs": {"features": "f", "as_of": as_of},
            "config": {"k": 10, "test_weeks": 2},
        }
        (files / "manifest.json").write_text(json.dumps(manifest))
        metrics = {"champion": "a", "models": [{"kind": "a", "coverage": coverage}]}
        (files / "metrics.json").write_text(json.dumps(metrics))
        if table is not None:
            pq.write_table(table, files / "test_values.parquet")
        return ModelVersion("m", f"k{number}", number, files, files / "bundle", {}, ())

    return make


def never(setting):
    raise AssertionError("stored values should do")


def test_stored_values_of_the_same_test_are_paired_by_person(version):
    new = version(2, values(0.05, seed=1), days=7, coverage=0.09)
    ndcg, coverage = compare_recommenders(new, version(1, values(0.0), days=28), GATE, value=never)
    assert ndcg.difference == pytest.approx(0.05, abs=0.005)
    assert ndcg.challenger - ndcg.champion == pytest.approx(ndcg.difference)
    # the noise that both share is as large as the difference; paired, it is gone
    assert 0.045 < ndcg.low < ndcg.difference
    assert (coverage.difference, coverage.low) == (pytest.approx(-0.01), pytest.approx(-0.01))
    assert ndcg.passed
    assert coverage.passed


def test_a_loss_is_seen(version):
    new = version(2, values(-0.05, seed=1), days=7, coverage=0.05)
    found = compare_recommenders(new, version(1, values(0.0), days=28), GATE, value=never)
    assert [check.passed for check in found] == [False, False]


def test_equal_settings_are_not_compared_again(version):
    found = compare_recommenders(
        version(2, None, days=7), version(1, None, days=7), GATE, value=never
    )
    assert [(check.metric, check.passed) for check in found] == [
        ("ndcg.all", True),
        ("coverage", True),
    ]


def test_on_other_data_the_settings_in_force_are_judged_again(version):
    asked = []

    def value(setting):
        asked.append(setting)
        return TestValues(values(0.0), 0.1)

    new = version(2, values(0.05, seed=1), days=7)
    old = version(1, values(9.0), days=28, as_of="2017-12-18T00:00:00+00:00")
    ndcg, _ = compare_recommenders(new, old, GATE, value=value)
    assert [setting.popular_window_days for setting in asked] == [28]
    assert ndcg.difference == pytest.approx(0.05, abs=0.005)


def test_what_is_missing_is_told(version):
    new, old = version(2, values(0.0, seed=1), days=7), version(1, None, days=28)
    with pytest.raises(WorkspaceError, match=r"version 1 has no test_values\.parquet"):
        compare_recommenders(new, old, GATE, value=never)
    odd = GATE.model_copy(update={"primary": Limit(metric="ndgc.all", margin=0)})
    pq.write_table(values(0.0), old.files / "test_values.parquet")
    with pytest.raises(ConfigError, match=r"'ndgc\.all'.*metrics are ndcg\.all"):
        compare_recommenders(new, old, odd, value=never)
