"""The overlay is randomised as recorded, plants what it says, and leaves no trace of the truth."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from features import columns as c
from features.builders.person import person_features
from features.contracts import check
from features.errors import ConfigError
from features.histories.histories import Histories
from features.outcomes import Outcomes
from features.simulate.overlay import (
    OverlayConfig,
    _perturb,
    _Rows,
    next_experiment_id,
    overlay_campaign,
    planted_truth,
)
from features.simulate.response import Response, ResponseConfig, respond
from features.sources.complete_journey import CompleteJourneyConfig, read_complete_journey
from features.tables import ASSIGNMENTS, EXPOSURES, OUTCOMES, PERSONS, TRUTH

AS_OF = datetime(2017, 12, 25, tzinfo=UTC)
CONFIG = OverlayConfig(
    kind="overlay",
    experiment_id="test",
    first=datetime(2017, 5, 1, tzinfo=UTC),
    weeks=34,
    treated_share=0.3,
)


@pytest.fixture(scope="module")
def shop(journey):
    tables = read_complete_journey(
        CompleteJourneyConfig(kind="complete_journey", folder=journey, max_reject_rate=0.5),
        as_of=AS_OF,
    )
    persons = check(tables.persons, PERSONS, source="x")
    return Histories.from_events(tables.events.events), persons, tables.events.events


def run(histories, persons, config=CONFIG, as_of=AS_OF):
    return overlay_campaign(histories, persons, config, as_of=as_of, currency="USD")


@pytest.fixture(scope="module")
def campaign(shop):
    return run(*shop[:2])


@pytest.fixture(scope="module")
def rows(shop, campaign):
    keys = [c.EXPERIMENT_ID, c.PERSON_ID, c.ASSIGNED_AT]
    truth = planted_truth(*shop[:2], CONFIG, next_decision=AS_OF, currency="USD")
    check(truth, TRUTH, source="x")
    table = campaign.assignments.join(campaign.outcomes, keys).join(truth, keys)
    return table.to_pandas()


def test_tables_hold_their_contracts(campaign):
    check(campaign.assignments, ASSIGNMENTS, source="x")
    check(campaign.exposures, EXPOSURES, source="x")
    check(campaign.outcomes, OUTCOMES, source="x")


def test_a_dry_run_assigns_everybody_but_the_erased(shop):
    histories, persons, _ = shop
    nobody = pa.nulls(persons.num_rows, pa.bool_())
    place = persons.column_names.index(c.CONSENT_PERSONALISATION)
    silent = persons.set_column(place, c.CONSENT_PERSONALISATION, nobody)
    with pytest.raises(ConfigError, match=r"at none of 34 decisions.*'assigned: everybody'"):
        run(histories, silent)
    erased = pa.array(np.arange(persons.num_rows) == 0)
    place = persons.column_names.index(c.ERASED)
    everybody = CONFIG.model_copy(update={"assigned": "everybody"})
    found = run(histories, silent.set_column(place, c.ERASED, erased), everybody)
    assigned = set(found.assignments[c.PERSON_ID].to_pylist())
    assert assigned == set(persons[c.PERSON_ID].to_pylist()) - {persons[c.PERSON_ID][0].as_py()}


def test_arms_follow_the_recorded_probability(rows):
    treated = rows[c.ARM] == "treated"
    assert set(rows.loc[treated, c.PROBABILITY]) == {0.3}
    assert set(rows.loc[~treated, c.PROBABILITY]) == {0.7}
    assert stats.binomtest(int(treated.sum()), len(rows), 0.3).pvalue > 0.001


def test_only_consenting_persons_are_assigned(shop, rows):
    consent = shop[1].to_pandas().set_index(c.PERSON_ID)[c.CONSENT_SINCE]
    since = rows[c.PERSON_ID].map(consent)
    assert (since < rows[c.ASSIGNED_AT]).all()


def test_controls_keep_their_real_outcomes(shop, rows):
    control = rows[rows[c.ARM] == "control"].sample(200, random_state=1)
    events = shop[2].to_pandas()
    for row in control.itertuples():
        window = events[
            (events[c.PERSON_ID] == row.person_id)
            & (events[c.TIME] >= row.assigned_at)
            & (events[c.TIME] < row.assigned_at + np.timedelta64(7, "D"))
        ]
        assert row.revenue == pytest.approx(window[c.VALUE].sum())
        assert row.conversion == (len(window) > 0)


def test_the_measured_effect_is_the_planted_one(rows):
    """The truth is an expectation: the difference of arms must lie within 4 standard errors of it."""
    treated = rows[c.ARM] == "treated"
    for outcome, planted in ((c.CONVERSION, c.EFFECT_CONVERSION), (c.REVENUE, c.EFFECT_REVENUE)):
        one, other = rows.loc[treated, outcome], rows.loc[~treated, outcome]
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert abs(one.mean() - other.mean() - rows[planted].mean()) < 4 * error
        assert rows[planted].abs().max() > 0


def perturbed(*cases, config=CONFIG):
    """Outcomes of (visits, revenue, chance to win, chance to lose, contacted) rows; first orders fall on day 3."""
    visits, revenue, gain, loss, contacted = (
        np.array(column) for column in zip(*cases, strict=True)
    )
    count = len(visits)
    rows = _Rows(
        person=np.arange(count),
        time=np.zeros(count, np.int64),
        person_id=np.array([f"p{n}" for n in range(count)], dtype=object),
        unit=[f"p{n}|week" for n in range(count)],
        organic=Outcomes(visits, revenue, np.where(visits > 0, 3, -1)),
        response=Response(np.full(count, "x"), gain, loss, np.ones(count), np.full(count, 8.0)),
    )
    return _perturb(rows, contacted, config)


def test_a_contact_wins_where_there_is_no_order_and_loses_where_there_is_one():
    sure, never = 1.0, 0.0
    first_day = CONFIG.model_copy(update={"response": ResponseConfig(first_day_share=1)})
    found = perturbed(
        (0, 0.0, sure, never, True),
        (0, 0.0, never, sure, True),
        (2, 9.0, never, sure, True),
        (2, 9.0, sure, never, True),
        (0, 0.0, sure, sure, False),
        (2, 9.0, sure, sure, False),
        config=first_day,
    )
    assert found.visits.tolist() == [1, 0, 0, 2, 0, 2]
    assert found.conversion.tolist() == [1, 0, 0, 1, 0, 1]
    assert found.revenue.tolist() == [8, 0, 0, 9, 0, 9]
    assert found.first_day.tolist() == [0, -1, -1, 3, -1, 3]


def test_chances_to_win_and_lose_are_those_declared():
    count = 4000
    won = perturbed(*[(0, 0.0, 0.3, 0.0, True)] * count).conversion.sum()
    kept = perturbed(*[(1, 9.0, 0.0, 0.3, True)] * count).conversion.sum()
    assert stats.binomtest(int(won), count, 0.3).pvalue > 0.001
    assert stats.binomtest(int(count - kept), count, 0.3).pvalue > 0.001


def test_won_orders_fall_on_the_first_day_or_evenly_on_the_others():
    count = 6000
    found = perturbed(*[(0, 0.0, 1.0, 0.0, True)] * count).first_day
    on_day = np.bincount(found, minlength=7)
    share = CONFIG.response.first_day_share
    expected = count * np.array([share, *[(1 - share) / 6] * 6])
    assert len(on_day) == 7
    assert stats.chisquare(on_day, expected).pvalue > 0.001


def test_only_the_reached_among_the_treated_change(shop, campaign):
    """Where every contact would change a week, the changed are those with a real impression."""
    config = CONFIG.model_copy(
        update={
            "response": ResponseConfig(
                persuadable_gain=1, mild_gain=1, harmed_loss=1, indifferent_order_value=0
            )
        }
    )
    keys = [c.PERSON_ID, c.ASSIGNED_AT]
    outcomes = run(*shop[:2], config=config)
    nothing = CONFIG.model_copy(
        update={"response": ResponseConfig(persuadable_gain=0, mild_gain=0, harmed_loss=0)}
    )
    before, after = (
        table.to_pandas().set_index(keys)[c.CONVERSION]
        for table in (run(*shop[:2], config=nothing).outcomes, outcomes.outcomes)
    )
    changed = set(before.index[before != after])
    exposures = outcomes.exposures.to_pandas()
    contacts = exposures[~exposures[c.GHOST]].set_index([c.PERSON_ID, c.TIME]).index
    assert changed
    assert changed <= set(contacts)
    assert len(contacts) < (outcomes.assignments.to_pandas()[c.ARM] == "treated").sum()


def test_margins_are_a_share_of_revenue(rows):
    rate = CONFIG.margin_rate
    np.testing.assert_allclose(rows[c.MARGIN], rate * rows[c.REVENUE])
    np.testing.assert_allclose(rows[c.EFFECT_MARGIN], rate * rows[c.EFFECT_REVENUE])


def test_nobody_is_assigned_before_their_first_event(shop, rows):
    events = shop[2].to_pandas()
    first = rows[c.PERSON_ID].map(events.groupby(c.PERSON_ID)[c.TIME].min())
    assert (first < rows[c.ASSIGNED_AT]).all()


def test_the_truth_is_the_response_to_what_was_known_then(shop, rows):
    histories = shop[0]
    view = histories.as_of(
        histories.person_rows(pa.array(rows[c.PERSON_ID])),
        rows[c.ASSIGNED_AT].astype("datetime64[us, UTC]").astype("int64").to_numpy(),
    )
    expected = respond(person_features(view), CONFIG.response)
    assert rows[c.RESPONSE_CLASS].tolist() == expected.response_class.tolist()
    np.testing.assert_array_equal(rows[c.PROBABILITY_REACHED], expected.reach)


def test_a_person_is_drawn_anew_every_week(rows):
    treated = (rows[c.ARM] == "treated").groupby(rows[c.PERSON_ID]).mean()
    assert ((treated > 0) & (treated < 1)).mean() > 0.9


def test_ghosts_are_drawn_blind_to_the_arm(campaign):
    exposures = campaign.exposures.to_pandas()
    ghosts = int(exposures[c.GHOST].sum())
    assert stats.binomtest(ghosts, len(exposures), 0.7).pvalue > 0.001
    assert set(exposures.loc[exposures[c.GHOST], c.COST]) == {0.0}
    assert set(exposures.loc[~exposures[c.GHOST], c.COST]) == {CONFIG.cost_per_contact}


def test_nothing_of_the_truth_is_in_what_the_campaign_records(campaign):
    recorded = {
        name
        for t in (campaign.assignments, campaign.exposures, campaign.outcomes)
        for name in t.column_names
    }
    assert not recorded & {c.RESPONSE_CLASS, c.EFFECT_CONVERSION, c.EFFECT_REVENUE, c.EFFECT_MARGIN}


def test_the_next_decision_has_its_own_id(rows, shop):
    truth = planted_truth(*shop[:2], CONFIG, next_decision=AS_OF, currency="USD").to_pandas()
    following = truth[truth[c.EXPERIMENT_ID] == next_experiment_id(CONFIG)]
    assert following[c.ASSIGNED_AT].unique().tolist() == [AS_OF]
    assert following[c.PERSON_ID].is_unique
    assert len(truth) == len(rows) + len(following)


def test_later_events_change_no_assignment(shop, campaign):
    _, persons, events = shop
    cut = events.filter(
        pa.compute.less(events[c.TIME], pa.scalar(AS_OF, events.schema.field(c.TIME).type))
    )
    again = run(Histories.from_events(cut), persons)
    assert again.assignments.equals(campaign.assignments)
    assert again.outcomes.equals(campaign.outcomes)


def test_an_open_outcome_window_is_refused(shop):
    config = CONFIG.model_copy(update={"weeks": 35})
    with pytest.raises(ConfigError, match="its last outcome window ends 2018-01-01"):
        run(*shop[:2], config=config)
