"""What several suites share: one machine and Spark, and a small shop of views, carts, purchases and refunds."""

from __future__ import annotations

import importlib.util

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.item_attributes import ItemAttributes
from features.engines.config import LocalEngineConfig, SparkEngineConfig
from features.engines.java import require_java
from features.engines.registry import open_engine
from features.errors import ConfigError
from features.histories.histories import Histories
from features.tables import REVERSALS

QUICK = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""For a thousand rows, compiling each query takes longer than running it."""


def require_spark():
    """Skip where Spark cannot run."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed")
    try:
        require_java()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    config = LocalEngineConfig(memory_limit="512MB", spill=tmp_path_factory.mktemp("spill"))
    with open_engine(config) as engine:
        yield engine


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    require_spark()
    config = SparkEngineConfig(
        kind="spark",
        shuffle_partitions=2,
        driver_memory="1GB",
        spill=tmp_path_factory.mktemp("spill"),
        settings=QUICK,
    )
    with open_engine(config) as engine:
        yield engine


ITEMS = [f"i{n}" for n in range(8)]


@pytest.fixture(scope="session")
def attributes(day):
    table = pa.table(
        {
            c.ITEM_ID: ITEMS,
            c.CATEGORY: [f"c{n % 3}" for n in range(len(ITEMS))],
            c.PRICE: np.arange(1.0, len(ITEMS) + 1),
            c.AVAILABILITY: ["in_stock"] * len(ITEMS),
        }
    )
    return ItemAttributes.from_items(table, known_at=day(60)).categories_only()


@pytest.fixture(scope="session")
def shop_rows():
    """(person, day, item, transaction, value, event) of 30 persons in 60 days."""
    rng = np.random.default_rng(3)
    rows = []
    for person in range(30):
        for _ in range(rng.integers(5, 25)):
            item = ITEMS[int(rng.choice(8, p=[0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]))]
            name = ("view", "cart_add", "purchase")[int(rng.integers(3))]
            at = float(np.round(rng.uniform(0, 60), 3))
            rows.append(
                (f"p{person:02d}", at, item, f"t{len(rows)}", float(rng.integers(1, 9)), name)
            )
    return rows


@pytest.fixture(scope="session")
def shop_events(make_events, shop_rows):
    """The events, with two refunds, and the table of what they take back."""
    bought = [n for n, row in enumerate(shop_rows) if row[-1] == "purchase"][:2]
    refunds = [
        (row[0], 59.0, row[2], row[3], row[4], "refund") for row in (shop_rows[n] for n in bought)
    ]
    back = [
        {
            c.REFUND_EVENT_ID: f"e{len(shop_rows) + n:03d}",
            c.EVENT_ID: f"e{place:03d}",
            c.QUANTITY: 1.0,
            c.VALUE: shop_rows[place][4],
        }
        for n, place in enumerate(bought)
    ]
    events = make_events(*shop_rows, *refunds)
    return events, pa.Table.from_pylist(back, schema=REVERSALS.schema)


@pytest.fixture(scope="session")
def shop(shop_events):
    return Histories.from_events(*shop_events)
