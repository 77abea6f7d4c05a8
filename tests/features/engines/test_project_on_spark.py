"""A project on Spark: `engine.kind=spark` is the only change, and the files are the same byte for byte."""

import json

import pytest

from serving.plans import plan_features, plan_ingest

SHOP = """
name: shop
workspace: out
as_of: 2026-05-01
currency: USD
source:
  kind: generic
  files: ["events-*.csv"]
  columns: {event_name: what, time: at, user_id: who, anonymous_id: cookie, item_id: sku, event_id: id,
            value: money, quantity: units, transaction_id: order}
  currency: USD
cleaning: {max_reject_rate: 0.9}
"""
HEADER = "id,what,at,who,cookie,sku,money,units,order\n"
REFUNDED = """b1,purchase,2026-04-20T10:00:00Z,u1,c1,s1,20.50,2,back
b2,refund,2026-04-22T10:00:00Z,u1,c1,s1,10.25,1,back
"""


def rows(number, *, first):
    """Lines of a file that repeats some of the lines before, breaks some rules, and takes some orders back."""
    for n in range(first, first + number):
        what = ("view", "purchase", "purchase", "cart_add", "refund")[n % 5]
        who = f"u{n % 23}" if n % 4 else ""
        money, units = (
            (f"{n % 17}.{n % 10}5", n % 3 - (n % 31 == 0)) if n % 5 in {1, 2, 4} else ("", "")
        )
        order = f"o{n // 6}" if n % 5 in {1, 2, 4} else ""
        yield f"e{n},{what},2026-0{1 + n % 4}-{1 + n % 28:02d}T{n % 24:02d}:00:00Z,{who},c{n % 23},s{n % 7},{money},{units},{order}\n"  # fmt: skip


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "project.yaml").write_text(SHOP)
    for name, first in (("a", 0), ("b", 200)):
        (folder / f"events-{name}.csv").write_text(HEADER + "".join(rows(260, first=first)))
    with (folder / "events-b.csv").open("a") as file:
        file.write(REFUNDED)
    return folder


def carried_out(folder, *overrides):
    """Hash of every file of both steps, and what the manifests say."""
    found = {}
    for plan in (plan_ingest, plan_features):
        for job in plan(folder / "project.yaml", list(overrides)).jobs:
            run = job.carry_out()
            found[job.name] = (run.run_id, run.manifest["files"], run.manifest["figures"])
    assert {"ingest", "features"} <= set(found)
    return found


def test_the_files_of_a_project_are_the_same_byte_for_byte(spark, shop):
    here = carried_out(shop, "workspace=here")
    there = carried_out(shop, "workspace=there", "engine.kind=spark", "engine.driver_memory=1GB")  # fmt: skip
    assert json.dumps(here, indent=1) == json.dumps(there, indent=1)
    ingested = here["ingest"][2]
    assert ingested["events"] > 300
    assert ingested["repeats"] > 0
    assert ingested["reversals"] > 0
