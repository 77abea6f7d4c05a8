"""What is known is aligned by item id, and never used for a moment before it was known."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features.builders.categories import category_features
from features.builders.knowledge import Knowledge, ShopCodes
from features.builders.pair import pair_features
from features.builders.worth import worth_features


def test_every_item_of_any_part_has_a_place(ten, attributes, twin, at):
    shop = twin.known(ten.histories, attributes, at(100))
    assert shop.item_ids.tolist() == ["w", "x", "y", "z"]
    assert shop.counts.reach[:, 0].tolist() == [0, 1, 2, 1]
    assert shop.attributes.category.tolist() == [1, 0, 0, 1]
    assert shop.similarity.shape == (4, 4)
    assert shop.known_at == at(100)
    assert shop.item_codes(pa.array(["z", "nothing", None])).tolist() == [3, -1, -1]


def test_nothing_is_known(ten, at):
    shop = Knowledge.of()
    assert shop.n_items == 0
    codes = ShopCodes.of(ten.histories, shop)
    assert set(codes.item.tolist()) == {-1}
    assert set(codes.category.tolist()) == {-1}


def test_codes_of_a_part_are_those_of_the_shop(ten, attributes, twin, at):
    shop = twin.known(ten.histories, attributes, at(100))
    codes = ShopCodes.of(ten.histories, shop)
    assert ten.histories.item_ids.tolist() == ["x", "y", "z"]
    assert codes.item.tolist() == [1, 2, 3]
    assert codes.item_category.tolist() == [0, 0, 1]
    assert (ten.histories.category_ids.tolist(), codes.category.tolist()) == (["q"], [1])


@pytest.mark.parametrize(
    "build",
    [
        category_features,
        worth_features,
        lambda rows, shop: pair_features(rows, shop, row=np.array([0]), item=np.array([0])),
    ],
    ids=["categories", "worth", "pair"],
)
def test_knowledge_of_later_is_refused(ten, attributes, twin, at, build):
    shop = twin.known(ten.histories, attributes, at(100))
    rows = ten.histories.as_of([0, 0], [at(100), at(100) - 1])
    with pytest.raises(ValueError, match=r"1 of 2 rows lie before .* \(first: row 1\)"):
        build(rows, shop)
    assert build(rows.take([0]), shop).num_rows == 1
