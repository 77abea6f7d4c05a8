"""Comparisons on flat files: choices inside training, figures on the rest, the run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from features.config import validate
from features.errors import ConfigError, InputError
from training.flat_recommender.config import FlatRecommenderConfig, SessionListsData
from training.flat_recommender.fit import fit_sessions, fit_table
from training.flat_recommender.interactions import Interactions, read_sessions
from training.flat_recommender.train import train_flat_recommender
from training.recommenders.registry import load

TABLE = {
    "kind": "flat_recommender",
    "workspace": "out",
    "data": {"kind": "flat_table", "path": "rows.csv", "person": "who", "item": "what"},
    "split": {"kind": "random_by_item", "seeds": 2},
    "k": 3,
    "replicates": 200,
    "half_life_days": 1e6,
    "trials": 2,
    "candidates": [
        {"kind": "recent_popular", "popular_window_days": 1},
        {"kind": "recent_popular", "popular_window_days": 2},
        {"kind": "ease", "regularization": 2.0, "items": 1},
        {"kind": "ease", "regularization": 2.0},
    ],
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


def _config(content, **changes):
    return validate(FlatRecommenderConfig, content | changes, subject="test")


@pytest.fixture(scope="module")
def rows():
    """120 persons of two tastes with 6 of 10 items each."""
    rng = np.random.default_rng(3)
    pairs = [
        (person, 10 * (person % 2) + item)
        for person in range(120)
        for item in rng.permutation(10)[:6].tolist()
    ]
    person, item = np.array(pairs).T
    ids = np.array([f"i{n:02d}" for n in range(20)], dtype=object)
    return Interactions(person, item, np.zeros(len(person), np.int64), ids)


@pytest.fixture(scope="module")
def comparison(rows):
    return fit_table(rows, _config(TABLE))


def test_the_better_setting_is_chosen_inside_and_wins_outside(comparison):
    ease, popular = comparison.result("ease"), comparison.result("recent_popular")
    assert comparison.champion == "ease"
    assert comparison.metric == "ndcg_at_3"
    assert [config.items for config in ease.chosen] == [5_000, 5_000]
    assert ease.metrics["ndcg_at_3"].low > popular.metrics["ndcg_at_3"].high
    assert ease.metrics["ndcg_at_3"].persons <= 120


def test_seen_items_are_left_out_and_every_round_is_a_split(comparison, rows):
    """A taste has 10 items and a person 4 or 5 known ones: of the 5 or 6 left, any 3 hit the 1 or 2 wanted."""
    ease = comparison.result("ease")
    assert len(ease.by_round["recall_at_3"]) == 2
    assert ease.by_round["recall_at_3"][0] != ease.by_round["recall_at_3"][1]
    assert ease.metrics["recall_at_3"].estimate == pytest.approx(3 / 5.5, abs=0.08)
    lists = [r.counts() for r in _relevants(rows)]
    assert comparison.lists == sum(int((count > 0).sum()) for count in lists)
    values = np.array(ease.by_round["ndcg_at_3"])
    assert ease.spread("ndcg_at_3") == pytest.approx(abs(values[0] - values[1]) / np.sqrt(2))


def _relevants(rows):
    from training.metrics.ranking import Relevant  # noqa: PLC0415
    from training.splits import random_by_item  # noqa: PLC0415

    for seed in range(2):
        test = ~random_by_item(rows.item, train_share=0.75, rng=np.random.default_rng(seed))
        yield Relevant.from_pairs(rows.person[test], rows.item[test], n_rows=120)


def write_sessions(folder):
    """After a comes b, after c comes d; popular is a."""
    sessions = [["a", "b"], ["c", "d"], ["a", "b"], ["c", "d"], ["a", "b", "a"]] * 4
    (folder / "train.jsonl").write_text("".join(json.dumps(s) + "\n" for s in sessions))
    pairs = [[["c"], "d"], [["a"], "b"], [["c"], "new"]]
    (folder / "test.jsonl").write_text("".join(json.dumps(p) + "\n" for p in pairs))
    return folder


def test_the_next_item_is_judged_once(tmp_path):
    data = SessionListsData(**SESSIONS["data"])
    sessions, pairs, _ = read_sessions(data, folder=write_sessions(tmp_path))
    result = fit_sessions(sessions, pairs, _config(SESSIONS)).result("sequential_rules")
    # d and b come first after c and a; the third target is unknown and a miss
    assert result.metrics["hit_rate_at_2"].estimate == pytest.approx(2 / 3)
    assert result.metrics["reciprocal_rank_at_2"].estimate == pytest.approx(2 / 3)
    assert result.metrics["hit_rate_at_2"].persons == 3
    assert np.isnan(result.spread("hit_rate_at_2"))


def test_a_run_holds_figures_rejects_and_the_champion(tmp_path, rows):
    lines = [f"p{p},{rows.item_ids[i]}" for p, i in zip(rows.person, rows.item, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["who,what", *lines, ",i01"]) + "\n")
    run = train_flat_recommender(_config(TABLE), folder=tmp_path)
    assert load(run.path / "bundle").kind == "ease"
    metrics = run.json("metrics.json")
    assert metrics["champion"] == "ease"
    assert [model["kind"] for model in metrics["models"]] == ["recent_popular", "ease"]
    assert run.manifest["figures"]["rejects"] == 1
    again = train_flat_recommender(_config(TABLE), folder=tmp_path)
    assert again.reused
    assert again.run_id == run.run_id


def test_shared_weights_and_half_life_reach_the_members_of_a_blend():
    blend = {
        "kind": "blend",
        "members": [
            {"share": 1.0, "model": {"kind": "reminders"}},
            {"share": 1.0, "model": {"kind": "buy_again", "half_life_days": 3.0}},
        ],
    }
    (found,) = _config(SESSIONS, candidates=[blend], half_life_days=9.0).settings()
    assert found.weights == {"view": 1.0}
    assert [member.model.weights for member in found.members] == [{"view": 1.0}] * 2
    assert [member.model.half_life_days for member in found.members] == [9.0, 3.0]


@pytest.mark.parametrize(
    ("content", "changes", "message"),
    [
        (
            TABLE,
            {"split": SESSIONS["split"]},
            "'data.kind: flat_table' needs 'split.kind: random_by",
        ),
        (
            SESSIONS,
            {"split": TABLE["split"]},
            "'data.kind: session_lists' needs 'split.kind: next_",
        ),
        (TABLE, {"trials": 3}, "2 candidates of kind 'recent_popular', but trials is 3"),
    ],
    ids=["table", "sessions", "trials"],
)
def test_bad_configs_are_refused(content, changes, message):
    with pytest.raises(ConfigError, match=message):
        _config(content, **changes)


def test_a_split_without_known_persons_is_refused():
    rows = Interactions(
        np.array([0, 1]), np.array([0, 0]), np.zeros(2, np.int64), np.array(["a"], dtype=object)
    )
    with pytest.raises(InputError, match="no test row belongs to a person with training rows"):
        fit_table(rows, _config(TABLE, split={"kind": "random_by_item", "train_share": 0.5}))
