"""Lists of the nightly job, mapped over persons: the same rows and the same waterfall from every engine."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features import columns as c
from features.catalog.listings import ListingsConfig, PlaceConfig
from features.feed_tables import LISTINGS
from features.histories.histories import Histories
from features.tables import RECOMMENDATIONS, WATERFALL
from serving.candidates import Counter
from serving.config import EligibilityConfig
from serving.lists.config import (
    Boost,
    Cap,
    DiversityConfig,
    ListsConfig,
    MerchandisingConfig,
    PostPurchaseConfig,
)
from serving.lists.part import ListRequest, lists_of, map_lists
from serving.lists.shelf import build_shelf
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig

ITEMS = [str(n) for n in range(12)]


@pytest.fixture(scope="module")
def request_(shop_events, shop_closes, tmp_path_factory):
    """Twelve items of three categories: 1 is out of stock, 5 a listing far from region `here`."""
    history = Histories.from_events(shop_events).everyone(shop_closes)
    bundle = tmp_path_factory.mktemp("model") / "bundle"
    model = BuyAgain(BuyAgainConfig(weights={"purchase": 2.0, "view": 1.0})).fit(history)
    model.save(bundle)
    items = pa.table(
        {
            c.ITEM_ID: ITEMS,
            c.CATEGORY: [f"c{n % 3}" for n in range(12)],
            c.PRICE: np.arange(1.0, 13.0),
            c.AVAILABILITY: ["out_of_stock" if n == 1 else "in_stock" for n in range(12)],
        }
    )
    lists = ListsConfig(
        merchandising=MerchandisingConfig(
            boosts=(Boost(attribute=c.CATEGORY, values=("c2",), factor=3.0),)
        ),
        diversity=DiversityConfig(caps=(Cap(attribute=c.CATEGORY, most=2),)),
        post_purchase=PostPurchaseConfig(replenishment=1, upsell=1),
    )
    shelf = build_shelf(items, popular=model.popular_ids, category_levels=(c.CATEGORY,))
    listing = {
        **dict.fromkeys(LISTINGS.schema.names),
        c.ITEM_ID: "5",
        c.LATITUDE: 50.0,
        c.LONGITUDE: 8.0,
    }
    persons = history.histories.person_ids
    return ListRequest(
        bundle=bundle,
        version="v1",
        as_of=shop_closes,
        counter=Counter(shelf, lists, EligibilityConfig(), candidates=6, items_per_person=4),
        listings=pa.Table.from_pylist([listing], schema=LISTINGS.schema),
        where=ListingsConfig(regions={"here": PlaceConfig(latitude=0, longitude=0)}),
        regions=pa.table({c.PERSON_ID: persons, c.REGION: ["here", None] * 20}),
    )


class Held:
    def __init__(self, value):
        self.value = value


def test_lists_are_those_of_everybody_at_once(engine, shop_events, request_):
    known = request_.regions[c.PERSON_ID].to_pylist()
    chosen = [person for number, person in enumerate(known) if number % 3]
    events = shop_events.filter(pc.is_in(shop_events[c.PERSON_ID], value_set=pa.array(chosen)))
    expected = lists_of(events, request=Held(request_)).drop_columns("removed")
    lists, waterfall = map_lists(
        engine, engine.table(shop_events), pa.array(chosen), request_, run_id="r"
    )
    assert lists.equals(
        expected.sort_by([(c.PERSON_ID, "ascending"), (c.RANK, "ascending")]).cast(
            RECOMMENDATIONS.schema
        )
    )
    assert lists[c.PERSON_ID].unique().to_pylist() == chosen
    assert {"exact", "best_seller"} <= set(lists[c.LEVEL].to_pylist())
    rows = {row[c.RULE]: row for row in waterfall.select(WATERFALL.schema.names).to_pylist()}
    assert rows["not_in_catalog"][c.COUNT_IN] == 6 * len(chosen)
    assert rows["out_of_reach"][c.COUNT_REMOVED] > 0
    assert rows["not_in_stock"][c.COUNT_REMOVED] > 0
