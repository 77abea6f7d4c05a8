"""Session neighbours and sequential rules, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.recommenders.sequential_rules import SequentialRules, SequentialRulesConfig
from training.recommenders.session_neighbours import SessionNeighbours, SessionNeighboursConfig

MINUTE = 1 / 1440


def session(person, items, day):
    return [(person, item, day - n * MINUTE) for n, item in enumerate(items)]


def _scores(ranked, row=0):
    pairs = zip(ranked.ids()[row], ranked.scores[row].tolist(), strict=True)
    return {item: score for item, score in pairs if item is not None and score > 0}


def test_rules_count_what_follows_by_distance(make_histories, cutoff):
    """a b c and, a week of nothing later, a c: rules a -> b, a -> c, b -> c; none across the pause."""
    histories = make_histories([*session("p", "abc", 20), *session("p", "ac", 10), ("me", "a", 1)])
    config = SequentialRulesConfig(steps=2, half_life_days=1e9)
    model = SequentialRules(config).fit(histories.everyone(cutoff))
    found = model.related(["a", "b", "c"]).toarray()
    np.testing.assert_allclose(found, [[0, 1, 1 / 2 + 1], [0, 0, 1], [0, 0, 0]], rtol=1e-6)


def test_rules_start_from_the_newest_items(make_histories, cutoff):
    rules = [*session("p", "ax", 20), *session("q", "by", 20)]
    histories = make_histories([*rules, *session("me", "ab", 1)])
    config = SequentialRulesConfig(fade=0.25, half_life_days=1e9)
    model = SequentialRules(config).fit(histories.everyone(cutoff).take([1, 2]))
    ranked = model.recommend(histories.everyone(cutoff), k=4)
    assert _scores(ranked) == pytest.approx({"y": 1, "x": 0.25}, rel=1e-6)
    config = config.model_copy(update={"recent": 1})
    model = SequentialRules(config).fit(histories.everyone(cutoff).take([1, 2]))
    assert _scores(model.recommend(histories.everyone(cutoff), k=4)) == pytest.approx({"y": 1})


def test_session_votes_by_hand(make_histories, cutoff):
    """I hold a then b. Session p: a x (10 days old), q: c b y (20 days), r: z alone, s: w v, both out."""
    others = [
        *session("p", "ax", 10),
        *session("q", "cby", 20),
        ("r", "a", 5),
        *session("s", "wv", 1),
    ]
    histories = make_histories([*others, *session("me", "ab", 1)])
    config = SessionNeighboursConfig(fade=0.5, half_life_days=10, near_steps=2)
    train = histories.everyone(cutoff).take([1, 2, 3, 4])
    model = SessionNeighbours(config).fit(train)
    found = _scores(model.recommend(histories.everyone(cutoff), k=9))
    # similarity: p shares a (weight 1/2), two items; q shares b (weight 1), three items; I hold two
    tick = MINUTE / 10
    p = 0.5 / np.sqrt(2 * 2) * 0.5 ** (1 - tick)
    q = 1 / np.sqrt(3 * 2) * 0.5 ** (2 - 2 * tick)
    near = np.exp(-1 / 2)
    expected = {"a": p, "x": p * near, "b": q, "c": q * near, "y": q * near}
    assert found == pytest.approx(expected, rel=1e-5)


def test_only_the_nearest_sessions_vote(make_histories, cutoff):
    others = [*session("p", "ax", 10), *session("q", "ay", 5), *session("s", "az", 5)]
    histories = make_histories([*others, ("me", "a", 1)])
    train = histories.everyone(cutoff).take([1, 2, 3])

    def found(**changes):
        model = SessionNeighbours(SessionNeighboursConfig(**changes)).fit(train)
        return set(_scores(model.recommend(histories.everyone(cutoff), k=9))) - {"a"}

    assert found() == {"x", "y", "z"}
    # the two of day 5 are more similar than the one of day 10; of equals, one
    assert found(neighbours=2) == {"y", "z"}
    assert found(neighbours=1) == {"y"}
    assert found(sample=2) == {"y", "z"}
    assert found(maximum_sessions=1) == {"y"}


def test_rare_items_can_count_more(make_histories, cutoff):
    others = [*session("p", "ax", 5), *session("q", "ay", 5), *session("s", "by", 5)]
    histories = make_histories([*others, ("me", "a", 1)])
    train = histories.everyone(cutoff).take([1, 2, 3])
    model = SessionNeighbours(SessionNeighboursConfig(rarity=1)).fit(train)
    found = _scores(model.recommend(histories.everyone(cutoff), k=9))
    # x lies in one of three sessions, y in two
    assert found["x"] / found["y"] == pytest.approx(np.log(1 + 3) / np.log(1 + 3 / 2), rel=1e-5)


def test_threads_change_nothing(histories, cutoff, monkeypatch):
    monkeypatch.setattr("training.recommenders.session_neighbours._ROWS_AT_ONCE", 3)
    one, two = (
        SessionNeighbours(SessionNeighboursConfig(gap_days=10, threads=threads))
        .fit(histories.everyone(cutoff))
        .recommend(histories.everyone(cutoff), k=8)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one.items, two.items)
    np.testing.assert_array_equal(one.scores, two.scores)
