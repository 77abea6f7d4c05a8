"""Complements and substitutes, by hand, and kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from training.recommenders.attributes import ItemAttributes
from training.recommenders.baskets import basket_matrix, joint_baskets
from training.recommenders.co_purchase import (
    Complements,
    ComplementsConfig,
    Substitutes,
    SubstitutesConfig,
)


def tea_and_milk():
    """Six baskets: tea + milk in three, cola in two (persons who also buy tea), soap alone."""
    for n in range(3):
        yield from [(f"p{n}", "tea", 10), (f"p{n}", "milk", 10)]
    yield from [("p0", "cola", 5), ("p1", "cola", 5), ("p2", "soap", 5)]


@pytest.fixture
def everyone(make_histories, cutoff):
    return make_histories(list(tea_and_milk())).everyone(cutoff)


def test_joint_baskets_and_lift_by_hand(everyone):
    model = Complements(ComplementsConfig(minimum_baskets=1)).fit(everyone)
    events = model._observed(everyone).events
    together = joint_baskets(basket_matrix(events, gap_days=0, n_items=4), minimum_baskets=2)
    assert model.item_ids.tolist() == ["cola", "milk", "soap", "tea"]
    assert together.baskets == 6
    assert together.single.tolist() == [2, 3, 1, 3]
    expected = np.zeros((4, 4))
    expected[1, 3] = expected[3, 1] = 3
    np.testing.assert_array_equal(together.joint.toarray(), expected)
    # 3 joint baskets where 3 * 3 / 6 are expected
    assert together.lift()[1, 3] == pytest.approx(3 / (3 * 3 / 6))


def test_a_pause_ends_a_basket(make_histories, cutoff):
    """Events at days 10, 9.6, 9.2 and 8: with a gap of half a day the first three are one basket."""
    rows = [("me", item, day) for item, day in zip("abcd", (10, 9.6, 9.2, 8), strict=True)]
    histories = make_histories([*rows, ("you", "a", 9.2)])
    model = Complements(ComplementsConfig()).fit(histories.everyone(cutoff))
    session, row = model._observed(histories.everyone(cutoff)).events.sessions(gap_days=0.5)
    assert session.tolist() == [0, 0, 0, 1, 2]
    assert row.tolist() == [0, 0, 1]


def test_complements_are_bought_together_and_never_the_item_itself(everyone):
    model = Complements(ComplementsConfig(minimum_baskets=2)).fit(everyone)
    relation = model.related(["tea", "cola", "unheard-of"]).toarray()
    np.testing.assert_allclose(relation[0], [0, 3 / np.sqrt(3 * 3), 0, 0])
    np.testing.assert_array_equal(relation[1:], 0)


def test_substitutes_share_persons_but_no_baskets(everyone):
    model = Substitutes(SubstitutesConfig(minimum_baskets=2)).fit(everyone)
    decay = [0.5 ** (10 / 60), 0.5 ** (5 / 60)]
    # tea: p0, p1, p2; cola: p0, p1; equal decays cancel. milk goes with tea, so it stands in for nothing of it
    assert decay[0] < decay[1]
    relation = model.related(["tea"]).toarray()[0]
    np.testing.assert_allclose(relation, [2 / np.sqrt(3 * 2), 0, 1 / np.sqrt(3), 0], rtol=1e-6)


def test_substitutes_agree_in_category_where_it_is_known(everyone):
    shelf = ItemAttributes(
        np.array(["cola", "soap", "tea"], dtype=object),
        {"category": np.array(["drinks", "house", "drinks"], dtype=object)},
    )
    config = SubstitutesConfig(minimum_baskets=2)
    model = Substitutes(config).fit(everyone, attributes=shelf)
    assert model.related(["tea"]).toarray()[0].nonzero()[0].tolist() == [0]
    # nobody knows the category of milk
    assert model.related(["milk"]).toarray()[0].nonzero()[0].tolist() == [0, 2]


def test_no_pair_is_both(histories, cutoff):
    everyone = histories.everyone(cutoff)
    config = {"gap_days": 5.0, "minimum_baskets": 1, "neighbours": 22}
    complements = Complements(ComplementsConfig(minimum_lift=1, **config)).fit(everyone)
    substitutes = Substitutes(SubstitutesConfig(maximum_lift=0.999, **config)).fit(everyone)
    both = complements._relation.multiply(substitutes._relation)
    assert complements._relation.nnz > 0
    assert substitutes._relation.nnz > 0
    assert both.nnz == 0
