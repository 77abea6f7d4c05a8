"""This project and DuckDB find the same in the feature task, and a file gives the same counts through the disk."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import feature_task, large_histories
from benchmarks.feature_task_peers import with_duckdb
from benchmarks.web_shop import Size, write_events, write_moments

SIZE = Size.of(20_000)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    paths = folder / "events-20000.parquet", folder / "moments-20000.parquet"
    write_events(paths[0], SIZE)
    write_moments(paths[1], SIZE, rows=2_000)
    return paths


@pytest.mark.parametrize("numbered", [False, True])
def test_both_sides_agree(files, numbered):
    ours = feature_task.with_histories(*map(str, files))
    peer = with_duckdb(*map(str, files), numbered=numbered)
    np.testing.assert_allclose(ours["sums"], peer["sums"], rtol=1e-6)  # weights are float32
    assert ours["seconds"].keys() == peer["seconds"].keys() == {"load", "A", "B", "C"}


def test_the_disk_changes_no_count(files):
    ours = feature_task.with_histories(*map(str, files))["sums"]
    counted = large_histories.build(files[0])
    assert counted["events"] == SIZE.events
    assert counted["counted"] == sum(ours[4:14:3])  # the 30 days of each of four events


def test_sides_that_disagree_are_not_compared(tmp_path, monkeypatch):
    figures = {"seconds": dict.fromkeys("ABC", 1.0) | {"load": 1.0}, "peak_mib": 1.0}
    figures["processor"] = figures["seconds"]

    def measured(side, events, moments, python):
        return figures | {"sums": [1.0 if side == feature_task.OURS else 2.0]}

    monkeypatch.setattr(feature_task, "measured", measured)
    with pytest.raises(AssertionError):
        feature_task.compare(tmp_path, 1_000, None)
