"""Items as arrays: what is unknown stays unknown, and popularity ranks every item once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from serving.lists.shelf import build_shelf


def test_items_stand_in_the_order_of_their_ids(shelf):
    ids = shelf.item_ids.tolist()
    assert ids == sorted(ids)
    assert shelf.codes(np.array(["fast", "nothing"], dtype=object)).tolist() == [
        ids.index("fast"),
        -1,
    ]
    assert np.isnan(shelf.price[ids.index("card")])
    assert shelf.node[ids.index("card")] == -1
    assert not shelf.in_stock[ids.index("run-41")]


def test_variants_share_a_group_and_siblings_a_parent(shelf):
    code = dict(zip(shelf.item_ids, range(len(shelf)), strict=True))
    assert shelf.group[code["run-41"]] == shelf.group[code["run-42"]] >= 0
    assert shelf.group[code["fast"]] == -1
    running, boots, socks = (shelf.node[code[name]] for name in ("fast", "boot", "sock"))
    assert running != boots
    assert shelf.parent[running] == shelf.parent[boots] != shelf.parent[socks]


def test_every_item_has_one_popularity_and_unknown_ones_come_last_by_id():
    table = pa.table({c.ITEM_ID: ["d", "b", "a", "c"]})
    shelf = build_shelf(
        table, popular=np.array(["c", "x", "a"], dtype=object), category_levels=(c.CATEGORY,)
    )
    assert dict(zip(shelf.item_ids, shelf.popularity.tolist(), strict=True)) == {
        "c": 0,
        "a": 1,
        "b": 2,
        "d": 3,
    }


def test_a_shelf_without_columns_knows_nothing_and_has_everything_in_stock():
    table = pa.table({c.ITEM_ID: ["b", "a"]})
    shelf = build_shelf(
        table,
        popular=np.array([], dtype=object),
        category_levels=(c.CATEGORY,),
        touched=np.array(["a"], dtype=object),
        suppressed=pa.chunked_array([["b"]]),
    )
    assert shelf.in_stock.all()
    assert shelf.touched.tolist() == [True, False]
    assert shelf.suppressed.tolist() == [False, True]
    assert (shelf.node == -1).all()
