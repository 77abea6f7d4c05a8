"""What every recommender promises, checked on every registered one."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

from features.config import validate
from features.errors import InputError
from training.project_recommender.config import RecommenderTrainingConfig
from training.ranker.config import BoosterConfig, LearningConfig
from training.recommenders.als import Als, AlsConfig
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import Recommender
from training.recommenders.basket_share import BasketShare, BasketShareConfig
from training.recommenders.blend import Blend, BlendConfig, MemberConfig
from training.recommenders.bpr import Bpr, BprConfig
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.category_best_sellers import (
    CategoryBestSellers,
    CategoryBestSellersConfig,
)
from training.recommenders.co_purchase import (
    Complements,
    ComplementsConfig,
    Substitutes,
    SubstitutesConfig,
)
from training.recommenders.content import Content, ContentConfig
from training.recommenders.ease import Ease, EaseConfig
from training.recommenders.first_stage import SourceConfig
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.recommenders.last_viewed import LastViewed, LastViewedConfig
from training.recommenders.next_basket import NextBasket, NextBasketConfig
from training.recommenders.open_cart import OpenCart, OpenCartConfig
from training.recommenders.recent_popular import RecentPopular, RecentPopularConfig
from training.recommenders.registry import RECOMMENDERS, build, load
from training.recommenders.reminders import Reminders, RemindersConfig
from training.recommenders.sequential_rules import SequentialRules, SequentialRulesConfig
from training.recommenders.session_neighbours import SessionNeighbours, SessionNeighboursConfig
from training.recommenders.two_stage import TwoStage, TwoStageConfig

PURCHASES = {"purchase": 1.0}
TOGETHER = {"gap_days": 10.0, "minimum_baskets": 1}

CASES = {
    RecentPopular: RecentPopularConfig(),
    LastViewed: LastViewedConfig(weights=PURCHASES, length=4),
    OpenCart: OpenCartConfig(
        weights=PURCHASES, fills=("purchase",), empties=(), window_days=12.0, **TOGETHER
    ),
    CategoryBestSellers: CategoryBestSellersConfig(),
    BuyAgain: BuyAgainConfig(half_life_days=20),
    Reminders: RemindersConfig(),
    BasketShare: BasketShareConfig(popularity=0.02),
    NextBasket: NextBasketConfig(neighbours=3, max_persons=12),
    ItemNeighbours: ItemNeighboursConfig(neighbours=6, minimum_persons=2),
    SessionNeighbours: SessionNeighboursConfig(gap_days=10),
    SequentialRules: SequentialRulesConfig(gap_days=10, steps=10, fade=1.0),
    Complements: ComplementsConfig(minimum_lift=1, **TOGETHER),
    Substitutes: SubstitutesConfig(),
    Content: ContentConfig(),
    Als: AlsConfig(factors=3, seed=1),
    Bpr: BprConfig(factors=4, seed=1, learning_rate=0.1),
    Ease: EaseConfig(grid=(1.0, 5.0, 25.0)),
    Blend: BlendConfig(
        members=(
            MemberConfig(share=1.0, model=BuyAgainConfig()),
            MemberConfig(share=0.5, model=ItemNeighboursConfig(minimum_persons=2)),
        )
    ),
    TwoStage: TwoStageConfig(
        sources=(
            SourceConfig(model=BasketShareConfig(popularity=0.02)),
            SourceConfig(model=ItemNeighboursConfig(neighbours=6, minimum_persons=2)),
        ),
        popular=5,
        learning=LearningConfig(cutoffs=2, every_days=14, horizon_days=8),
        booster=BoosterConfig(n_trees=20, n_leaves=4, min_child_rows=2, n_jobs=1),
    ),
}
"""One setting per model, fit for the small shop of purchases."""

IMPERSONAL = {"recent_popular"}

every_model = pytest.mark.parametrize("config", CASES.values(), ids=lambda config: config.kind)


def _subclasses(parent):
    for child in parent.__subclasses__():
        if not inspect.isabstract(child):
            yield child
        yield from _subclasses(child)


def test_every_recommender_is_registered_and_covered_here():
    found = set(_subclasses(Recommender))
    assert found == set(RECOMMENDERS.values()) == set(CASES)
    assert all(
        config.kind == kind for kind, config in zip(RECOMMENDERS, CASES.values(), strict=True)
    )


def shelf():
    """What the catalog says: the taste is the category."""
    ids = np.array([f"{taste}{item:02d}" for taste in "ba" for item in range(11)], dtype=object)
    titles = np.array([f"{item[0]} thing {item[1:]}" for item in ids], dtype=object)
    categories = np.array([f"shop > {item[0]}" for item in ids], dtype=object)
    return ItemAttributes(ids, {"category": categories, "title": titles})


@pytest.fixture
def fitted(histories, cutoff):
    return lambda config: build(config).fit(histories.everyone(cutoff), attributes=shelf())


@every_model
def test_lists_are_distinct_full_and_ordered(config, fitted, histories, cutoff):
    model = fitted(config)
    ranked = model.recommend(histories.everyone(cutoff), k=9)
    assert ranked.items.shape == ranked.scores.shape == (14, 9)
    assert ranked.items.dtype == np.int32
    assert ranked.scores.dtype == np.float32
    for items, scores in zip(ranked.items, ranked.scores, strict=True):
        assert len(set(items.tolist())) == 9
        assert items.min() >= 0
        pairs = list(zip((-scores).tolist(), items.tolist(), strict=True))
        assert pairs == sorted(pairs)


@every_model
def test_a_batch_equals_one_by_one_in_any_order(config, fitted, histories, cutoff):
    model = fitted(config)
    everyone = histories.everyone(cutoff)
    together = model.recommend(everyone, k=5)
    backwards = model.recommend(everyone.take(np.arange(14)[::-1]), k=5)
    np.testing.assert_array_equal(backwards.items, together.items[::-1])
    for row in range(14):
        alone = model.recommend(everyone.take([row]), k=5)
        np.testing.assert_array_equal(alone.items[0], together.items[row])
        np.testing.assert_allclose(alone.scores[0], together.scores[row], rtol=1e-5)


@every_model
def test_a_longer_list_begins_with_the_shorter(config, fitted, histories, cutoff):
    model = fitted(config)
    short, long = (model.recommend(histories.everyone(cutoff), k=k) for k in (2, 9))
    np.testing.assert_array_equal(long.items[:, :2], short.items)
    np.testing.assert_allclose(long.scores[:, :2], short.scores, rtol=1e-5)


@every_model
def test_small_blocks_give_the_same_lists(config, fitted, histories, cutoff, monkeypatch):
    model = fitted(config)
    whole = model.recommend(histories.everyone(cutoff), k=5)
    monkeypatch.setattr("training.recommenders.base._CELLS_AT_ONCE", 3 * model.n_items)
    np.testing.assert_array_equal(
        model.recommend(histories.everyone(cutoff), k=5).items, whole.items
    )


@every_model
def test_unknown_persons_and_empty_histories_get_the_popular_items(
    config, fitted, histories, cutoff
):
    model = fitted(config)
    long_ago = histories.time.min()
    rows = histories.as_of([-1, 0], [histories.time.max() + 1, long_ago])
    ranked = model.recommend(rows, k=3)
    # b00 was bought by all 14 in the last 28 days
    assert ranked.ids()[:, 0].tolist() == ["b00", "b00"]
    np.testing.assert_array_equal(ranked.items[0], ranked.items[1])
    np.testing.assert_array_equal(ranked.scores, [[-1, -2, -3], [-1, -2, -3]])


@every_model
def test_no_rows_give_no_lists(config, fitted, histories, cutoff):
    ranked = fitted(config).recommend(histories.as_of([], 0), k=4)
    assert ranked.items.shape == (0, 4)


@every_model
def test_a_person_unknown_at_training_is_served_from_history(
    config, histories, purchases, make_histories, cutoff
):
    without = make_histories([row for row in purchases if row[0] != "p03"])
    model = build(config).fit(without.everyone(cutoff), attributes=shelf())
    ranked = model.recommend(histories.everyone(cutoff).take([3]), k=5)
    assert (ranked.items >= 0).all()
    assert (ranked.scores > 0).any() == (config.kind not in IMPERSONAL)


@every_model
def test_fitting_twice_gives_the_same(config, fitted, histories, cutoff):
    first, second = (fitted(config).recommend(histories.everyone(cutoff), k=6) for _ in range(2))
    np.testing.assert_array_equal(first.items, second.items)
    np.testing.assert_array_equal(first.scores, second.scores)


@every_model
def test_persons_without_events_change_nothing(config, fitted, histories, cutoff):
    everyone = histories.everyone(cutoff)
    padded = histories.as_of([-1, *range(14)], everyone.time[0])
    first = fitted(config).recommend(everyone, k=6)
    second = build(config).fit(padded, attributes=shelf()).recommend(everyone, k=6)
    np.testing.assert_array_equal(first.items, second.items)


@every_model
def test_saving_and_loading_gives_the_same_lists_and_scores(
    config, fitted, histories, cutoff, tmp_path
):
    model = fitted(config)
    key = model.save(tmp_path / "bundle")
    again = load(tmp_path / "bundle")
    assert type(again) is type(model)
    assert again.config == config
    expected = model.recommend(histories.everyone(cutoff), k=7)
    found = again.recommend(histories.everyone(cutoff), k=7)
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert again.save(tmp_path / "copy") == key
    assert not list(tmp_path.rglob("*.pkl"))


@every_model
def test_only_allowed_items_are_recommended(config, fitted, histories, cutoff):
    model = fitted(config)
    allowed = np.arange(model.n_items) % 3 == 1
    ranked = model.recommend(histories.everyone(cutoff), k=10, allowed=allowed)
    given = ranked.items[ranked.items >= 0]
    assert allowed[given].all()
    # 22 items, 7 of them allowed: 7 places filled, 3 empty at the end
    assert model.n_items == 22
    np.testing.assert_array_equal((ranked.items >= 0).sum(axis=1), 7)
    np.testing.assert_array_equal(ranked.items[:, 7:], -1)
    assert np.isnan(ranked.scores[:, 7:]).all()
    assert (ranked.ids()[:, 7:] == None).all()  # noqa: E711 - elementwise


@every_model
def test_a_rows_own_items_can_be_kept_from_it_alone(config, fitted, histories, cutoff):
    model = fitted(config)
    everyone = histories.everyone(cutoff)
    seen = model.seen(everyone)
    plain = model.recommend(everyone, k=22)
    ranked = model.recommend(everyone, k=22, barred=seen)
    for row in range(14):
        own = set(seen[row].indices.tolist())
        assert len(own) >= 6
        # the same list without the own items, then nothing
        expected = [item for item in plain.items[row].tolist() if item not in own]
        assert ranked.items[row].tolist() == expected + [-1] * len(own)


@every_model
def test_future_rows_change_nothing(config, fitted, purchases, make_histories, histories, cutoff):
    later = [("p00", "a-new-item", 0.0), ("p07", "b03", -2.0), ("p99", "zz", -5.0)] * 30
    longer = make_histories([*purchases, *later])
    now = fitted(config)
    then = build(config).fit(longer.everyone(cutoff), attributes=shelf())
    assert now.item_ids.tolist() == then.item_ids.tolist()
    first = now.recommend(histories.everyone(cutoff), k=6)
    second = then.recommend(longer.everyone(cutoff), k=6)
    np.testing.assert_array_equal(first.items, second.items[:14])
    np.testing.assert_array_equal(first.scores, second.scores[:14])


@every_model
def test_items_travel_between_codings_by_id(
    config, fitted, purchases, make_histories, histories, cutoff
):
    """Other histories: an item the model never saw sorts first, and most of its items are missing."""
    model = fitted(config)
    own = [row for row in purchases if row[0] == "p01"]
    other = make_histories([*own, ("p01", "0-unknown", 2.0)])
    expected = model.recommend(histories.everyone(cutoff).take([1]), k=8)
    found = model.recommend(other.everyone(cutoff), k=8)
    assert found.ids().tolist() == expected.ids().tolist()
    codes = found.codes_in(other)
    held = set(other.item_ids.tolist())
    for item, code in zip(found.ids()[0], codes[0], strict=True):
        assert (code == -1) == (item not in held)
        assert code == -1 or other.item_ids[code] == item
    assert "0-unknown" not in found.ids()[0]


@every_model
def test_config_round_trip(config):
    content = json.loads(config.model_dump_json())
    assert validate(type(config), content, subject="x") == config
    candidates = [content, {"kind": "buy_again", "half_life_days": 1.5}]
    candidates = candidates[: 1 + (config.kind != "buy_again")]
    training = validate(
        RecommenderTrainingConfig, {"trials": 1, "candidates": candidates}, subject="x"
    )
    assert training.candidates[0] == config


@every_model
def test_bad_arguments_are_refused(config, fitted, histories, cutoff):
    model = fitted(config)
    everyone = histories.everyone(cutoff)
    with pytest.raises(ValueError, match="k is 0; 1 or more needed"):
        model.recommend(everyone, k=0)
    with pytest.raises(ValueError, match=r"allowed is bool \(3,\); bool \(22,\) needed"):
        model.recommend(everyone, k=2, allowed=np.ones(3, bool))
    with pytest.raises(ValueError, match=r"allowed is int64 \(22,\)"):
        model.recommend(everyone, k=2, allowed=np.ones(22, np.int64))
    with pytest.raises(ValueError, match=r"barred has shape \(2, 22\); \(14, 22\) needed"):
        model.recommend(everyone, k=2, barred=model.seen(everyone)[:2])
    with pytest.raises(RuntimeError, match="is not fitted; call fit or load first"):
        build(config).recommend(everyone, k=2)


@every_model
def test_a_history_without_weighted_events_is_refused(config, histories):
    with pytest.raises(InputError, match=r"have no event of \['purchase'\].*Check as_of"):
        build(config).fit(histories.as_of(np.arange(14), histories.time.min()), attributes=shelf())


@every_model
def test_another_kind_of_bundle_is_refused(config, fitted, tmp_path):
    fitted(config).save(tmp_path / "bundle")
    other = BuyAgain if config.kind != "buy_again" else RecentPopular
    with pytest.raises(InputError, match=f"holds a model of kind '{config.kind}'"):
        other.load(tmp_path / "bundle")


FLOORS = {
    "last_viewed": 0.6,
    "open_cart": 0.8,
    "category_best_sellers": 0.9,
    "buy_again": 1.0,
    "reminders": 1.0,
    "basket_share": 1.0,
    "next_basket": 0.9,
    "item_neighbours": 0.9,
    "session_neighbours": 0.9,
    "sequential_rules": 0.9,
    "complements": 0.9,
    "substitutes": 0.9,
    "content": 1.0,
    "als": 0.7,
    "bpr": 0.8,
    "ease": 0.9,
    "blend": 0.9,
    "two_stage": 0.7,
}
"""Share of a list that fits the person's taste, which half of the items does by chance."""


def test_every_personal_model_has_a_floor():
    assert set(FLOORS) == set(RECOMMENDERS) - IMPERSONAL


@pytest.mark.parametrize("kind", FLOORS)
def test_personal_models_find_the_taste(kind, fitted, histories, cutoff):
    """Persons 0-8 only bought a-items (and b00), the others b-items."""
    model = fitted(CASES[RECOMMENDERS[kind]])
    ranked = model.recommend(histories.everyone(cutoff), k=5)
    same = [
        [(item[0] == "a") == (row < 9) for item in items if item != "b00"]
        for row, items in enumerate(ranked.ids())
    ]
    assert np.mean(np.concatenate(same)) >= FLOORS[kind]
