"""A shop small enough to read, as a shelf."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from serving.lists.shelf import build_shelf

LEVELS = (c.PRODUCT_TYPE, c.CATEGORY)

# id, department, category, group, price, in stock; most popular first
ITEMS = (
    ("boot", "shoes", "boots", None, 90.0, True),
    ("sock", "wear", "socks", None, 5.0, True),
    ("run-41", "shoes", "running", "run", 60.0, False),
    ("run-42", "shoes", "running", "run", 60.0, True),
    ("fast", "shoes", "running", None, 70.0, True),
    ("pro", "shoes", "running", None, 120.0, True),
    ("clog", "shoes", "clogs", None, 58.0, True),
    ("cap", "wear", "caps", None, 15.0, True),
    ("card", None, "", None, None, True),
)


def shelf_of(items=ITEMS, **attributes):
    rows = [
        {
            c.ITEM_ID: item,
            c.TITLE: item.title(),
            c.PRODUCT_TYPE: department,
            c.CATEGORY: category,
            c.ITEM_GROUP_ID: group,
            c.PRICE: price,
            c.AVAILABILITY: "in_stock" if stocked else "out_of_stock",
        }
        for item, department, category, group, price, stocked in items
    ]
    table = pa.Table.from_pylist(rows)
    for name, values in attributes.items():
        table = table.append_column(name, pa.array(values))
    popular = np.array([row[0] for row in items], dtype=object)
    return build_shelf(table, popular=popular, category_levels=LEVELS)


@pytest.fixture(scope="session")
def make_shelf():
    return shelf_of


@pytest.fixture(scope="session")
def shelf():
    return shelf_of()


@pytest.fixture(scope="session")
def shop_items():
    return ITEMS
