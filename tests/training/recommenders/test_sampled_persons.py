"""Models that learn from some persons only serve the others as well."""

from __future__ import annotations

import numpy as np
import pytest

from training.recommenders.als import AlsConfig
from training.recommenders.blend import BlendConfig, MemberConfig
from training.recommenders.bpr import BprConfig
from training.recommenders.buy_again import BuyAgainConfig
from training.recommenders.co_purchase import ComplementsConfig
from training.recommenders.ease import EaseConfig
from training.recommenders.item_neighbours import ItemNeighboursConfig
from training.recommenders.next_basket import NextBasketConfig
from training.recommenders.observed import Observed
from training.recommenders.registry import build
from training.recommenders.sequential_rules import SequentialRulesConfig
from training.recommenders.session_neighbours import SessionNeighboursConfig

PERSONS, SAMPLE, TASTES = 400, 120, 4

CONFIGS = [
    AlsConfig(factors=4, seed=1),
    BprConfig(factors=8, seed=1, learning_rate=0.1),
    EaseConfig(regularization=20.0),
    ItemNeighboursConfig(minimum_persons=3),
    NextBasketConfig(neighbours=20),
    SessionNeighboursConfig(gap_days=60),
    SequentialRulesConfig(gap_days=60, steps=10, fade=1.0),
    ComplementsConfig(gap_days=60, minimum_baskets=2, minimum_lift=1),
    BlendConfig(members=(MemberConfig(share=1.0, model=ItemNeighboursConfig(minimum_persons=3)),)),
]

every_model = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)


@pytest.fixture(scope="module")
def rows():
    """Each person has 8 items, 7 of 12 of the own taste."""
    rng = np.random.default_rng(9)
    found = []
    for person in range(PERSONS):
        taste = person % TASTES
        own = [f"{taste}{item:02d}" for item in rng.permutation(12)[:7]]
        other = f"{(taste + 1) % TASTES}{rng.integers(12):02d}"
        found += [
            (f"person{person:03d}", item, 1.0 + day) for day, item in enumerate([*own, other])
        ]
    return found


@pytest.fixture
def everyone(rows, make_histories, cutoff):
    return make_histories(rows).everyone(cutoff)


def _drawn(everyone, config):
    """Whether each row is learned from."""
    items = everyone.histories.n_items
    observed = Observed(everyone, config, np.arange(items, dtype=np.int32), n_items=items)
    persons = observed.drawn(SAMPLE).history.person
    return np.isin(everyone.person, persons)


def _fitting(ranked):
    """Share of each list, without the own items, that fits the person's taste."""
    tastes = np.arange(PERSONS) % TASTES
    return (ranked.ids().astype("U1").astype(int) == tastes[:, None]).mean(axis=1)


@every_model
def test_persons_outside_the_sample_get_lists_as_good(config, everyone):
    inside = _drawn(everyone, config)
    assert inside.sum() == SAMPLE
    model = build(config.model_copy(update={"max_persons": SAMPLE})).fit(everyone)
    share = _fitting(model.recommend(everyone, k=4, barred=model.seen(everyone)))
    # by chance a list has 5 of the 40 items a person does not have
    assert share[~inside].mean() > 0.8
    assert share[~inside].mean() == pytest.approx(share[inside].mean(), abs=0.06)


@every_model
def test_only_the_drawn_persons_are_learned_from(config, everyone):
    inside = np.flatnonzero(_drawn(everyone, config))
    model = build(config.model_copy(update={"max_persons": SAMPLE})).fit(everyone)
    alone = build(config).fit(everyone.take(inside))
    assert model.item_ids.tolist() == alone.item_ids.tolist()
    for name, array in alone._state().items():
        np.testing.assert_array_equal(array, model._state()[name])
    assert len(model._popular) == 48


def test_items_and_popularity_are_those_of_all_persons(rows, make_histories, cutoff):
    """One item that 100 persons buy who are not drawn."""
    config = ItemNeighboursConfig(max_persons=SAMPLE, minimum_persons=3)
    everyone = make_histories(rows).everyone(cutoff)
    outside = everyone.histories.person_ids[~_drawn(everyone, config)][:200]
    longer = [*rows, *((person, "9new", 2.0) for person in outside)]
    model = build(config).fit(make_histories(longer).everyone(cutoff))
    assert model.popular_ids[0] == "9new"


def test_the_draw_depends_on_ids_alone(everyone):
    """Fewer persons at hand: who was drawn and is there still is drawn."""
    config = ItemNeighboursConfig()
    inside = _drawn(everyone, config)
    backwards = _drawn(everyone.take(np.arange(PERSONS)[::-1]), config)
    np.testing.assert_array_equal(backwards, inside[::-1])
    half = everyone.take(np.arange(0, PERSONS, 2))
    assert _drawn(half, config)[inside[::2]].all()


def test_members_of_a_blend_draw_for_themselves(everyone):
    members = (
        MemberConfig(share=1.0, model=NextBasketConfig(max_persons=30)),
        MemberConfig(share=1.0, model=BuyAgainConfig()),
        MemberConfig(share=1.0, model=NextBasketConfig(max_persons=50)),
    )
    state = build(BlendConfig(members=members)).fit(everyone)._state()
    assert [len(state[f"{number}.indptr"]) - 1 for number in (0, 2)] == [30, 50]


def test_the_habits_of_a_bundle_name_nobody(everyone, tmp_path):
    build(NextBasketConfig(max_persons=SAMPLE)).fit(everyone).save(tmp_path / "bundle")
    files = [path for path in (tmp_path / "bundle").rglob("*") if path.is_file()]
    assert any(b'"300"' in path.read_bytes() for path in files)
    assert not any(b"person" in path.read_bytes().replace(b"max_persons", b"") for path in files)
