"""The peers outside this environment: what they are handed, and how time cuts a table."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import ranking_metrics_rectools
from benchmarks.movielens_by_time import cut
from benchmarks.ranked_lists import make_lists
from features.config import validate
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.interactions import Interactions

CONFIG = {
    "kind": "flat_recommender",
    "workspace": "out",
    "data": {"kind": "flat_table", "path": "rows.csv", "person": "who", "item": "what"},
    "split": {"kind": "random_by_item"},
    "candidates": [{"kind": "recent_popular"}],
}


def test_only_later_rows_of_known_persons_are_asked_for():
    """Ten rows a second apart: the first eight train, person 2 is new after."""
    person = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 2])
    time = np.arange(10) * 1_000_000
    ids = np.array([f"i{n}" for n in range(10)], dtype=object)
    rows = Interactions(person, np.arange(10), time, ids)
    train, test = cut(rows, validate(FlatRecommenderConfig, CONFIG, subject="x"))
    assert train.item.tolist() == list(range(8))
    assert test.relevant.counts().tolist() == [1, 0]
    assert test.relevant.item.tolist() == [8]
    assert test.train.time[0] == 8_000_000


def test_both_sides_have_to_agree(monkeypatch, tmp_path, capsys):
    """A stand-in that answers with our means, then with others."""
    lists = make_lists(persons=50, items=ranking_metrics_rectools.ITEMS)
    means = ranking_metrics_rectools.ours(lists)["means"]
    monkeypatch.setattr(
        ranking_metrics_rectools, "__file__", str(tmp_path / "ranking_metrics_rectools.py")
    )
    peer = tmp_path / "rectools_peer.py"
    answer = "import json, sys\nfor _ in sys.stdin:\n    print(json.dumps({!r}), flush=True)\n"
    peer.write_text(answer.format({"means": means, "seconds": 1.0}))
    ranking_metrics_rectools.compare(sys.executable, 50)
    assert "means equal" in capsys.readouterr().out
    peer.write_text(answer.format({"means": {**means, "ndcg": 0.5}, "seconds": 1.0}))
    with pytest.raises(AssertionError):
        ranking_metrics_rectools.compare(sys.executable, 50)
