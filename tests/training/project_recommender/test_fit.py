from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from features.config import load_config, validate
from features.errors import ConfigError, GateError, InputError
from features.run import to_json
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.fit import fit_recommenders
from training.recommenders.registry import load

ROOT = Path(__file__).parents[3]

CONTENT = {
    "kind": "recommender",
    "trials": 2,
    "test_weeks": 3,
    "validation_weeks": 2,
    "k": 4,
    "replicates": 200,
    "minimum_interactions": 500,
    "candidates": [
        {"kind": "recent_popular", "popular_window_days": 7},
        {"kind": "recent_popular", "popular_window_days": 28},
        {"kind": "buy_again", "half_life_days": 0.5},
        {"kind": "buy_again", "half_life_days": 60},
        {"kind": "item_neighbours", "similarity": "cosine"},
        {"kind": "item_neighbours", "similarity": "bm25"},
        {"kind": "als", "factors": 4},
        {"kind": "als", "factors": 8},
    ],
}


def _config(**changes):
    return validate(RecommenderTrainingConfig, CONTENT | changes, subject="test")


@pytest.fixture(scope="module")
def comparison(shop):
    purchases, histories, closes = shop
    return fit_recommenders(histories(purchases), _config(), as_of=closes)


def test_the_habit_is_found_and_popularity_is_not_enough(comparison):
    """Every week each person buys 3 of 5 staples: 4 guesses among them hit 3/5 of the time."""
    again, popular = comparison.result("buy_again"), comparison.result("recent_popular")
    assert again.chosen.half_life_days == 60
    assert again.metrics["precision_at_4.all"].low > 0.5
    assert again.difference is None
    for result in (popular, comparison.result("als")):
        assert result.difference.high < 0
        assert result.adjusted_p_value == pytest.approx(3 * 2 / 201)
    assert popular.difference.estimate < -0.3
    assert popular.coverage < again.coverage
    assert popular.gini > again.gini


def test_the_choice_is_made_on_validation_with_equal_trials(comparison):
    for result in comparison.results:
        assert len(result.trials) == 2
        best = max(result.trials, key=lambda trial: trial.ndcg)
        assert (result.chosen, result.validation_ndcg) == (best.config, best.ndcg)
    best = max(comparison.results, key=lambda result: result.validation_ndcg)
    assert comparison.champion == best.kind


def test_weeks_are_judged_one_by_one_and_pooled(comparison, shop):
    _, _, closes = shop
    assert [p.cutoff for p in comparison.populations] == [
        closes - timedelta(days=days) for days in (21, 14, 7)
    ]
    assert comparison.validation == (closes - timedelta(days=35), closes - timedelta(days=28))
    for result in comparison.results:
        # all 60 persons buy every week, so the pooled mean is the mean of the weeks
        pooled = result.metrics["ndcg_at_4.all"]
        assert pooled.estimate == pytest.approx(np.mean(result.ndcg_by_cutoff))
        assert pooled.low < pooled.estimate < pooled.high
        assert pooled.persons == 60


def test_the_final_model_is_fitted_on_everything_before_as_of(comparison, shop, tmp_path):
    purchases, histories, closes = shop
    assert comparison.interactions == len(purchases)
    comparison.model.save(tmp_path / "bundle")
    everyone = histories(purchases).everyone(closes)
    first = comparison.model.recommend(everyone, k=4)
    second = load(tmp_path / "bundle").recommend(everyone, k=4)
    np.testing.assert_array_equal(first.items, second.items)


def test_the_future_changes_nothing(comparison, shop):
    """Events at or after as_of: known persons, new persons, new items, sorting before the known ones."""
    purchases, histories, closes = shop
    later = [
        (person, item, closes + timedelta(days=days))
        for days in range(10)
        for person in ("a-new-person", "p03", "p40", "z")
        for item in ("a-new-item", "i07")
    ]
    again = fit_recommenders(histories([*purchases, *later]), _config(), as_of=closes)
    assert again.metrics() == comparison.metrics()
    assert again.tracked() == comparison.tracked()


def test_test_weeks_do_not_move_the_choice(comparison, shop):
    """Another last three weeks: other test figures, the same trials and the same champion."""
    purchases, histories, closes = shop
    start = closes - timedelta(days=21)
    other = [(p, i if time < start else "i00", time) for p, i, time in purchases]
    again = fit_recommenders(histories(other), _config(), as_of=closes)
    for kind in ("recent_popular", "buy_again", "item_neighbours", "als"):
        assert again.result(kind).trials == comparison.result(kind).trials
    assert again.champion == comparison.champion
    assert again.tracked() != comparison.tracked()


def test_what_falls_outside_is_counted(shop):
    purchases, histories, closes = shop
    window = closes - timedelta(days=3)  # inside the last test window
    extra = [("cold", "i01", window), ("cold", "only-now", window), ("p00", "only-now", window)]
    result = fit_recommenders(histories([*purchases, *extra]), _config(), as_of=closes)
    first, _, last = result.populations
    assert (first.persons, first.with_all, first.cold_persons, first.unseen_pairs) == (60, 60, 0, 0)
    assert (last.persons, last.with_all, last.cold_persons, last.unseen_pairs) == (61, 61, 1, 2)
    assert last.with_repeat <= 60
    assert last.with_novel >= 2


def test_models_know_nothing_after_the_first_test_cutoff(shop):
    """An item first sold in the first test week is still unknown when it sells again in the last."""
    purchases, histories, closes = shop
    extra = [("p05", "young", closes - timedelta(days=d)) for d in (17, 3)]
    result = fit_recommenders(histories([*purchases, *extra]), _config(), as_of=closes)
    assert [p.unseen_pairs for p in result.populations] == [1, 0, 1]
    assert "young" in result.model.item_ids


def test_the_best_single_model_can_be_the_baseline_and_every_pair_has_its_interval(shop):
    purchases, histories, closes = shop
    blends = [
        {
            "kind": "blend",
            "members": [{"share": 1, "model": {"kind": "item_neighbours", "similarity": "cosine"}}],
            "depth": depth,
        }
        for depth in (50, 100)
    ]
    config = _config(
        baseline="best_single",
        also_against=["als"],
        discovery=True,
        candidates=blends + CONTENT["candidates"],
    )
    found = fit_recommenders(histories(purchases), config, as_of=closes)
    # a blend of that model alone is as good, but combines: it is no reference
    assert found.baseline == "item_neighbours"
    best, als, popular = (found.result(k) for k in ("item_neighbours", "als", "recent_popular"))
    assert set(best.differences) == {"als"}
    assert set(als.differences) == {"item_neighbours"}
    assert set(popular.differences) == {"item_neighbours", "als"}
    names = set(popular.metrics)
    assert len(names) == 4 * 3 + 1
    for reference in (best, als):
        pairs = popular.differences[reference.kind]
        assert set(pairs) == names
        for name, pair in pairs.items():
            here, there = popular.metrics[name].estimate, reference.metrics[name].estimate
            assert pair.difference.estimate == pytest.approx(here - there, abs=1e-12)
            assert pair.adjusted_p_value >= pair.difference.p_value or np.isnan(
                pair.difference.p_value
            )
    assert popular.difference == popular.differences["item_neighbours"]["ndcg_at_4.all"].difference
    # a list that need not hold own items finds more new ones
    assert best.metrics["ndcg_at_4.discovery"].estimate > best.metrics["ndcg_at_4.novel"].estimate


def test_a_champion_that_fails_its_own_gate_stops_the_training(shop, monkeypatch):
    purchases, histories, closes = shop

    def refuse(self):
        raise GateError("model", "is off", rule="it may not be", next_step="Look.")

    monkeypatch.setattr(
        "training.recommenders.item_neighbours.ItemNeighbours.require_usable", refuse
    )
    with pytest.raises(GateError, match=r"model: is off; it may not be\. Look\."):
        fit_recommenders(histories(purchases), _config(), as_of=closes)


def test_repeat_and_novel_split_the_hits(comparison):
    """Buy-again lists hold items of the person's past, so none of their hits is novel."""
    metrics = comparison.result("buy_again").metrics
    assert metrics["recall_at_4.novel"].estimate == 0
    assert metrics["precision_at_4.repeat"].estimate >= metrics["precision_at_4.all"].estimate


def test_figures_are_plain_and_complete(comparison):
    text = to_json(comparison.metrics())
    assert f'"champion": "{comparison.champion}"' in text
    flat = comparison.tracked()
    # per model: (3 metrics + precision at 1) x 3 targets x (estimate, low, high), validation, coverage, Gini
    assert len(flat) == 4 * (4 * 3 * 3 + 3)
    assert not any("@" in name for name in flat)
    assert comparison.parameters()["buy_again.half_life_days"] == "60.0"


def test_too_few_interactions_are_refused_with_the_count(shop):
    purchases, histories, closes = shop
    before = sum(time < closes - timedelta(days=35) for *_, time in purchases)
    config = _config(minimum_interactions=before + 1)
    with pytest.raises(
        InputError, match=f"{before} weighted events before 2025-05-26.*{before + 1}"
    ):
        fit_recommenders(histories(purchases), config, as_of=closes)


def test_an_empty_window_is_refused(shop):
    purchases, histories, closes = shop
    with pytest.raises(InputError, match="no purchase from 2025-06-30"):
        fit_recommenders(
            histories(purchases), _config(test_weeks=1), as_of=closes + timedelta(days=7)
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 3}, "2 candidates of kind 'recent_popular', but trials is 3"),
        ({"baseline": "last_viewed"}, "baseline 'last_viewed' is not among the candidates"),
        ({"also_against": ["best_single"]}, "baseline 'best_single' is not among the candidates"),
        (
            {"candidates": [{"kind": "buy_again"}] * 2},
            "candidate 2 repeats an earlier one",
        ),
        ({"candidates": [{"kind": "bprr"}]}, "candidates.0"),
        ({"candidates": [{"kind": "als", "factor": 3}]}, "did you mean 'factors'"),
    ],
    ids=["unequal trials", "baseline", "reference", "twice", "kind", "misspelt"],
)
def test_bad_configs_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        _config(**changes)


def test_shared_weights_reach_candidates_that_name_none():
    candidates = [{"kind": "buy_again"}, {"kind": "als", "weights": {"view": 2.0}}]
    config = _config(trials=1, candidates=candidates, weights={"cart_add": 3.0})
    assert [c.weights for c in config.settings()] == [{"cart_add": 3.0}, {"view": 2.0}]


def test_the_demo_config_is_valid_and_gives_every_model_the_same_trials():
    path = ROOT / "configs" / "complete_journey" / "recommender.yaml"
    config = load_config(RecommenderTrainingConfig, path)
    assert len(config.candidates) == 7 * config.trials
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 25
