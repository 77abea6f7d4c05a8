"""Everything an ingestion keeps about items, side by side."""

from __future__ import annotations

import pyarrow as pa

from features.contracts import TableContract
from features.feed_tables import FEED_ATTRIBUTES, FEED_ITEMS, FEED_LABELS, ITEM_ENRICHMENT
from features.run import Run
from features.segments.item_attributes import item_attribute_table
from features.tables import CATALOG


def stored_items(ingested: Run) -> pa.Table:
    """One row per item of the catalog, one column per attribute of the catalog, the feed, its enrichment and its labels."""
    known = (stored(ingested, table) for table in (FEED_ATTRIBUTES, FEED_LABELS))
    return item_attribute_table(
        ingested.read(CATALOG),
        enrichment=stored(ingested, ITEM_ENRICHMENT),
        feed=stored(ingested, FEED_ITEMS),
        custom=[table for table in known if table is not None],
    )


def stored(run: Run, contract: TableContract) -> pa.Table | None:
    """The table of a contract; None where the run keeps none."""
    return run.read(contract) if contract.name in run.manifest["tables"] else None
