"""Effects beside planted values and the worth of decisions, by hand on tables one can read."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features import columns as c
from features.errors import GateError
from features.simulate.overlay import OverlayConfig, next_experiment_id
from features.tables import TIMESTAMP
from training.experiments.campaign import _top, measure_campaign, measure_decisions

WEEKS = (datetime(2017, 5, 1, tzinfo=UTC), datetime(2017, 5, 8, tzinfo=UTC))

# person, week, arm, converts, revenue, response class, planted effects on conversion, revenue and margin
CAMPAIGN = (
    ("a", 0, "treated", 1, 10.0, "mild", 0.1, 1.0, 0.25),
    ("b", 0, "treated", 0, 0.0, "harmed", -0.2, -2.0, -0.5),
    ("c", 0, "control", 1, 6.0, "mild", 0.3, 3.0, 0.75),
    ("d", 0, "control", 0, 0.0, "harmed", 0.0, 0.0, 0.0),
    ("a", 1, "control", 0, 0.0, "harmed", 0.0, 0.0, 0.0),
    ("b", 1, "treated", 1, 8.0, "mild", 0.4, 4.0, 1.0),
    ("c", 1, "control", 0, 0.0, "mild", 0.2, 2.0, 0.5),
    ("d", 1, "treated", 1, 4.0, "harmed", -0.4, -4.0, -1.0),
)
MARGIN_RATE = 0.25


def campaign_tables(rows, *, experiment_id="e", treated_share=0.5):
    """Assignments, outcomes, exposures (of the first six rows) and truth."""
    keys = [
        {c.EXPERIMENT_ID: experiment_id, c.PERSON_ID: person, c.ASSIGNED_AT: WEEKS[week]}
        for person, week, *_ in rows
    ]
    chance = {"treated": treated_share, "control": 1 - treated_share}
    assignments = [
        {**key, c.ARM: row[2], c.PROBABILITY: chance[row[2]]}
        for key, row in zip(keys, rows, strict=True)
    ]
    outcomes = [
        {**key, c.CONVERSION: row[3], c.REVENUE: row[4], c.MARGIN: MARGIN_RATE * row[4]}
        for key, row in zip(keys, rows, strict=True)
    ]
    truth = [
        {
            **key,
            c.RESPONSE_CLASS: row[5],
            c.EFFECT_CONVERSION: row[6],
            c.EFFECT_REVENUE: row[7],
            c.EFFECT_MARGIN: row[8],
        }
        for key, row in zip(keys, rows, strict=True)
    ]
    exposures = pa.table(
        {c.EXPOSURE_ID: [str(n) for n in range(6)], c.EXPERIMENT_ID: [experiment_id] * 6}
    )
    return (table(assignments), table(outcomes), exposures, table(truth))


def table(rows):
    built = pa.Table.from_pylist(rows)
    place = built.column_names.index(c.ASSIGNED_AT)
    return built.set_column(place, c.ASSIGNED_AT, built[c.ASSIGNED_AT].cast(TIMESTAMP))


@pytest.fixture(scope="module")
def measured():
    return measure_campaign(*campaign_tables(CAMPAIGN), experiment_id="e", currency="USD")


def test_effects_stand_beside_the_planted_means(measured):
    found = [(m.outcome, m.segment, m.lift.effect, m.planted) for m in measured.outcomes]
    revenue = (10 + 0 + 8 + 4) / 4 - (6 + 0 + 0 + 0) / 4
    planted_revenue = (1 - 2 + 3 + 0 + 0 + 4 + 2 - 4) / 8
    assert [row[:2] for row in found] == [("conversion", ""), ("revenue", ""), ("margin", "")]
    np.testing.assert_allclose(
        [row[2:] for row in found],
        [
            [3 / 4 - 1 / 4, (0.1 - 0.2 + 0.3 + 0 + 0 + 0.4 + 0.2 - 0.4) / 8],
            [revenue, planted_revenue],
            [revenue / 4, planted_revenue / 4],
        ],
        atol=1e-12,
    )


def test_shares_and_money_name_their_unit(measured):
    assert [m.unit for m in (*measured.outcomes, *measured.segments)] == [
        "share",
        "USD",
        "USD",
        "share",
        "share",
    ]
    policies = measure_decisions(decided(), planted(), CONFIG, currency="EUR")
    assert {policy.currency for policy in policies} == {"EUR"}


def test_errors_are_clustered_by_person(measured):
    # per person: sum over rows of (outcome - arm mean) / rows of the arm, controls with the other sign
    sums = [
        (1 - 3 / 4) / 4 - (0 - 1 / 4) / 4,
        (0 - 3 / 4) / 4 + (1 - 3 / 4) / 4,
        -(1 - 1 / 4) / 4 - (0 - 1 / 4) / 4,
        -(0 - 1 / 4) / 4 + (1 - 3 / 4) / 4,
    ]
    lift = measured.outcomes[0].lift
    assert lift.se == pytest.approx(np.sqrt(4 / 3 * 7 / 6 * np.sum(np.square(sums))))
    assert (lift.n_units, lift.n_treated, lift.n_control) == (4, 4, 4)


@pytest.mark.parametrize(("planted", "covered"), [(-1.0, False), (0.5, True), (1.5, False)])
def test_an_effect_is_covered_when_the_interval_holds_the_planted_one(planted, covered):
    """The interval is about 0.5 +- 1.96 * 0.31, so -0.11 to 1.11."""
    rows = [(*row[:6], planted, *row[7:]) for row in CAMPAIGN]
    measured = measure_campaign(*campaign_tables(rows), experiment_id="e", currency="USD")
    assert measured.outcomes[0].covered == covered


def test_segments_are_the_response_classes_on_the_primary_outcome(measured):
    found = [(m.segment, m.outcome, m.lift.effect, m.planted) for m in measured.segments]
    assert found == [
        ("harmed", "conversion", 1 / 2 - 0 / 2, pytest.approx((-0.2 + 0 + 0 - 0.4) / 4)),
        ("mild", "conversion", 2 / 2 - 1 / 2, pytest.approx((0.1 + 0.3 + 0.4 + 0.2) / 4)),
    ]


def test_counts_and_checks(measured):
    assert (measured.rows, measured.persons, measured.share_reached) == (8, 4, 6 / 8)
    assert measured.sample_ratio.observed == (4, 4)
    assert measured.sample_ratio.passed
    assert (measured.two_arms.n_units, measured.two_arms.passed) == (8, True)


def test_another_experiment_in_the_tables_changes_nothing(measured):
    own = campaign_tables(CAMPAIGN)
    other = campaign_tables(
        [(*row[:3], 1 - row[3], 99.0, *row[5:]) for row in CAMPAIGN], experiment_id="other"
    )
    both = [pa.concat_tables([mine, theirs]) for mine, theirs in zip(own, other, strict=True)]
    again = measure_campaign(both[0], both[1], own[2], both[3], experiment_id="e", currency="USD")
    assert str(again) == str(measured)  # as text, where NaN equals NaN


def test_row_order_changes_nothing(measured):
    assert (
        measure_campaign(
            *campaign_tables(CAMPAIGN[::-1]), experiment_id="e", currency="USD"
        ).outcomes
        == measured.outcomes
    )


def arm_counts(treated, control):
    arms = ["treated"] * treated + ["control"] * control
    return [
        (f"p{number:03d}", 0, arm, number % 2, 1.0, "mild", 0.0, 0.0, 0.0)
        for number, arm in enumerate(arms)
    ]


def test_a_wrong_sample_ratio_withholds_everything():
    tables = campaign_tables(arm_counts(treated=80, control=20))
    with pytest.raises(GateError, match=r"^experiment 'e': sample-ratio mismatch \(control: 20 of"):
        measure_campaign(*tables, experiment_id="e", currency="USD")


def test_the_sample_ratio_is_judged_by_the_recorded_probability():
    tables = campaign_tables(arm_counts(treated=80, control=20), treated_share=0.8)
    check = measure_campaign(*tables, experiment_id="e", currency="USD").sample_ratio
    assert check.expected == pytest.approx((20, 80))
    assert check.chi2 == pytest.approx(0)


CONFIG = OverlayConfig(kind="overlay", experiment_id="e", first=WEEKS[0], weeks=1)
COST = CONFIG.cost_per_contact

# person, contact, chance to buy anyway, planted effect on margin, chance to be reached, response class
DECIDED = (
    ("p1", True, 0.1, 2.0, 0.8, "persuadable"),
    ("p2", True, 0.9, 0.1, 0.6, "mild"),
    ("p3", False, 0.9, -0.5, 0.8, "harmed"),
    ("p4", False, 0.5, 1.0, 0.6, "persuadable"),
    ("p5", False, 0.2, 0.0, 0.6, "indifferent"),
)


def decided(rows=DECIDED, *, contacts=None):
    """Decisions about the five, and three rows that must not count: held out, ineligible, a second item."""
    people = [
        (person, 1, True, "targetable", contact if contacts is None else person in contacts, base)
        for person, contact, base, *_ in rows
    ]
    people += [
        ("held", 1, True, "holdout", False, 1.0),
        ("removed", 1, False, "targetable", False, 1.0),
        ("p1", 2, True, "targetable", True, 0.1),
    ]
    names = [c.PERSON_ID, c.RANK, c.ELIGIBLE, c.ARM, c.CONTACT, c.BASE_OUTCOME]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in people])


def planted(rows=DECIDED):
    following = [
        (next_experiment_id(CONFIG), person, margin, reach, kind)
        for person, _, _, margin, reach, kind in rows
    ]
    following += [
        (next_experiment_id(CONFIG), "held", 9.0, 1.0, "harmed"),
        (next_experiment_id(CONFIG), "removed", 9.0, 1.0, "harmed"),
        ("e", "p1", 500.0, 1.0, "harmed"),
    ]
    names = [c.EXPERIMENT_ID, c.PERSON_ID, c.EFFECT_MARGIN, c.PROBABILITY_REACHED, c.RESPONSE_CLASS]
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in following])


def worth(**changes):
    policies = measure_decisions(decided(**changes), planted(), CONFIG, currency="USD")
    return {
        policy.policy: (
            policy.contacts,
            policy.incremental_margin,
            policy.cost,
            policy.profit,
            policy.harmed_contacts,
        )
        for policy in policies
    }


def expected(contacts, margin, reach, harmed):
    return pytest.approx((contacts, margin, COST * reach, margin - COST * reach, harmed))


def test_the_worth_of_each_policy_by_hand():
    all_margin, all_reach = 2.0 + 0.1 - 0.5 + 1.0 + 0.0, 0.8 + 0.6 + 0.8 + 0.6 + 0.6
    found = worth()
    assert list(found) == [
        "this run",
        "random, as many",
        "most likely to buy, as many",
        "everybody eligible",
        "oracle, as many",
    ]
    assert found["this run"] == expected(2, 2.0 + 0.1, 0.8 + 0.6, 0)
    assert found["random, as many"] == expected(2, 2 / 5 * all_margin, 2 / 5 * all_reach, 2 / 5)
    assert found["most likely to buy, as many"] == expected(2, 0.1 - 0.5, 0.6 + 0.8, 1)
    assert found["everybody eligible"] == expected(5, all_margin, all_reach, 1)
    assert found["oracle, as many"] == expected(2, 2.0 + 1.0, 0.8 + 0.6, 0)


def test_the_oracle_contacts_nobody_at_a_loss():
    """Of four contacts it makes two: p2 would lose 0.1 - 0.3, p5 0 - 0.3, p3 -0.5 - 0.4."""
    found = worth(contacts={"p1", "p2", "p3", "p5"})
    assert found["oracle, as many"] == expected(2, 2.0 + 1.0, 0.8 + 0.6, 0)


def test_the_oracle_looks_at_profit_not_at_margin():
    """Who is reached more often costs more: 1.0 - 0.5 * 1.0 is less than 0.9 - 0.5 * 0.5."""
    rows = (("p1", True, 0.5, 1.0, 1.0, "mild"), ("p2", False, 0.5, 0.9, 0.5, "mild"))
    *_, oracle = measure_decisions(decided(rows), planted(rows), CONFIG, currency="USD")
    assert (oracle.contacts, oracle.profit) == (1, pytest.approx(0.9 - COST * 0.5))


def test_no_contact_is_worth_nothing():
    found = worth(contacts=set())
    nothing = expected(0, 0, 0, 0)
    assert all(found[name] == nothing for name in found if name != "everybody eligible")


def test_nobody_eligible_gives_zeros():
    policies = measure_decisions(decided(rows=()), planted(), CONFIG, currency="USD")
    assert {(p.contacts, p.incremental_margin, p.profit) for p in policies} == {(0, 0, 0)}


@pytest.mark.parametrize(
    ("count", "chosen"),
    [(0, [0, 0, 0, 0]), (1, [0, 1, 0, 0]), (2, [0, 1, 1, 0]), (9, [1, 1, 1, 1])],
)
def test_equal_scores_are_taken_in_row_order(count, chosen):
    assert _top(pd.Series([1.0, 3.0, 3.0, 2.0]), count).tolist() == chosen
