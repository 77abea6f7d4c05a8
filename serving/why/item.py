"""`retarget why --item`: what the rules say of one item, and how many persons it was chosen for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.config import validate
from features.errors import InputError
from features.feed_tables import ITEM_SUPPRESSIONS
from features.project import Project
from features.run import Run
from features.steps.ingest import INGEST
from features.steps.items import stored
from features.tables import CATALOG, DECISIONS
from serving.config import CampaignConfig, EligibilityConfig
from serving.eligibility import BLOCKED_CATEGORY, NO_PRICE, NOT_IN_STOCK, SUPPRESSED
from serving.score import SCORE
from training.reports.page import money


def why_item(project: Project, item: str) -> list[str]:
    """Why the item is shown or not, as lines to print.

    Raises:
        InputError: neither the catalog nor a decision knows the item.
        WorkspaceError: nothing has been decided yet.
    """
    scored = project.workspace.current(SCORE)
    ingested = project.workspace.stored(INGEST, scored.manifest["inputs"][INGEST])
    if ingested is None:
        ingested = project.workspace.current(INGEST)
    catalog = ingested.read(CATALOG)
    rows = catalog.filter(pc.equal(catalog[c.ITEM_ID], item)).to_pylist()
    if not rows:
        raise InputError(
            f"item '{item}'",
            "is not in the catalog",
            rule=f"the snapshot of the decisions holds {catalog.num_rows:,} items, and only those can be shown",
            next_step="Check the id, its capitals and zeros, and whether the feed has it.",
        )
    campaign = validate(CampaignConfig, scored.manifest["config"], subject=str(scored.path))
    chosen = _chosen(scored.read(DECISIONS), item)
    return [
        f"Item {item}: {rows[0][c.TITLE]}, snapshot {rows[0][c.SNAPSHOT_ID]}",
        chosen,
        "",
        "Rules about the item itself, in order",
        *(f"  {line}" for line in _rules(rows[0], ingested, campaign.eligibility, project)),
        "",
        "An item that passes them is still left out for a person who just bought it, or whose list prefers others.",
    ]


def _chosen(decisions: pa.Table, item: str) -> str:
    rows = decisions.filter(pc.equal(decisions[c.ITEM_ID], item))
    contacts = int(pc.sum(rows[c.CONTACT]).as_py() or 0)
    if not rows.num_rows:
        return "SHOWN TO NOBODY"
    return f"Chosen for {rows.num_rows:,} persons, of whom {contacts:,} are contacted"


def _rules(
    row: Mapping[str, Any], ingested: Run, limits: EligibilityConfig, project: Project
) -> Iterator[str]:
    held = stored(ingested, ITEM_SUPPRESSIONS)
    why = [] if held is None else held.filter(pc.equal(held[c.ITEM_ID], row[c.ITEM_ID]))[c.REASON_CODE].to_pylist()  # fmt: skip
    yield _line(SUPPRESSED, bool(why), f"held back for {', '.join(why)}" if why else "nothing holds it back")  # fmt: skip
    blocked = row[c.CATEGORY] in limits.blocked_categories
    yield _line(BLOCKED_CATEGORY, blocked, f"category {row[c.CATEGORY]}")
    stock = row[c.AVAILABILITY]
    out = stock != "in_stock" and (limits.require_availability or stock is not None)
    yield _line(NOT_IN_STOCK, out, "nothing is known of its stock" if stock is None else stock.replace("_", " "))  # fmt: skip
    price = row[c.PRICE]
    unpriced = limits.require_price and not (price or 0) > 0
    yield _line(NO_PRICE, unpriced, money(price, project.config.currency))


def _line(rule: str, removes: bool, found: str) -> str:
    return f"{rule:24} {'REMOVED' if removes else 'passed':9}  {found}"
