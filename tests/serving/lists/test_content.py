"""Lists of things to read: page views in, unread articles like those read out, prices and stock not asked for."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from features import columns as c
from features.tables import LIST_LEVELS, RECO_KINDS
from serving.candidates import Counter, choose_items
from serving.config import EligibilityConfig
from serving.lists.config import ListsConfig
from serving.lists.near import Near
from serving.lists.rows import list_rows
from serving.lists.shelf import build_shelf
from training.recommenders.attributes import ItemAttributes
from training.recommenders.content import Content, ContentConfig

ARTICLES = {"sail-1": "Sails", "sail-2": "Sails", "sail-3": "Sails", "rope-1": "Ropes"}
ROWS = (
    ("ann", 1, "sail-1", None, 1.0, "page_view"),
    ("ann", 2, None, None, 1.0, "page_view"),
    ("bob", 1, "rope-1", None, 1.0, "page_view"),
    ("bob", 2, "sail-2", None, 1.0, "page_view"),
)


def test_unread_articles_like_those_read(make_histories, day):
    """ann read one about sails: the two others, then the one on ropes. sail-3 nobody has read: a cold item."""
    feed = pa.table(
        {
            c.ITEM_ID: list(ARTICLES),
            c.CATEGORY: list(ARTICLES.values()),
            c.PRICE: pa.nulls(4, pa.float64()),
            c.AVAILABILITY: pa.nulls(4, pa.string()),
        }
    )
    history = make_histories(*ROWS).everyone(day(5))
    model = Content(ContentConfig(weights={"page_view": 1.0}, half_life_days=30))
    model.fit(history, attributes=ItemAttributes.from_table(feed))
    shelf = build_shelf(
        feed,
        popular=model.popular_ids,
        category_levels=(c.CATEGORY,),
        touched=history.histories.item_ids,
    )
    rules = EligibilityConfig(require_price=False, require_availability=False, exclude_seen=True)
    counter = Counter(shelf, ListsConfig(), rules, candidates=4, items_per_person=3)
    chosen = choose_items(model, history, counter, near=Near.everything(shelf, 2), run_id="r")
    rows = list_rows(
        chosen, history.histories.person_ids, filters="f", recommender="content", version="v"
    ).to_pylist()
    ann = [row for row in rows if row[c.PERSON_ID] == "ann"]
    assert [row[c.ITEM_ID] for row in ann] == ["sail-2", "sail-3", "rope-1"]
    assert [row[c.LEVEL] for row in ann] == ["exact", "exact", "best_seller"]
    assert [row[c.SOURCE_ITEM_ID] for row in ann] == ["sail-1", "sail-1", None]
    assert ann[0][c.SOURCE_EVENT] == "page_view"
    assert [row[c.COLD_START] for row in rows if row[c.ITEM_ID] == "sail-3"] == [True, True]
    assert {row[c.RECO_KIND] for row in rows} <= set(RECO_KINDS)
    assert {row[c.LEVEL] for row in rows} <= set(LIST_LEVELS)
    assert (np.array([row[c.GAIN_LOST] for row in rows]) == 0).all()
