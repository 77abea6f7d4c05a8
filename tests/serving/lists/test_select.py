"""Filling lists: level by level, under caps that give way in order, never an item too many and never a place too few."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from features.tables import LIST_LEVELS
from serving.lists.chain import EXACT, PINNED, build_chain
from serving.lists.config import FallbackConfig
from serving.lists.merchandising import no_wishes
from serving.lists.select import Candidates, Wishes, select


def candidates(shelf, items, *, lost=(), origins=(), barred=()):
    """One row of candidates by name."""
    codes = shelf.codes(np.array(items, dtype=object))[None]
    from_ = shelf.codes(np.array(origins, dtype=object))[None]
    barred_codes = np.sort(shelf.codes(np.array(barred, dtype=object)))
    return Candidates(
        items=codes,
        level=np.full(codes.shape, EXACT, np.int8),
        lost=np.isin(items, lost).reshape(codes.shape),
        origins=from_,
        place=np.zeros(1, np.int64),
        barred_indptr=np.array([0, len(barred_codes)]),
        barred=barred_codes,
    )


def listed(shelf, rows, *, width=3, wishes=None, **fallback):
    chain = build_chain(shelf, shelf.in_stock[None], FallbackConfig(**fallback))
    found = select(rows, chain, wishes or no_wishes(shelf), width=width)
    names = [shelf.item_ids[code] if code >= 0 else None for code in found.items[0]]
    return list(zip(names, [LIST_LEVELS[level] for level in found.level[0]], strict=True)), found


def capped(shelf, *caps):
    """Caps by category first, then by department, as (attribute, most)."""
    codes = np.array([shelf.codes_by_value(name) for name, _ in caps])
    return no_wishes(shelf)._replace(cap_codes=codes, cap_most=np.array([most for _, most in caps]))


def test_the_models_items_come_in_their_order(shelf):
    found, _ = listed(shelf, candidates(shelf, ["pro", "cap", "boot", "sock"]))
    assert found == [("pro", "exact"), ("cap", "exact"), ("boot", "exact")]


def test_an_unavailable_item_is_replaced_in_place_by_one_of_its_group(shelf):
    rows = candidates(shelf, ["cap", "run-41", "boot"], lost=["run-41"])
    found, selection = listed(shelf, rows)
    assert found == [("cap", "exact"), ("run-42", "group"), ("boot", "exact")]
    assert shelf.item_ids[selection.origin[0, 1]] == "run-41"


def test_the_chain_goes_level_by_level(shelf):
    """run-41 is gone: its group, then running shoes at 48 to 75, then any, then shoes, then all; none twice."""
    found, _ = listed(shelf, candidates(shelf, [], origins=["run-41"]), width=9)
    assert found == [
        ("run-42", "group"),
        ("fast", "category_price"),
        ("pro", "category"),
        ("boot", "parent_category"),
        ("clog", "parent_category"),
        ("sock", "best_seller"),
        ("cap", "best_seller"),
        ("card", "best_seller"),
        (None, "static"),
    ]


def test_a_close_alternative_may_take_the_place_of_a_lost_item(shelf):
    rows = candidates(shelf, ["run-41", "cap"], lost=["run-41"], barred=["run-42"])
    assert listed(shelf, rows, width=2)[0] == [("cap", "exact"), ("boot", "best_seller")]
    found, _ = listed(shelf, rows, width=2, in_place="category_price")
    assert found == [("fast", "category_price"), ("cap", "exact")]


@pytest.mark.parametrize(("band", "close"), [(0.16, "best_seller"), (0.17, "category_price")])
def test_the_price_band_is_a_ratio_both_ways(make_shelf, band, close):
    """70 / 60 = 1.167: outside a band of 16 %, inside one of 17 %."""
    rows = (
        ("a", "d", "c", None, 60.0, False),
        ("b", "e", "x", None, 1.0, True),
        ("z", "d", "c", None, 70.0, True),
    )
    shelf = make_shelf(rows)
    found, _ = listed(shelf, candidates(shelf, [], origins=["a"]), width=1, price_band=band)
    assert found[0][1] == ("category_price" if close == "category_price" else "category")


def test_origins_take_turns(shelf):
    found, _ = listed(
        shelf, candidates(shelf, [], origins=["fast", "sock"], barred=["fast", "sock"]), width=4
    )
    assert [level for _, level in found] == [
        "category_price",
        "category",
        "parent_category",
        "parent_category",
    ]
    assert [name for name, _ in found] == ["run-42", "pro", "boot", "cap"]


def test_what_is_barred_never_comes_back(shelf):
    found, _ = listed(
        shelf, candidates(shelf, ["pro"], origins=["fast"], barred=["pro", "boot"]), width=9
    )
    assert {"pro", "boot"}.isdisjoint(name for name, _ in found)


def test_pins_come_first_where_they_may_be_shown(shelf):
    wishes = no_wishes(shelf)._replace(
        pins=shelf.codes(np.array(["cap", "run-41", "sock"], dtype=object))
    )
    found, _ = listed(shelf, candidates(shelf, ["pro", "cap"]), wishes=wishes)
    assert found == [("cap", "pinned"), ("sock", "pinned"), ("pro", "exact")]


def test_buried_items_come_only_where_nothing_else_is_left(make_shelf):
    rows = (
        ("a", "d", "c", None, 1.0, True),
        ("b", "d", "c", None, 1.0, True),
        ("z", "d", "c", None, 1.0, True),
    )
    shelf = make_shelf(rows)
    wishes = no_wishes(shelf)._replace(buried=np.array([True, False, False]))
    assert [n for n, _ in listed(shelf, candidates(shelf, ["a"]), width=2, wishes=wishes)[0]] == [
        "b",
        "z",
    ]
    found, selection = listed(shelf, candidates(shelf, ["a"]), width=3, wishes=wishes)
    assert found == [("a", "exact"), ("b", "best_seller"), ("z", "best_seller")]
    assert selection.relaxed.tolist() == [0]  # no cap had to


def test_a_cap_makes_room_for_others(shelf):
    rows = candidates(shelf, ["fast", "pro", "boot", "cap"])
    found, selection = listed(shelf, rows, wishes=capped(shelf, ("product_type", 1)))
    assert found == [("fast", "exact"), ("cap", "exact"), ("card", "best_seller")]
    assert selection.relaxed.tolist() == [0]


def test_caps_give_way_from_the_last(make_shelf):
    """Three shoes, two of one category: one per category cannot fill three places, one per department not two."""
    rows = (
        ("a", "shoes", "boots", None, 1.0, True),
        ("b", "shoes", "boots", None, 1.0, True),
        ("z", "shoes", "clogs", None, 1.0, True),
    )
    shelf = make_shelf(rows)
    rows = candidates(shelf, ["a", "b", "z"])
    caps = capped(shelf, ("category", 1), ("product_type", 1))
    found, selection = listed(shelf, rows, width=2, wishes=caps)
    assert [name for name, _ in found] == ["a", "z"]  # the department gave way, the category held
    assert selection.relaxed.tolist() == [1]
    found, selection = listed(shelf, rows, width=3, wishes=caps)
    assert [name for name, _ in found] == [
        "a",
        "b",
        "z",
    ]  # in the model's order, whatever round let them in
    assert selection.relaxed.tolist() == [2]


def test_each_place_has_its_own_items(shelf):
    allowed = np.stack([shelf.in_stock, shelf.item_ids == "cap"])
    chain = build_chain(shelf, allowed, FallbackConfig())
    one = candidates(shelf, ["pro"])
    for place, names in ((0, ["pro", "boot"]), (1, ["cap", None])):
        found = select(one._replace(place=np.array([place])), chain, no_wishes(shelf), width=2)
        assert [shelf.item_ids[i] if i >= 0 else None for i in found.items[0]] == names


flags = arrays(np.bool_, 9)


@given(
    allowed=flags,
    buried=flags,
    lost=flags,
    order=st.permutations(range(9)),
    count=st.integers(0, 9),
    origins=st.lists(st.integers(-1, 8), min_size=2, max_size=2),
    barred=st.sets(st.integers(0, 8)),
    pins=st.lists(st.integers(0, 8), unique=True, max_size=3),
    most=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    width=st.integers(1, 7),
    in_place=st.sampled_from(["group", "category_price"]),
)
def test_no_list_breaks_a_rule(
    shelf, allowed, buried, lost, order, count, origins, barred, pins, most, width, in_place
):
    items = np.where(np.arange(9) < count, order, -1)[None].astype(np.int32)
    rows = Candidates(
        items,
        np.full(items.shape, EXACT, np.int8),
        lost[None],
        np.array([origins], np.int32),
        np.zeros(1, np.int64),
        np.array([0, len(barred)]),
        np.array(sorted(barred), np.int32),
    )
    codes = np.array([shelf.codes_by_value(name) for name in ("category", "product_type")])
    wishes = Wishes(np.array(pins, np.int32), buried, codes, np.array(most))
    chain = build_chain(shelf, allowed[None], FallbackConfig(in_place=in_place))
    found = select(rows, chain, wishes, width=width)
    held = found.items[0][found.items[0] >= 0]
    eligible = set(np.flatnonzero(allowed)) - barred
    assert (found.items[0, : len(held)] >= 0).all()  # no gaps
    assert len(set(held)) == len(held)  # none twice
    assert set(held) <= eligible  # nothing ineligible
    assert len(held) == min(width, len(eligible))  # never short while something is left
    pinned = [pin for pin in pins if pin in eligible][:width]
    assert held[: len(pinned)].tolist() == pinned  # pins first, in order
    assert (found.level[0, : len(pinned)] == PINNED).all()
    free = held[len(pinned) :]
    for cap in range(2 - found.relaxed[0]):
        for value in set(codes[cap][free]) - {-1}:
            of_pins = (codes[cap][pinned] == value).sum()
            assert (codes[cap][free] == value).sum() <= max(most[cap] - of_pins, 0)
    columns = found.column[0][found.column[0] >= 0]
    assert (np.diff(columns) > 0).all()  # the model's order
    if buried[free].any():
        for missing in eligible - set(np.flatnonzero(buried)) - set(held):
            same = [(codes[cap][held] == codes[cap][missing]).sum() for cap in (0, 1)]
            assert any(codes[cap][missing] >= 0 and same[cap] >= most[cap] for cap in (0, 1))


@given(
    values=st.lists(st.integers(0, 2), min_size=6, max_size=6),
    scores=st.lists(st.integers(1, 20), min_size=6, max_size=6),
    most=st.integers(1, 3),
    width=st.integers(1, 5),
)
def test_under_one_cap_no_list_scores_more(make_shelf, values, scores, most, width):
    """Every list of the same length that keeps the cap is tried."""
    shelf = make_shelf(
        [(f"i{n}", "d", f"c{value}", None, 1.0, True) for n, value in enumerate(values)]
    )
    order = sorted(range(6), key=lambda n: -scores[n])
    found, selection = listed(
        shelf,
        candidates(shelf, [f"i{n}" for n in order]),
        width=width,
        wishes=capped(shelf, ("category", most)),
    )
    kept = [
        sum(scores[n] for n in chosen)
        for chosen in combinations(range(6), width)
        if max(Counter(values[n] for n in chosen).values()) <= most
    ]
    assert (selection.relaxed[0] > 0) == (not kept)
    if kept:
        assert sum(scores[int(name[1:])] for name, _ in found) == max(kept)
