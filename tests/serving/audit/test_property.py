"""Random campaigns over random facts: whatever we decide and export, the audit finds nothing."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from features import columns as c
from features.contracts import check
from features.erasure.erase import EXPORT
from features.feed_tables import ITEM_SUPPRESSIONS
from features.project import Project
from features.run import MANIFEST, to_json
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import CATALOG, EXPOSURES, PERSONS
from serving.audit.audit import RESULT, audit_project
from serving.plans import plan_export, plan_score
from serving.score import SCORE

CAMPAIGN = """
kind: campaign
holdout: {{share: {share}, salt: {salt}, policy_share: {policy_share}}}
budget: {{amount: {amount}, cost_per_contact: 0.5, min_return: {min_return}}}
exploration: {{share: {explored}}}
eligibility: {{recent_purchase_hours: {hours}, just_bought_days: {days}, blocked_categories: [CATEGORY {blocked}],
  quiet_days: {{refund: {days}.5}}}}
frequency: {{max_contacts: {cap}, window_days: {window}, caps: [{{channel: email, max_contacts: 1, window_days: 7}}]}}
channels: {{display: {{cost_per_contact: 0.4}}, email: {{cost_per_contact: 0.1, effect: 0.5}}}}
candidates: 20
items_per_person: {items}
"""

campaigns = st.fixed_dictionaries(
    {
        "share": st.sampled_from([0.05, 0.3]),
        "salt": st.text("abc", min_size=1, max_size=5),
        "policy_share": st.sampled_from([0.0, 0.2]),
        "amount": st.sampled_from([0, 2, 12, 500]),
        "min_return": st.sampled_from([0.0, 0.5]),
        "explored": st.sampled_from([0.0, 0.2]),
        "hours": st.integers(0, 96),
        "days": st.integers(0, 20),
        "blocked": st.integers(0, 6),
        "cap": st.integers(1, 4),
        "window": st.integers(1, 60),
        "items": st.integers(1, 6),
    }
)


@pytest.fixture(scope="module")
def shop(published, tmp_path_factory):
    """A project of our own, its facts written anew for each example."""
    return shutil.copytree(published, tmp_path_factory.mktemp("random") / "shop", symlinks=True)


@settings(
    max_examples=4,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)  # a smaller case would take as long
@given(campaign=campaigns, seed=st.integers(0, 2**32 - 1), day=st.integers(0, 60))
def test_what_we_publish_breaks_no_rule(shop, campaign, seed, day):
    rng = np.random.default_rng(seed)
    moment = f"2017-{12 - day // 30}-{25 - day % 25:02d}"
    settings_ = (shop / "project.yaml").read_text().splitlines()
    settings_ = [f"as_of: {moment}" if line.startswith("as_of") else line for line in settings_]
    (shop / "project.yaml").write_text("\n".join(settings_) + "\n")
    (shop / "campaign.yaml").write_text(CAMPAIGN.format(**campaign))
    project = Project(shop)
    for step in (SCORE, EXPORT):
        shutil.rmtree(project.workspace.root / step)
    scatter(project, rng)
    for plan in (plan_score(shop / "campaign.yaml", []), plan_export(shop / "exports.yaml", [])):
        for job in plan.jobs:
            job.carry_out()
    run = audit_project(project)
    assert [one for one in run.json(RESULT)["checks"] if one["state"] != "ok"] == []


def scatter(project, rng):
    """Facts as they might have been: consent, erasure, stock, prices, items held back, contacts, suppressions."""
    as_of, ingested = project.config.as_of, project.workspace.current(INGEST)
    persons = pq.read_table(ingested.path / "persons.parquet").to_pylist()
    for row in persons:
        row[c.CONSENT_PERSONALISATION] = [True, True, True, False, None][rng.integers(5)]
        row[c.CONSENT_SINCE] = as_of - timedelta(days=float(rng.integers(-2, 40)))
        row[c.ERASED] = bool(rng.random() < 0.05)
    rewrite(ingested, PERSONS, persons)
    catalog = pq.read_table(ingested.path / "catalog.parquet").to_pylist()
    for row in catalog:
        row[c.AVAILABILITY] = ["in_stock", "in_stock", "out_of_stock", None][rng.integers(4)]
        row[c.PRICE] = [None, 0.0, 2.5, 19.99][rng.integers(4)]
    rewrite(ingested, CATALOG, catalog)
    held = rng.choice([row[c.ITEM_ID] for row in catalog], 5, replace=False)
    rewrite(ingested, ITEM_SUPPRESSIONS, [{c.ITEM_ID: i, c.REASON_CODE: "broken_page", c.OWNER: "shop"} for i in held])  # fmt: skip
    names = [row[c.PERSON_ID] for row in persons]
    simulated = project.workspace.current(SIMULATE)
    first = pq.read_table(simulated.path / "exposures.parquet").to_pylist()[0]
    sent = [
        {
            **first,
            c.EXPOSURE_ID: f"x{number}",
            c.PERSON_ID: names[rng.integers(len(names))],
            c.GHOST: bool(rng.random() < 0.3),
            c.CHANNEL: ["display", "email"][rng.integers(2)],
            c.TIME: as_of - timedelta(days=float(rng.integers(-2, 50)), seconds=1),
        }
        for number in range(200)
    ]
    rewrite(simulated, EXPOSURES, sent)
    lines = [f"{name},2099-01-01" for name in rng.choice(names, 8, replace=False)]
    (project.folder / "crm.csv").write_text("\n".join(["person_id,ends", *lines]) + "\n")


def rewrite(run, contract, rows):
    table = check(pa.Table.from_pylist(rows, schema=contract.schema), contract, source="test")
    pq.write_table(table, run.path / f"{contract.name}.parquet")
    manifest = json.loads((run.path / MANIFEST).read_text())
    manifest["tables"][contract.name] = {"rows": len(rows)}
    (run.path / MANIFEST).write_text(to_json(manifest))
