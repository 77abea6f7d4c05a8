"""Trials on flat files look inside the training rows only; the test rows are opened once."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from features.config import validate
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.fit import fit_sessions, fit_table
from training.flat_recommender.interactions import Interactions, read_sessions
from training.splits import random_by_item
from training.tuning import flat_recommender as tune_flat_recommender
from training.tuning.flat_recommender import session_contest, table_contest
from training.tuning.tune import Chosen

TABLE = {
    "kind": "flat_recommender",
    "workspace": "out",
    "data": {"kind": "flat_table", "path": "rows.csv", "person": "who", "item": "what"},
    "split": {"kind": "random_by_item", "seeds": 1},
    "k": 3,
    "replicates": 200,
    "half_life_days": 1e6,
    "candidates": [{"kind": "recent_popular"}, {"kind": "ease", "regularization": 2.0}],
}
SESSIONS = {
    "kind": "flat_recommender",
    "workspace": "out",
    "data": {"kind": "session_lists", "path": "train.jsonl", "test": "test.jsonl"},
    "split": {"kind": "next_item", "validation_share": 0.3},
    "event": "view",
    "k": 2,
    "show_seen": True,
    "metric": "reciprocal_rank",
    "replicates": 200,
    "candidates": [{"kind": "recent_popular"}, {"kind": "sequential_rules", "neighbours": 5}],
}


def _config(content):
    return validate(FlatRecommenderConfig, content, subject="test")


def _chosen(contest, config):
    return {
        setting.kind: Chosen(setting, setting.model_dump(), list(contest.estimates(setting))[-1])
        for setting in config.candidates
    }


@pytest.fixture(scope="module")
def rows():
    """120 persons of two tastes with 6 of 10 items each."""
    rng = np.random.default_rng(3)
    pairs = [
        (person, 10 * (person % 2) + item)
        for person in range(120)
        for item in rng.permutation(10)[:6].tolist()
    ]
    person, item = (np.array(column) for column in zip(*pairs, strict=True))
    ids = np.array([f"i{number:02d}" for number in range(20)], dtype=object)
    return Interactions(person, item, np.arange(len(pairs)) * 1_000_000, ids)


@pytest.fixture
def sessions(tmp_path):
    """After a comes b, after c comes d; popular is a."""
    lines = [["a", "b"], ["c", "d"], ["a", "b"], ["c", "d"], ["a", "b", "a"]] * 4
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(s) + "\n" for s in lines))
    pairs = [[["c"], "d"], [["a"], "b"], [["c"], "new"]]
    (tmp_path / "test.jsonl").write_text("".join(json.dumps(p) + "\n" for p in pairs))
    sessions, pairs, _ = read_sessions(_config(SESSIONS).data, folder=tmp_path)
    return sessions, pairs


def test_the_test_rows_of_a_table_are_opened_once(rows, tmp_path, monkeypatch):
    opened = []

    def spied(rows, train, test, config):
        opened.append(test)
        return table_round(rows, train, test, config)

    table_round = tune_flat_recommender.table_round
    monkeypatch.setattr(tune_flat_recommender, "table_round", spied)
    config = _config(TABLE)
    judged = ~random_by_item(rows.item, train_share=0.75, rng=np.random.default_rng(0))
    contest = table_contest(rows, config, 3)
    chosen = _chosen(contest, config)
    assert len(opened) == 3
    assert not judged[np.concatenate(opened)].any()
    verdict = contest.judge(chosen, config, SimpleNamespace(path=tmp_path))
    assert len(opened) == 4
    assert opened[3].tolist() == np.flatnonzero(judged).tolist()
    trained = fit_table(rows, config)  # one candidate of each kind: nothing is left to choose
    for kind, value in verdict.values.items():
        assert value == trained.result(kind).metrics["ndcg_at_3"]
    assert verdict.values["ease"].estimate > verdict.values["recent_popular"].estimate


def test_estimates_pool_the_lists_of_the_inner_splits(rows):
    config = _config(TABLE)
    contest = table_contest(rows, config, 3)
    running = list(contest.estimates(config.candidates[1]))
    assert len(running) == 3
    alone = list(table_contest(rows, config, 1).estimates(config.candidates[1]))
    assert alone == running[:1]


def test_the_test_pairs_of_sessions_are_opened_once(sessions, tmp_path, monkeypatch):
    opened = []

    def spied(*facts):
        opened.append(facts[2])
        return session_round(*facts)

    session_round = tune_flat_recommender.session_round
    monkeypatch.setattr(tune_flat_recommender, "session_round", spied)
    config = _config(SESSIONS)
    contest = session_contest(*sessions, config, 2)
    chosen = _chosen(contest, config)
    assert opened == []
    verdict = contest.judge(chosen, config, SimpleNamespace(path=tmp_path))
    assert opened == [sessions[1]]
    found = fit_sessions(*sessions, config).result("sequential_rules")
    assert verdict.values["sequential_rules"] == found.metrics["reciprocal_rank_at_2"]


def test_the_parts_of_held_out_sessions_make_the_whole(sessions):
    config = _config(SESSIONS)
    for setting in config.candidates:
        (whole,) = session_contest(*sessions, config, 1).estimates(setting)
        *_, pooled = session_contest(*sessions, config, 3).estimates(setting)
        assert pooled == pytest.approx(whole)
