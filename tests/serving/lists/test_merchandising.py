"""What the shop favours: factors, burials, caps by attribute, and what they cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.errors import ConfigError
from serving.lists.config import (
    Boost,
    Cap,
    DiversityConfig,
    ListsConfig,
    Match,
    MerchandisingConfig,
)
from serving.lists.merchandising import (
    boosted_order,
    merchandise,
    relevance_cost,
    require_attributes,
)


def config(*, boosts=(), bury=(), pin=(), caps=(), per_group=1):
    return ListsConfig(
        merchandising=MerchandisingConfig(boosts=boosts, bury=bury, pin=pin),
        diversity=DiversityConfig(caps=caps, per_group=per_group),
    )


def by_name(shelf, values):
    return dict(zip(shelf.item_ids.tolist(), np.asarray(values).tolist(), strict=True))


def test_boosts_that_match_are_multiplied(shelf):
    boosts = (
        Boost(attribute="category", values=("running", "caps"), factor=3.0),
        Boost(attribute="price", at_least=60.0, at_most=70.0, factor=0.5),
        Boost(attribute="price", at_least=120.0, factor=2.0),
    )
    factor = by_name(shelf, merchandise(config(boosts=boosts), shelf).factor)
    assert factor == {
        "boot": 1, "cap": 3, "card": 1, "clog": 1, "fast": 3 * 0.5, "pro": 3 * 2, "run-41": 3 * 0.5, "run-42": 3 * 0.5, "sock": 1,
    }  # fmt: skip


def test_burials_pins_and_caps_become_codes(shelf):
    shop = merchandise(
        config(
            bury=(
                Match(attribute="category", values=("clogs",)),
                Match(attribute="price", at_most=5.0),
            ),
            pin=("cap", "gone", "boot"),
            caps=(Cap(attribute="product_type", most=2),),
        ),
        shelf,
    )
    buried = by_name(shelf, shop.wishes.buried)
    assert {name for name, is_buried in buried.items() if is_buried} == {"clog", "sock"}
    assert shelf.item_ids[shop.wishes.pins].tolist() == ["cap", "boot"]
    assert shop.unknown_pins == ("gone",)
    assert shop.caps == ("item_group_id", "product_type")
    assert shop.wishes.cap_most.tolist() == [1, 2]


def test_groups_are_capped_only_where_there_are_any(make_shelf, shelf):
    assert merchandise(config(per_group=None), shelf).caps == ()
    ungrouped = make_shelf((("a", "d", "c", None, 1.0, True),))
    assert merchandise(config(), ungrouped).caps == ()


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (config(boosts=(Boost(attribute="margin", values=("high",), factor=2.0),)), r"boosts\[0\]"),
        (config(bury=(Match(attribute="margin", values=("low",)),)), r"bury\[0\]"),
        (config(caps=(Cap(attribute="margin", most=1),)), r"caps\[0\]"),
    ],
)
def test_an_unknown_attribute_is_a_config_error(wrong, name):
    with pytest.raises(
        ConfigError,
        match=f"campaign.yaml: '{name}' uses the attribute 'margin', which no item has; items have: brand, price. "
        "Correct 'attribute'",
    ):
        require_attributes(wrong, ["price", "brand"], source="campaign.yaml")


def test_ranges_need_numbers(shelf):
    rule = Match(attribute="category", at_least=1.0)
    with pytest.raises(
        ConfigError,
        match=r"attribute 'category': is not a number everywhere .* Give 'values' instead",
    ):
        merchandise(config(bury=(rule,)), shelf)


@pytest.mark.parametrize("how", [{}, {"values": ("a",), "at_least": 1.0}])
def test_a_rule_is_about_values_or_about_a_range(how):
    with pytest.raises(ValueError, match="give either 'values', or 'at_least' and 'at_most'"):
        Match(attribute="price", **how)


def test_an_attribute_is_capped_once_and_groups_have_their_own_key():
    with pytest.raises(ValueError, match=r"'caps' names \['brand'\] more than once"):
        DiversityConfig(caps=(Cap(attribute="brand", most=1), Cap(attribute="brand", most=2)))
    with pytest.raises(ValueError, match="'item_group_id' has its own key, 'per_group'"):
        DiversityConfig(caps=(Cap(attribute="item_group_id", most=1),))


def test_the_cost_of_another_order_and_of_other_items():
    plain = np.array([[4.0, 2.0], [4.0, 2.0], [0.0, 0.0]])
    shown = np.array([[2.0, 4.0], [4.0, 0.0], [0.0, 0.0]])
    lost, share = relevance_cost(plain, shown)
    best = 4 / np.log2(2) + 2 / np.log2(3)
    assert lost.tolist() == [0, 2, 0]
    np.testing.assert_allclose(share, [1 - (2 + 4 / np.log2(3)) / best, 1 - 4 / best, 0])


scores = arrays(np.float64, (3, 5), elements=st.floats(0, 100))


@given(scores, st.integers(1, 5), st.randoms())
def test_no_choice_from_the_same_candidates_costs_less_than_nothing(score, width, random):
    ordered = -np.sort(-score, axis=1)
    other = np.array([random.sample(row.tolist(), width) for row in ordered])
    lost, share = relevance_cost(ordered[:, :width], other)
    assert (lost >= -1e-9).all()
    assert ((share >= -1e-9) & (share <= 1)).all()
    np.testing.assert_array_equal(relevance_cost(other, other), np.zeros((2, 3)))


def test_order_by_score_keeps_equals_and_puts_unknown_last():
    score = np.array([[1.0, np.nan, 3.0, 1.0, -2.0]])
    assert boosted_order(score).tolist() == [[2, 0, 3, 4, 1]]
