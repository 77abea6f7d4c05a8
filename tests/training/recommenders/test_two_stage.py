"""Two stages: it learns what no single model can say, from moments whose future it may know, and tells how sure it is."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from features.errors import GateError, InputError
from training.ranker.config import BoosterConfig, LearningConfig
from training.recommenders.basket_share import BasketShareConfig
from training.recommenders.buy_again import BuyAgainConfig
from training.recommenders.first_stage import SourceConfig
from training.recommenders.recent_popular import RecentPopularConfig
from training.recommenders.registry import build, load
from training.recommenders.two_stage import TwoStage, TwoStageConfig

SOURCES = (
    SourceConfig(model=BuyAgainConfig()),
    SourceConfig(model=BasketShareConfig(popularity=0.1)),
)
CONFIG = TwoStageConfig(
    sources=SOURCES,
    popular=5,
    learning=LearningConfig(cutoffs=4, every_days=5, horizon_days=7, max_calibration_error=0.2),
    booster=BoosterConfig(n_trees=60, n_leaves=6, min_child_rows=20, l2=1, n_jobs=1),
)


def rhythm():
    """90 persons each buy one item every 14 days and another every 22: what is due comes next, not what came often or last."""
    for person in range(90):
        name = f"p{person:03d}"
        for days in np.arange(1 + person % 14, 170, 14):
            yield name, f"fortnight{person % 7}", float(days) - 0.5
        for days in np.arange(1 + person % 22, 170, 22):
            yield name, f"seldom{person % 5}", float(days) - 0.5


@pytest.fixture
def shop(make_histories):
    """Histories to the cut-off; the fortnightly item returns 14 days after its last purchase, the other 22 days after."""
    return make_histories(list(rhythm()))


def _first_is_due(model, histories, cutoff):
    """Share of persons whose first item is one that is bought in the next 7 days, where just one of the two is."""
    found = model.recommend(histories.everyone(cutoff), k=1).ids()[:, 0]
    hits = []
    for person, item in enumerate(found):
        # last bought (1 + person % n - 0.5) days ago, so due in n less that
        often, seldom = 14 - (0.5 + person % 14), 22 - (0.5 + person % 22)
        if (often < 7) != (seldom < 7):
            hits.append(item.startswith("fortnight") == (often < 7))
    assert len(hits) > 20
    return np.mean(hits)


def test_it_learns_when_items_are_due_which_no_single_source_can(shop, cutoff):
    two_stage = build(CONFIG).fit(shop.everyone(cutoff))
    assert _first_is_due(two_stage, shop, cutoff) > 0.9
    for single in (BuyAgainConfig(), BasketShareConfig(popularity=0.1), RecentPopularConfig()):
        assert _first_is_due(build(single).fit(shop.everyone(cutoff)), shop, cutoff) < 0.75


def test_the_future_of_the_cutoff_changes_no_byte(shop, make_histories, cutoff, tmp_path):
    later = [(f"p{n:03d}", "fortnight1", -float(n % 9)) for n in range(90)]
    longer = make_histories([*rhythm(), *later, ("a-new-person", "a-new-item", -1.0)])
    one = build(CONFIG).fit(shop.everyone(cutoff)).save(tmp_path / "one")
    assert build(CONFIG).fit(longer.everyone(cutoff)).save(tmp_path / "two") == one


def test_candidates_are_out_of_time(shop, cutoff, monkeypatch):
    """The first stage the ranker learns from sees nothing at or after the oldest moment it proposes at."""
    seen = []
    whole = TwoStage._prepared

    def spy(self, observed):
        seen.append(np.unique(observed.history.time).tolist())
        return whole(self, observed)

    monkeypatch.setattr(TwoStage, "_prepared", spy)
    build(CONFIG).fit(shop.everyone(cutoff))
    now = int(shop.everyone(cutoff).time[0])
    day = timedelta(days=1) // timedelta(microseconds=1)
    # the last label window ends now: 7 days, and 3 steps of 5 days before
    assert seen == [[now - (7 + 3 * 5) * day], [now]]


def test_a_score_does_not_depend_on_how_long_the_list_is(shop, cutoff):
    """Not even where the list is longer than what the first stage proposes."""
    shallow = CONFIG.model_copy(
        update={"sources": tuple(s.model_copy(update={"depth": 2}) for s in SOURCES), "popular": 2}
    )
    model = build(shallow).fit(shop.everyone(cutoff))
    short, long = (model.recommend(shop.everyone(cutoff), k=k) for k in (2, 11))
    np.testing.assert_array_equal(long.items[:, :2], short.items)
    np.testing.assert_array_equal(long.scores[:, :2], short.scores)


def test_scores_are_probabilities_and_survive_loading(shop, cutoff, tmp_path):
    model = build(CONFIG).fit(shop.everyone(cutoff))
    ranked = model.recommend(shop.everyone(cutoff), k=2)
    own = ranked.scores[ranked.scores > 0]
    assert len(own) == ranked.scores.size
    assert own.max() < 1
    model.save(tmp_path / "bundle")
    files = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert {"booster.txt", "calibration.json", "category_ids.json"} <= files
    assert load(tmp_path / "bundle").figures() == model.figures()
    # the mean first probability is the share of first items that come true, within its own error
    error = model.figures()["reliability"]["error"]
    assert error["low"] <= error["estimate"] <= error["high"]


def test_a_calibration_error_beyond_the_tolerance_is_a_gate(shop, cutoff):
    strict = CONFIG.model_copy(
        update={"learning": CONFIG.learning.model_copy(update={"max_calibration_error": 1e-9})}
    )
    model = build(strict).fit(shop.everyone(cutoff))
    with pytest.raises(GateError, match="model 'two_stage': its expected calibration error is"):
        model.require_usable()
    build(CONFIG).fit(shop.everyone(cutoff)).require_usable()


def test_rows_of_different_times_are_refused(shop, cutoff):
    times = shop.everyone(cutoff).time.copy()
    times[0] -= 1
    with pytest.raises(InputError, match="its rows have 2 different times"):
        build(CONFIG).fit(shop.as_of(np.arange(shop.n_persons), times))


def test_too_short_a_past_is_refused(make_histories, cutoff):
    young = make_histories([("p", "a", 3.0), ("q", "b", 2.0)])
    with pytest.raises(InputError, match="before the oldest moment the ranker learns from"):
        build(CONFIG).fit(young.everyone(cutoff))


def test_a_past_without_a_hit_is_refused(make_histories, cutoff):
    rows = [(f"p{n}", f"i{n}", 100.0 + n) for n in range(20)]
    with pytest.raises(InputError, match=r"0 of .* candidates were taken up"):
        build(CONFIG).fit(make_histories(rows).everyone(cutoff))
