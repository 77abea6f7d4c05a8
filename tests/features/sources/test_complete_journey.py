"""The Complete Journey: canonical tables from its files, and clear words for files that do not fit."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.contracts import check
from features.errors import InputError
from features.sources.complete_journey import (
    CompleteJourneyConfig,
    read_complete_journey,
)
from features.tables import (
    CAMPAIGNS_SENT,
    CATALOG,
    EVENTS,
    PERSONS,
    REDEMPTIONS,
    REJECTS,
)

AS_OF = datetime(2017, 12, 25, tzinfo=UTC)


def config(folder):
    return CompleteJourneyConfig(kind="complete_journey", folder=folder, max_reject_rate=0.5)


@pytest.fixture(scope="module")
def tables(journey):
    return read_complete_journey(config(journey), as_of=AS_OF)


def test_every_table_holds_its_contract(tables):
    for table, contract in (
        (tables.events.events, EVENTS),
        (tables.events.rejects, REJECTS),
        (tables.catalog, CATALOG),
        (tables.persons, PERSONS),
        (tables.campaigns_sent, CAMPAIGNS_SENT),
        (tables.redemptions, REDEMPTIONS),
    ):
        assert check(table, contract, source="x").num_rows > 0


def test_rows_in_are_events_plus_rejects(tables, journey):
    raw = pq.read_table(journey / "transactions.parquet")
    assert tables.events.rows_in == raw.num_rows
    assert tables.events.events.num_rows + tables.events.rejects.num_rows == raw.num_rows
    zero = pa.compute.sum(pa.compute.equal(raw["quantity"], 0)).as_py()
    assert tables.events.counts["bad_quantity"] == zero


def test_a_line_leads_back_to_its_raw_row(tables, journey):
    raw = pq.read_table(journey / "transactions.parquet")
    event = tables.events.events.slice(100, 1).to_pylist()[0]
    source = raw.slice(event[c.LINE] - 1, 1).to_pylist()[0]
    assert event[c.EVENT_ID] == f"{source['basket_id']}-{source['product_id']}"
    assert event[c.VALUE] == source["sales_value"]
    assert event[c.TIME] == source["transaction_timestamp"].replace(tzinfo=UTC)


def test_only_households_sent_a_campaign_have_consent(tables):
    rows = {row[c.PERSON_ID]: row for row in tables.persons.to_pylist()}
    assert rows["7"][c.CONSENT_PERSONALISATION] is True
    assert rows["7"][c.CONSENT_SINCE] == datetime(2017, 4, 1, tzinfo=UTC)
    assert rows["8"][c.CONSENT_PERSONALISATION] is None
    assert rows["8"][c.CONSENT_SINCE] is None


def test_titles_are_made_of_what_is_known(tables):
    title = dict(
        zip(tables.catalog[c.ITEM_ID].to_pylist(), tables.catalog[c.TITLE].to_pylist(), strict=True)
    )
    assert title["1001"] == "Type 1 (Category 1)"
    assert title["1006"] == "Type 6 (Category 6), 12 oz"
    assert title["1003"] == "Grocery, 12 oz"


@pytest.fixture
def copy(journey, tmp_path):
    for path in journey.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_a_missing_file_is_named(copy):
    (copy / "products.parquet").unlink()
    with pytest.raises(InputError, match=r"products.parquet: no such file"):
        read_complete_journey(config(copy), as_of=AS_OF)


def test_a_missing_column_is_named(copy):
    path = copy / "transactions.parquet"
    pq.write_table(pq.read_table(path).rename_columns({"sales_value": "sales"}), path)
    with pytest.raises(InputError, match=r"column 'sales_value' is missing \(found: .*sales"):
        read_complete_journey(config(copy), as_of=AS_OF)


def test_an_empty_file_is_refused(copy):
    path = copy / "transactions.parquet"
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(InputError, match=r"transactions.parquet: holds no rows"):
        read_complete_journey(config(copy), as_of=AS_OF)


def test_a_file_that_is_not_parquet_is_refused(copy):
    (copy / "transactions.parquet").write_text("household_id,basket_id\n1,2\n")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_complete_journey(config(copy), as_of=AS_OF)
