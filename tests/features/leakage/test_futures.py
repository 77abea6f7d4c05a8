"""Other futures: the past stays what it was, to the bit; the future does not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.person import person_features
from features.histories.histories import microseconds
from features.leakage.futures import (
    table_with_forged_future,
    table_without_future,
    with_forged_future,
    without_future,
)
from features.segments.purchases import kept_purchases
from features.tables import TIMESTAMP
from features.training_sets.parts import person_parts


@pytest.fixture(params=[1, 4], ids=["whole", "a part"])
def part(request, shop):
    return list(person_parts(shop, partitions=request.param))[-1]


def worth(histories, moment):
    kept = kept_purchases(histories.everyone(moment))
    return np.bincount(kept.row, kept.value, minlength=histories.n_persons).tolist()


@pytest.mark.parametrize("at", [10, 30.5, 59.5, 70])
def test_the_past_stays(part, day, at):
    moment = microseconds(day(at))
    for other in (without_future(part, moment), with_forged_future(part, moment, seed=1)):
        one, two = (person_features(h.everyone(day(at))) for h in (part, other))
        for name in one.column_names:
            np.testing.assert_array_equal(one[name].to_numpy(), two[name].to_numpy())
        assert worth(part, day(at)) == worth(other, day(at))


def test_without_future_nothing_follows(part, day):
    moment = microseconds(day(30))
    past = without_future(part, moment)
    assert past.time.max() < moment
    assert len(past.time) == (part.time < moment).sum()
    assert worth(past, day(99)) == worth(past, day(30))


def test_an_event_on_the_moment_itself_is_future(shop):
    moment = int(np.sort(shop.time)[len(shop.time) // 2])
    past = without_future(shop, moment)
    assert past.time.max() < moment
    assert len(past.time) < (shop.time <= moment).sum()


def test_a_refund_after_the_moment_did_not_happen(shop, day):
    past = without_future(shop, microseconds(day(58)))
    assert sum(worth(shop, day(99))) < sum(worth(past, day(99))) + sum(
        shop.value[(shop.time >= microseconds(day(58))) & (shop.event == 10)]
    )
    assert worth(past, day(99)) == worth(shop, day(58))


def test_everybody_gets_a_forged_event_on_the_moment_itself(part, day):
    moment = microseconds(day(30))
    forged = with_forged_future(part, moment, seed=1)
    exactly = np.add.reduceat((forged.time == moment).astype(int), forged.offsets[:-1])
    assert (exactly >= 1).all()
    assert (np.diff(forged.time)[np.diff(np.repeat(np.arange(part.n_persons), np.diff(forged.offsets))) == 0] >= 0).all()  # fmt: skip
    assert worth(forged, day(99)) != worth(part, day(99))


def test_the_forgery_takes_back_much_of_the_past(shop, day):
    forged = with_forged_future(shop, microseconds(day(30)), seed=1)
    before = shop.time < microseconds(day(30))
    history = forged.as_of(np.arange(shop.n_persons), microseconds(day(99)))
    old = kept_purchases(history)
    still = (forged.time[old.position] < microseconds(day(30))).sum()
    assert 0.2 < still / (before & (shop.event == 10)).sum() < 0.8


def test_the_same_seed_forges_the_same(part, day):
    moment = microseconds(day(30))
    one, two, three = (with_forged_future(part, moment, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.time, two.time)
    np.testing.assert_array_equal(one.value, two.value)
    assert not np.array_equal(one.time, three.time)


def test_logs_lose_or_change_their_future(day):
    table = pa.table(
        {
            c.EXPOSURE_ID: ["1", "2", "3"],
            c.PERSON_ID: ["a", "b", "c"],
            c.TIME: pa.array([day(1), day(5), day(9)], TIMESTAMP),
            c.GHOST: [True, False, True],
        }
    )
    moment = microseconds(day(5))
    assert table_without_future(table, c.TIME, moment)[c.EXPOSURE_ID].to_pylist() == ["1"]
    forged = table_with_forged_future(table, c.TIME, moment, id_=c.EXPOSURE_ID, seed=1)
    assert forged[c.EXPOSURE_ID].to_pylist() == ["1", "1|forged", "2|forged", "3|forged"]
    assert min(forged[c.TIME].to_pylist()[1:]) >= day(5)
    assert forged[c.GHOST].to_pylist() == [True, False, False, False]
