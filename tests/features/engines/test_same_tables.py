"""The project's own relational work gives the same tables on one machine and on Spark."""

from datetime import timedelta
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.catalog.observed_prices import observed_catalog
from features.ingest.cleaning import CleaningConfig
from features.ingest.ingestion import ingest_events
from features.quality.config import QualityConfig
from features.quality.measure import measure_quality
from features.quality.misfires import MisfireConfig
from features.sources.complete_journey import CompleteJourneyConfig, read_complete_journey
from features.sources.raw_events import RAW_EVENTS
from features.sources.staging import StagedFile
from features.tables import REJECTS

LENIENT = CleaningConfig(max_reject_rate=1.0, identity={"max_identities": 6})


def same(name, here, there):
    """Equal types and rows in equal order; the first difference is told."""
    assert there.schema == here.schema, name
    for column in reversed(here.schema.names):  # a name made of the rest comes first
        assert there[column].to_pylist() == here[column].to_pylist(), (name, column)


def hostile_row(random, starts, line):
    """A row that shares ids and transactions with others, and breaks rules, as often as not."""
    hours = random.choice([None, *[random.randrange(24 * 40)] * 12])
    return {
        **dict.fromkeys(RAW_EVENTS.names),
        c.EVENT_ID: random.choice([None, *[f"e{random.randrange(150)}"] * 9]),
        c.EVENT_NAME: random.choice(["view", "purchase", "purchase", "refund", "cancel", "no"]),
        c.TIME: None if hours is None else starts + timedelta(hours=hours, microseconds=line),
        c.ANONYMOUS_ID: random.choice([None, f"a{random.randrange(300)}"]),
        c.USER_ID: random.choice([None, None, f"u é{random.randrange(90)}"]),
        c.ITEM_ID: random.choice(["A", "B", "b", None]),
        c.QUANTITY: random.choice([1.0, 2.0, None, -1e8, -1e-5, -0.5, -123456789.125, 0.0]),
        c.VALUE: random.choice([1.0, 19.99, None, -3e17, -2.0]),
        c.CURRENCY: random.choice(["USD", None]),
        c.TRANSACTION_ID: random.choice([None, f"T{random.randrange(60)}"]),
        c.PAGE: random.choice([None, "/p/A", "/p/B"]),
        c.SOURCE: random.choice(["web.csv", "server.csv"]),
        c.LINE: line,
        c.CONSENT_PERSONALISATION: random.choice([None, True, False]),
    }


def refunded(row, starts, number):
    """An order and its partial refund."""
    order = {c.USER_ID: "buyer", c.ITEM_ID: "A", c.TRANSACTION_ID: f"R{number}", c.VALUE: 20.0}
    return [
        {
            **row, **order, c.EVENT_NAME: name, c.EVENT_ID: f"{name}{number}", c.QUANTITY: quantity,
            c.TIME: starts + timedelta(days=36, hours=hours), c.LINE: 5000 + 10 * number + hours,
        }
        for name, quantity, hours in (("purchase", 2.0, 1), ("refund", 1.0, 2))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def staged(tmp_path_factory, shop_closes):
    """Three files of hostile rows."""
    random, folder = Random(29), tmp_path_factory.mktemp("staged")  # noqa: S311 - no secret
    starts = shop_closes - timedelta(days=38)
    files = []
    for number in range(3):
        rows = [hostile_row(random, starts, number * 300 + line) for line in range(1, 281)]
        rows += [{**row, c.LINE: row[c.LINE] + 280} for row in rows[:20]]
        rows += refunded(rows[0], starts, number)
        path = folder / f"{number:06d}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=RAW_EVENTS), path)
        files.append(StagedFile(path, len(rows), REJECTS.schema.empty_table()))
    return files


def cleaned(engine, staged, closes, target):
    """Everything cleaning gives, as plain values, in the order it gives it."""
    marks = [None, closes - timedelta(days=9), closes - timedelta(days=3)]
    found = ingest_events(staged, target, LENIENT, engine, received_at=closes, watermarks=marks)
    tables = {
        name: getattr(found, name)
        for name in ("rejects", "repeats", "identities", "merges", "reversals")
    }
    tables["events"] = pq.read_table(target)
    return tables, (found.counts, found.newest, found.late, found.unmatched_quantity)


def test_cleaning_gives_the_same_tables(local, spark, staged, shop_closes, tmp_path):
    here, figures = cleaned(local, staged, shop_closes, tmp_path / "local.parquet")
    there, others = cleaned(spark, staged, shop_closes, tmp_path / "spark.parquet")
    assert figures == others
    assert {"bad_quantity", "bad_value", "duplicate_event", "late_event"} <= set(figures[0])
    for name, table in here.items():
        assert table.num_rows > 0 or name == "merges", name
        same(name, table, there[name])


def test_quality_says_the_same(local, spark, shop_events, shop_closes):
    config = QualityConfig(misfires=MisfireConfig(item_pattern="/p/(?P<item>[^/]+)"))
    here, there = (
        measure_quality(shop_events, None, config, as_of=shop_closes, engine=engine).as_json()
        for engine in (local, spark)
    )
    assert here == there


def test_observed_prices_are_the_same_to_the_cent(local, spark, shop_events, shop_closes):
    ids = pa.array(sorted({*shop_events[c.ITEM_ID].unique().to_pylist(), "never sold"}))
    nothing = pa.nulls(len(ids), pa.string())
    items = pa.table([ids, ids, ids, nothing, nothing], names=[c.ITEM_ID, c.TITLE, c.CATEGORY, c.PRODUCT_TYPE, c.BRAND])  # fmt: skip
    here, there = (
        observed_catalog(
            engine.table(items),
            shop_events,
            engine,
            as_of=shop_closes,
            window_days=28,
            currency="USD",
        )
        for engine in (local, spark)
    )
    same("catalog", here, there)
    assert here[c.PRICE].null_count < here.num_rows


def test_a_source_read_through_expressions_is_the_same(local, spark, journey, shop_closes):
    config = CompleteJourneyConfig(kind="complete_journey", folder=journey, max_reject_rate=0.5)
    here, there = (
        read_complete_journey(config, as_of=shop_closes.replace(year=2017), engine=engine)
        for engine in (local, spark)
    )
    assert here.events.rows_in == there.events.rows_in
    same("events", here.events.events, there.events.events)
    same("rejects", here.events.rejects, there.events.rejects)
    for name in ("catalog", "persons", "campaigns_sent", "redemptions"):
        same(name, getattr(here, name), getattr(there, name))
