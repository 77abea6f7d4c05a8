"""Groups alike by hand, lots that stay the same, and every assignment once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import InputError
from training.experiments.regions.groups import (
    NO_GROUP,
    alike,
    count_assignments,
    draw_lot,
    possible_assignments,
    require_testable,
)

WEEK = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 5.0])
FLAT = np.full(7, 13 / 7)


def test_the_largest_region_is_with_the_one_most_like_it():
    """By size 10, 9, 8 and 7; by shape weekend, flat, weekend, flat; the smallest is left over."""
    history = np.array([10 * WEEK, 9 * FLAT, 8 * WEEK, 7 * FLAT, WEEK])
    assert alike(history, size=2).tolist() == [0, 1, 0, 1, NO_GROUP]


def test_size_counts_as_much_as_shape():
    """Shapes differ by less than the logarithms of the sizes: log 2 = 0.69 against 0.1."""
    wave = np.array([1.1, 0.9])
    history = np.array([10 * wave, 5 * wave, 10 * wave[::-1], 5 * wave[::-1]])
    assert alike(history, size=2).tolist() == [0, 1, 0, 1]


@settings(max_examples=20)
@given(st.integers(0, 99), st.integers(2, 4))
def test_a_lot_depends_on_names_and_salt_alone(seed, size):
    rng = np.random.default_rng(seed)
    names = [f"region {place}" for place in range(3 * size)]
    group = np.repeat(np.arange(3), size)
    lot = draw_lot(names, group, treated=1, salt="one")
    assert [int(lot[group == number].sum()) for number in range(3)] == [1, 1, 1]
    order = rng.permutation(len(names))
    again = draw_lot([names[place] for place in order], group[order], treated=1, salt="one")
    assert again.tolist() == lot[order].tolist()


def test_another_salt_is_another_lot_and_those_left_out_stay_out():
    names = [f"region {place}" for place in range(21)]
    group = np.append(np.repeat(np.arange(10), 2), NO_GROUP)
    lots = [draw_lot(names, group, treated=1, salt=salt) for salt in ("one", "two")]
    assert lots[0].tolist() != lots[1].tolist()
    assert not lots[0][-1]


def test_every_assignment_once_the_real_one_first():
    group = np.array([0, 0, 1, 1, 1])
    treated = np.array([False, True, True, False, True])
    every = possible_assignments(treated, group, most=100, rng=np.random.default_rng(0))
    assert len(every) == count_assignments(treated, group) == math.comb(2, 1) * math.comb(3, 2)
    assert every[0].tolist() == treated.tolist()
    assert len({tuple(row) for row in every.tolist()}) == 6
    assert (every[:, group == 1].sum(axis=1) == 2).all()


def test_of_too_many_assignments_some_are_drawn_each_as_likely():
    group = np.repeat(np.arange(8), 2)
    treated = np.tile([True, False], 8)
    drawn = possible_assignments(treated, group, most=200, rng=np.random.default_rng(0))
    assert drawn.shape == (200, 16)
    assert drawn[0].tolist() == treated.tolist()
    assert (drawn.reshape(200, 8, 2).sum(axis=2) == 1).all()
    # 199 fair draws per pair: mean 0.5, standard error 0.035
    assert drawn[1:].mean(axis=0) == pytest.approx(0.5, abs=4 * 0.035)


def test_five_pairs_cannot_answer_and_six_can():
    """2^5 = 32 ways and 2 / 32 = 0.0625 > 0.05; 2 / 2^6 = 0.03."""

    def test(pairs):
        group = np.repeat(np.arange(pairs), 2)
        return require_testable(np.tile([True, False], pairs), group, alpha=0.05, source="stores")

    assert test(6) == 64
    with pytest.raises(InputError) as error:
        test(5)
    assert str(error.value) == (
        "stores: 10 regions in 5 groups can be assigned in 32 ways; the smallest p-value is 2 / 32 = 0.062; a test at 0.05 needs at "
        "least 40 ways: 6 matched pairs, or 3 of 8 regions by one lot, for 0.05. Take more or smaller regions."
    )


def test_a_thousand_regions_are_enough():
    group = np.repeat(np.arange(501), 2)
    with pytest.raises(
        InputError,
        match=r"stores: 1,002 regions; a test is of at most 1,000 regions. Take larger regions",
    ):
        require_testable(np.tile([True, False], 501), group, alpha=0.05, source="stores")
