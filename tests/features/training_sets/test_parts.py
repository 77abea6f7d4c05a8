"""Parts are the whole, in the same order, and no part changes what is known of a person."""

from __future__ import annotations

import numpy as np
import pytest

from features.builders.person import person_features
from features.segments.purchases import kept_purchases
from features.training_sets.parts import person_parts, slice_persons


@pytest.mark.parametrize("partitions", [1, 3, 7, 100])
def test_every_person_is_in_one_part_in_the_same_order(shop, partitions):
    parts = list(person_parts(shop, partitions=partitions))
    assert len(parts) <= partitions
    assert all(part.n_persons for part in parts)
    assert np.concatenate([part.person_ids for part in parts]).tolist() == shop.person_ids.tolist()
    np.testing.assert_array_equal(np.concatenate([part.time for part in parts]), shop.time)


def test_a_part_knows_of_its_persons_what_the_whole_knows(shop, day):
    part = slice_persons(shop, 4, 9)
    whole = shop.everyone(day(59.5)).take(np.arange(4, 9))
    assert person_features(part.everyone(day(59.5))).equals(person_features(whole))


def test_refunds_stay_with_their_purchases(shop, day):
    whole = kept_purchases(shop.everyone(day(60))).value.sum()
    parts = person_parts(shop, partitions=5)
    assert sum(kept_purchases(part.everyone(day(60))).value.sum() for part in parts) == whole
    assert kept_purchases(shop.everyone(day(59))).value.sum() > whole
