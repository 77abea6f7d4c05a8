"""The nightly job on a small shop: what leaves obeys every rule, and a rerun changes no byte."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features import columns as c
from features.consent import contactable
from features.histories import microseconds
from features.project import Project
from features.steps import FEATURES, INGEST, SIMULATE, load_histories
from features.tables import CATALOG, DECISIONS, EXPOSURES, PERSONS, WATERFALL
from serving.config import CampaignConfig
from serving.score import CONTACTED, SCORE


@pytest.fixture(scope="module")
def project(finished_project):
    return Project(finished_project)


@pytest.fixture(scope="module")
def campaign(project):
    return project.step_config(CampaignConfig, "campaign")


@pytest.fixture(scope="module")
def decisions(project):
    return project.workspace.current(SCORE).read(DECISIONS).to_pandas()


@pytest.fixture(scope="module")
def people(decisions):
    return decisions[decisions[c.RANK] == 1].set_index(c.PERSON_ID)


def test_everybody_has_a_decision_and_a_reason(project, people):
    persons = project.workspace.current(INGEST).read(PERSONS)[c.PERSON_ID].to_pylist()
    assert sorted(people.index) == sorted(persons)
    assert people[c.REASON_CODES].str.len().min() > 0
    assert people[c.CONTACT].any()


def test_contact_eligible_and_reason_agree(people):
    contacted = people[people[c.CONTACT]]
    assert contacted[c.ELIGIBLE].all()
    assert (contacted[c.ARM] == "targetable").all()
    assert contacted[c.REASON_CODES].str.startswith(CONTACTED).all()
    assert not people.loc[~people[c.CONTACT], c.REASON_CODES].str.startswith(CONTACTED).any()
    assert (people.loc[people[c.CONTACT], c.EXPECTED_COST] > 0).all()


def test_nobody_without_consent_just_bought_or_over_the_cap_is_contacted(project, campaign, people):
    workspace, as_of = project.workspace, project.config.as_of
    persons = workspace.current(INGEST).read(PERSONS)
    contacted = set(people.index[people[c.CONTACT]])
    consenting = set(persons.filter(contactable(persons, as_of))[c.PERSON_ID].to_pylist())
    assert contacted <= consenting
    histories = load_histories(workspace.current(FEATURES))
    view = histories.everyone(as_of)
    last = np.array([histories.time[stop - 1] for stop in view.stop])
    window = campaign.eligibility.recent_purchase_hours * 3_600_000_000
    recent = set(histories.person_ids[microseconds(as_of) - last <= window])
    assert recent
    assert not contacted & recent
    exposures = workspace.current(SIMULATE).read(EXPOSURES).to_pandas()
    since = as_of - pd.Timedelta(days=campaign.frequency.window_days)
    counted = exposures[~exposures[c.GHOST] & (exposures[c.TIME] >= since)][
        c.PERSON_ID
    ].value_counts()
    capped = set(counted.index[counted >= campaign.frequency.max_contacts])
    assert capped
    assert not contacted & capped


def test_every_item_is_in_stock_priced_as_in_the_catalog_and_allowed(project, campaign, decisions):
    catalog = project.workspace.current(INGEST).read(CATALOG).to_pandas().set_index(c.ITEM_ID)
    shown = decisions[decisions[c.ITEM_ID].notna()]
    assert len(shown) > 0
    facts = catalog.loc[shown[c.ITEM_ID]]
    assert (facts[c.AVAILABILITY] == "in_stock").all()
    np.testing.assert_array_equal(facts[c.PRICE].to_numpy(), shown[c.PRICE].to_numpy())
    assert not facts[c.CATEGORY].isin(campaign.eligibility.blocked_categories).any()
    assert not shown.duplicated([c.PERSON_ID, c.ITEM_ID]).any()


def test_the_budget_holds(campaign, people):
    assert 0 < people[c.EXPECTED_COST].sum() <= campaign.budget.amount


def test_the_waterfall_accounts_for_everybody(project, people):
    table = project.workspace.current(SCORE).read(WATERFALL).to_pandas()
    persons = table[table[c.LEVEL] == "person"]
    assert persons[c.COUNT_IN].iloc[0] == len(people)
    assert persons[c.COUNT_LEFT].iloc[-1] == people[c.ELIGIBLE].sum()
    assert (persons[c.COUNT_IN] == persons[c.COUNT_REMOVED] + persons[c.COUNT_LEFT]).all()


def test_held_out_persons_get_the_list_they_would_have_been_shown(people):
    held = people[(people[c.ARM] == "holdout") & people[c.ELIGIBLE]]
    assert len(held) > 0
    assert not held[c.CONTACT].any()
    assert held[c.ITEM_ID].notna().all()
    assert set(held[c.REASON_CODES]) == {"holdout"}


def test_the_removed_carry_their_rule(people):
    removed = people[~people[c.ELIGIBLE]]
    assert set(removed[c.REASON_CODES]) <= {
        "no_consent",
        "no_history",
        "recent_purchaser",
        "frequency_cap",
    }
    assert removed[c.ITEM_ID].isna().all()
    assert set(removed[c.RECO_KIND]) == {"static"}
