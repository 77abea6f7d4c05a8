"""Campaigns in small made-up stores: intervals beside the planted truth, harm where it was planted, the table in words."""

import numpy as np
import pytest

from benchmarks.experiment_replays import CART, Held, harm_found, held, replay, table

REPLAYS = 12


@pytest.fixture(scope="module")
def replays():
    return [replay(seed, persons=4_000) for seed in range(REPLAYS)]


@pytest.fixture(scope="module")
def found(replays):
    return [held(one) for one in replays]


@pytest.mark.parametrize(
    "name",
    [
        "assigned, conversion",
        "assigned, conversion, relative",
        "exposed, by the lot as instrument",
        "exposed, by ghosts",
        "segments, persuadable",
        "segments, indifferent",
        "cells, no cart",
        "would have happened anyway",
    ],
)
def test_intervals_hold_what_was_planted(found, name):
    """12 draws of 95 %: fewer than 9 come about once in 4,000 times."""
    assert sum(one[name].low <= one[name].truth <= one[name].high for one in found) >= 9


def test_estimates_are_right_on_average(found):
    ones = [one["assigned, conversion"] for one in found]
    off = np.array([(one.low + one.high) / 2 - one.truth for one in ones])
    se = np.array([(one.high - one.low) / (2 * 1.96) for one in ones])
    assert abs(off.mean()) < 3.5 * np.sqrt((se**2).mean() / REPLAYS)


def test_early_contacts_of_carts_harm_and_later_ones_win(found, replays):
    for place, name in enumerate(CART[:2]):
        inside = [one.cart == place for one in replays]
        changes = [
            one.conversion[part & one.treated].mean() - one.conversion[part & ~one.treated].mean()
            for one, part in zip(replays, inside, strict=True)
        ]
        planted = np.mean(
            [one.on_conversion[part].mean() for one, part in zip(replays, inside, strict=True)]
        )
        assert (planted < -0.1) if name == "early cart" else (planted > 0.05)
        assert np.mean(changes) == pytest.approx(
            planted, abs=4 * np.std(changes) / np.sqrt(REPLAYS)
        )
    assert all(one["segments, indifferent"].truth > -0.01 for one in found)


def test_the_table_says_how_many_intervals_held(found):
    lines = table(found)
    assert lines[2].startswith(f"| assigned, conversion | {REPLAYS} | ")
    assert any(
        line.startswith("| cells by impressions, shrunken, all together | ") for line in lines
    )


def test_harm_is_found_where_its_interval_lies_below_0_for_all_that_was_looked_at():
    def stages(high, p_value):
        early = Held(-0.3, high, -0.2, p_value)
        return {f"cells, {name}": Held(-0.1, 0.1, 0.0, 0.9) for name in CART} | {
            f"cells, {CART[0]}": early
        }

    assert harm_found(stages(-0.1, 0.001))
    assert not harm_found(stages(-0.01, 0.03))  # 0.03 x 3 is above 0.05
    assert not harm_found(stages(np.nan, np.nan))
    assert not harm_found({f"cells, {CART[0]}": Held(-0.3, -0.1, -0.2, 0.001)})
