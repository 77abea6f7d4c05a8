"""The whole shop, added up from parts; it never looks past its moment."""

from __future__ import annotations

import numpy as np
import pytest

from features.errors import InputError
from features.histories.histories import MICROSECONDS_PER_DAY, microseconds
from features.training_sets.parts import person_parts
from features.training_sets.shop import SimilarityConfig, know_shop, knowledge_moments


@pytest.mark.parametrize(("partitions", "share"), [(2, 0.7), (5, 0.7), (30, 0.4)])
def test_parts_add_up_to_the_whole(shop, day, attributes, partitions, share):
    moments = [microseconds(day(30)), microseconds(day(50))]
    similarity = SimilarityConfig(person_share=share, min_persons=1, window_days=60)
    whole = know_shop([shop], moments, attributes, similarity)
    apart = know_shop(person_parts(shop, partitions=partitions), moments, attributes, similarity)
    assert list(whole) == list(apart) == moments
    for moment in moments:
        one, other = whole[moment], apart[moment]
        assert one.known_at == moment
        np.testing.assert_array_equal(one.item_ids, other.item_ids)
        np.testing.assert_array_equal(one.counts.events, other.counts.events)
        np.testing.assert_allclose(one.similarity.toarray(), other.similarity.toarray())
        assert one.similarity.nnz
        assert one.spend.orders == other.spend.orders


def test_only_some_persons_teach_which_items_go_together(shop, day, attributes):
    moment = microseconds(day(50))
    full, part = (
        know_shop([shop], [moment], attributes, SimilarityConfig(person_share=s, min_persons=1))
        for s in (1.0, 0.2)
    )
    assert 0 < part[moment].similarity.nnz < full[moment].similarity.nnz
    assert part[moment].counts.events.sum() == full[moment].counts.events.sum()


def test_persons_alone_need_no_counts_of_items(shop, day, attributes):
    moment = microseconds(day(50))
    found = know_shop([shop], [moment], attributes, items=False)[moment]
    assert found.counts is None
    assert found.spend.orders > 0


def test_without_persons_the_shop_is_not_known(attributes):
    with pytest.raises(InputError, match="no person has one"):
        know_shop([], [0], attributes)


def test_a_look_at_the_shop_is_never_later_than_its_row(day):
    times = np.array([microseconds(day(at)) for at in (0, 3.7, 6.99, 7.01, 20)])
    looks = knowledge_moments(times, every_days=7)
    assert (looks <= times).all()
    assert (times - looks < 7 * MICROSECONDS_PER_DAY).all()
    assert len(np.unique(looks)) == 3
