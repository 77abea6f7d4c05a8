"""The nightly job on a small shop: what leaves obeys every rule, and a rerun changes no byte."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.builders.person import person_features
from features.consent import contactable
from features.contracts import check
from features.errors import InputError, SchemaError
from features.histories.histories import microseconds
from features.project import Project
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import (
    ASSIGNMENTS,
    CATALOG,
    CREATIVES,
    DECISIONS,
    EXPOSURES,
    PERSONS,
    WATERFALL,
)
from serving.config import CampaignConfig
from serving.decisions import CONTACTED, EXPLORED, NOT_WORTH_IT, OVER_BUDGET
from serving.figures import score_alerts
from serving.priority import contacts_ahead
from serving.score import SCORE, _forecast, score
from training.models.in_force import champions


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
    done = people[c.REASON_CODES].str.partition(";")[0].isin([CONTACTED, EXPLORED])
    np.testing.assert_array_equal(done, people[c.CONTACT])
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


@pytest.fixture(scope="module")
def view(project, people):
    """Everybody's history at the moment of decision, in the order of `people`."""
    histories = load_histories(project.workspace.current(FEATURES))
    return histories.as_of(
        histories.person_rows(pa.array(people.index)), microseconds(project.config.as_of)
    )


@pytest.fixture(scope="module")
def cost(project, campaign):
    """A contact costs only where it reaches, as often as in the campaign before."""
    simulated = project.workspace.current(SIMULATE)
    reached = simulated.read(EXPOSURES).num_rows / simulated.read(ASSIGNMENTS).num_rows
    assert 0 < reached < 1
    return campaign.budget.cost_per_contact * reached


def test_value_and_cost_are_uplift_times_order_times_margin_and_price_times_reach(
    project, campaign, people, view, cost
):
    features = person_features(view)
    model = champions(project, recommender=campaign.recommender).uplift()
    order = features["order_value"].to_numpy()
    value = model.predict(features) * order * campaign.margin_rate
    np.testing.assert_allclose(people[c.EXPECTED_VALUE], value)
    np.testing.assert_allclose(people[c.EXPECTED_COST], np.where(people[c.CONTACT], cost, 0.0))


def test_an_unknown_order_value_is_the_median_of_the_known(campaign):
    insight = SimpleNamespace(
        order_value=np.array([10.0, np.nan, 30.0, 80.0]),
        uplift=np.array([[0.1], [0.1], [0.1], [-0.1]]),
        base_outcome=np.zeros(4),
    )
    found = _forecast(insight, campaign)
    rate = campaign.margin_rate
    np.testing.assert_allclose(found.value[:, 0], [1 * rate, 3 * rate, 3 * rate, -8 * rate])


def test_those_not_contacted_are_too_dear_or_came_too_late(project, campaign, people, cost):
    free = people[people[c.ELIGIBLE] & (people[c.ARM] == "targetable")]
    reason = free[c.REASON_CODES].str.partition(";")[0]
    worth = free[c.EXPECTED_VALUE] >= campaign.budget.min_return * cost
    left_out = ~free[c.CONTACT]
    assert (reason[~worth & left_out] == NOT_WORTH_IT).all()
    assert (reason[worth & left_out] == OVER_BUDGET).all()
    assert set(reason) == {CONTACTED, EXPLORED, NOT_WORTH_IT, OVER_BUDGET}
    figures = project.workspace.current(SCORE).manifest["figures"]
    assert figures["budget_binds"]
    least = free.loc[free[c.TARGETED], c.EXPECTED_VALUE].min()
    best_left_out = free.loc[~free[c.TARGETED], c.EXPECTED_VALUE].max()
    assert best_left_out <= least
    assert figures["least_return_contacted"] == pytest.approx(least / cost)
    assert figures["shadow_price"]["value"] == pytest.approx(best_left_out / cost)
    price = figures["shadow_price"]
    assert price["basis"] == "model before its refit"
    assert price["low"] < price["high"]


def test_the_same_threshold_says_whom_a_lot_kept_from_contact(people):
    eligible = people[people[c.ELIGIBLE]]
    least = eligible.loc[eligible[c.CONTACT] & ~eligible[c.EXPLORED], c.EXPECTED_VALUE].min()
    best_left_out = eligible.loc[~eligible[c.TARGETED], c.EXPECTED_VALUE].max()
    assert best_left_out <= least
    ghosts = eligible[eligible[c.GHOST]]
    assert set(ghosts[c.ARM]) == {"holdout", "policy_holdout"}
    assert not ghosts[c.CONTACT].any()
    assert ghosts[c.CHANNEL].eq("display").all()
    assert ghosts[c.STEP].notna().all()
    assert (
        eligible[c.TARGETED] == (eligible[c.GHOST] | (eligible[c.CONTACT] & ~eligible[c.EXPLORED]))
    ).all()
    shown = eligible[c.CONTACT] | eligible[c.GHOST]
    assert eligible.loc[~shown, c.CHANNEL].isna().all()


def test_every_chance_is_recorded_and_the_decisions_are_an_experiment(project, campaign, people):
    free = (1 - 0.2) * (1 - 0.2)
    targeted = people[people[c.TARGETED]]
    assert targeted[c.CHANCE_OF_CONTACT].eq(free).all()
    assert people.loc[~people[c.ELIGIBLE], c.CHANCE_OF_CONTACT].eq(0).all()
    rest = people[people[c.ELIGIBLE] & ~people[c.TARGETED]]
    count, pool = rest[c.EXPLORED].sum(), (rest[c.ARM] == "targetable").sum()
    assert count > 0
    np.testing.assert_allclose(rest[c.CHANCE_OF_CONTACT], free * count / pool)
    done = np.where(people[c.CONTACT], people[c.CHANCE_OF_CONTACT], 1 - people[c.CHANCE_OF_CONTACT])
    np.testing.assert_allclose(people[c.PROPENSITY], done)
    recorded = project.workspace.current(SCORE).read(ASSIGNMENTS).to_pandas().set_index(c.PERSON_ID)
    eligible = people[people[c.ELIGIBLE]]
    assert set(recorded.index) == set(eligible.index)
    np.testing.assert_allclose(recorded[c.PROBABILITY], people.loc[recorded.index, c.PROPENSITY])
    treated = people.loc[recorded.index, c.CONTACT]
    assert (recorded[c.ARM] == np.where(treated, "treated", "control")).all()


def test_an_item_is_bought_again_when_its_person_bought_it_before(decisions, people, view):
    row, position = view.events()
    item = view.histories.item_ids[view.histories.item[position]]
    bought = set(zip(people.index[row], item, strict=True))
    shown = decisions[decisions[c.ITEM_ID].notna()]
    again = [pair in bought for pair in zip(shown[c.PERSON_ID], shown[c.ITEM_ID], strict=True)]
    assert shown[c.RECO_KIND].isin(["buy_again", "replenishment"]).tolist() == again


def test_nothing_is_written_about_an_erased_person(finished_project, tmp_path, campaign, people):
    project = Project(shutil.copytree(finished_project, tmp_path / "copy", symlinks=True))
    workspace = project.workspace
    erased = people.index[people[c.CONTACT]][0]
    path = workspace.current(INGEST).path / "persons.parquet"
    persons = pq.read_table(path)
    place = persons.schema.get_field_index(c.ERASED)
    flag = pc.equal(persons[c.PERSON_ID], erased)
    pq.write_table(persons.set_column(place, persons.schema.field(place), flag), path)
    shutil.rmtree(workspace.root / SCORE)
    run = score(project, campaign)
    decisions = run.read(DECISIONS)
    assert erased not in decisions[c.PERSON_ID].to_pylist()
    assert len(decisions[c.PERSON_ID].unique()) == len(people) - 1
    first = run.read(WATERFALL).to_pylist()[0]
    assert (first[c.RULE], first[c.COUNT_REMOVED]) == ("erased", 1)


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
    assert held[c.REASON_CODES].str.startswith("holdout;").all()


def test_every_item_says_where_it_comes_from(decisions, campaign):
    shown = decisions[decisions[c.ELIGIBLE]]
    assert (shown[c.LEVEL] == shown[c.REASON_CODES].str.split(";").str[1]).all()
    assert (shown[c.RECOMMENDER_VERSION].str.len() > 0).all()
    assert set(shown[c.RECOMMENDER]) <= {"recent_popular", "buy_again", "item_neighbours", "als"}
    exact = shown[shown[c.LEVEL] == "exact"]
    assert exact[c.SCORE].gt(0).all()
    assert exact[c.SOURCE_EVENT].eq("purchase").all()
    assert (exact[c.SOURCE_TIME] < exact[c.AS_OF]).all()
    own = exact[exact[c.RECO_KIND].isin(["buy_again", "replenishment"])]
    assert (own[c.SOURCE_ITEM_ID] == own[c.ITEM_ID]).all()
    rules = "not_in_catalog;suppressed;blocked_category;not_in_stock;no_price;just_bought"
    assert set(shown[c.FILTERS_PASSED]) == {rules}
    assert shown[c.GAIN_LOST].eq(0).all()  # nothing is merchandised here


def test_creatives_are_those_of_contacts_and_ghosts(project, campaign, decisions, people):
    run = project.workspace.current(SCORE)
    creatives = run.read(CREATIVES).to_pandas()
    shown = decisions[decisions[c.CONTACT] | decisions[c.GHOST]]
    keys = [c.PERSON_ID, c.RANK]
    both = creatives.merge(shown, on=keys, suffixes=("", "_decided"), validate="one_to_one")
    assert len(both) == len(creatives) == len(shown)
    for name in (c.ITEM_ID, c.GHOST, c.CHANNEL, c.STAGE, c.STEP, c.TEMPLATE, c.SNAPSHOT_ID):
        assert (both[name] == both[f"{name}_decided"]).all(), name
    assert (both[c.PRICE_TEXT] == both[c.PRICE].map("{:.2f} USD".format)).all()
    assert both[c.HEADLINE].str.startswith("Hurry").sum() == 0  # no feed says what is left
    restocked = both[both[c.TEMPLATE] == "restock"]
    assert (restocked[c.HEADLINE] == restocked[c.TITLE] + " for " + restocked[c.PRICE_TEXT]).all()
    rest = decisions[~(decisions[c.CONTACT] | decisions[c.GHOST])]
    assert rest[c.TEMPLATE].isna().all()
    figures = run.manifest["figures"]["creative"]
    assert figures["templates"] == creatives[c.TEMPLATE].value_counts().to_dict()
    assert figures["fallbacks"] == {"maker": int((creatives[c.TEMPLATE] == "again").sum())}
    steps = set(creatives[c.STEP])
    assert steps == {"reminder", "value", "urgency"}
    allowed = {"reminder": {"restock", "again"}, "value": {"worth_it"}, "urgency": {"worth_it"}}
    for step in steps:
        assert set(creatives.loc[creatives[c.STEP] == step, c.TEMPLATE]) <= allowed[step]


def test_without_a_record_of_contacts_the_cap_is_not_enforced_and_says_so(
    finished_project, tmp_path, campaign
):
    project = Project(shutil.copytree(finished_project, tmp_path / "copy", symlinks=True))
    frequency = campaign.frequency.model_copy(update={"recorded": False})
    run = score(project, campaign.model_copy(update={"frequency": frequency}))
    rules = [row[c.RULE] for row in run.read(WATERFALL).to_pylist()]
    assert "frequency_cap" not in rules
    assert "frequency_cap_not_enforced" in rules
    assert score_alerts(run) == [
        "alert frequency_cap (crm): not enforced, no exposure log",
        "alert sequence (crm): not enforced, no exposure log",
    ]


def test_a_campaign_of_higher_priority_displaces_and_the_decisions_say_whom(
    finished_project, tmp_path, campaign, people
):
    project = Project(shutil.copytree(finished_project, tmp_path / "copy", symlinks=True))
    first = project.workspace.current(SCORE).path / "decisions.parquet"
    shutil.copy(first, project.folder / "first.parquet")
    limits = {"max_contacts": 1, "ahead": ("first.parquet",)}
    frequency = campaign.frequency.model_copy(update=limits)
    second = campaign.model_copy(update={"frequency": frequency})
    run = score(project, second)
    rows = run.read(DECISIONS).to_pandas()
    rows = rows[rows[c.RANK] == 1].set_index(c.PERSON_ID)
    ahead = people.index[people[c.CONTACT]]
    assert not rows.loc[ahead, c.CONTACT].any()
    displaced = rows.index[rows[c.REASON_CODES] == "displaced"]
    assert len(displaced) > 0
    assert set(displaced) <= set(ahead)
    counted = {row[c.RULE]: row[c.COUNT_REMOVED] for row in run.read(WATERFALL).to_pylist()}
    assert counted["displaced"] == len(displaced)


def test_campaigns_that_share_a_cap_decide_for_the_same_moment(project):
    path = project.workspace.current(SCORE).path / "decisions.parquet"
    later = project.config.as_of + pd.Timedelta(days=1)
    with pytest.raises(
        InputError, match="decides for 2017-12-25 00:00, this campaign for 2017-12-26"
    ):
        contacts_ahead([path], as_of=later)


def test_a_row_without_reasons_is_no_decision(project):
    table = project.workspace.current(SCORE).read(DECISIONS)
    place = table.schema.get_field_index(c.REASON_CODES)
    blank = pa.array([" ", *table[c.REASON_CODES].to_pylist()[1:]], pa.string())
    with pytest.raises(
        SchemaError, match=r"column 'reason_codes' has 1 bad rows .* it must not be blank"
    ):
        check(table.set_column(place, table.schema.field(place), blank), DECISIONS, source="test")


def test_the_run_tells_what_became_of_the_lists(project, decisions):
    figures = project.workspace.current(SCORE).manifest["figures"]
    shown = decisions[decisions[c.ELIGIBLE]]
    assert figures["lists"]["levels"] == shown[c.LEVEL].value_counts().to_dict()
    assert figures["lists"]["kinds"] == shown[c.RECO_KIND].value_counts().to_dict()
    assert figures["lists"]["mean_gain_lost"] == 0
    assert figures["pins_not_in_catalog"] == []


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
