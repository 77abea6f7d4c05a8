"""The configs for real files, run as a user would: every row accounted for, with the counts the files are known to hold."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from features import columns as c
from features.errors import InputError
from features.project import Project
from features.sources.registry import source_files
from features.steps.ingest import ingest
from features.tables import EVENTS, REJECTS

CONFIGS = Path(__file__).parents[1] / "configs"
EXPECTED = {
    "retail_rocket": (5_169, {"view": 4_732, "cart_add": 377, "purchase": 60}, {}),
    "product_feed": (5_169, {"view": 4_732, "cart_add": 377, "purchase": 60}, {}),
    "rees46": (
        17_435,
        {"view": 17_055, "cart_add": 165, "purchase": 214},
        {"wrong_column_count": 1},
    ),
    "ga4_merch_store": (16_003, {"purchase": 15_555}, {"missing_item_id": 448}),
    "online_retail": (
        541_909,
        {"purchase": 527_758, "refund": 7_508},
        {"non_product_code": 2_995, "stock_adjustment": 2_452, "unknown_transaction": 1_196},
    ),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_every_row_is_accounted_for(name, tmp_path):
    project = Project(CONFIGS / name, overrides=[f"workspace={tmp_path}"])
    try:
        source_files(project.config.source, folder=project.folder)
    except InputError:
        pytest.skip("the data of this config are not on this machine")
    rows, events, rejects = EXPECTED[name]
    run = ingest(project)
    assert Counter(run.read(EVENTS)[c.EVENT_NAME].to_pylist()) == events
    assert Counter(run.read(REJECTS)[c.REASON_CODE].to_pylist()) == rejects
    assert (
        run.manifest["figures"]["rows_in"] == rows == sum(events.values()) + sum(rejects.values())
    )
