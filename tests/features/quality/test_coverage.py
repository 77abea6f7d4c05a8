"""Signal over time: known ids and consent per week, with drift as an alert and unknown never 100 %."""

from datetime import timedelta

import pyarrow as pa
import pytest

from features.contracts import check as check_table
from features.quality.coverage import CoverageConfig, check_coverage
from features.tables import PERSONS


def run(observed, persons=None, **changes):
    found = check_coverage(observed, persons, CoverageConfig(**changes))
    return {check.name: check for check in found}


def weeks_of(make_event, shares, *, people=100, **fields):
    """`people` persons a week, of whom a share has the fields."""
    return [
        make_event(person=f"p{person}", day=7 * week, **(fields if person < share * people else {}))
        for week, share in enumerate(shares)
        for person in range(people)
    ]


def test_shares_of_persons_and_events_by_week(see, make_event):
    rows = [
        make_event(person="p1", day=0, user_id="u1"),
        make_event(person="p1", day=1),
        make_event(person="p1", day=2),
        make_event(person="p2", day=6.9),
        make_event(person="p1", day=14),
    ]
    check = run(see(rows))["user_id_coverage"]
    assert [tuple(row.values()) for row in check.details[1].rows] == [
        ("2026-03-16", 1, 0.0, 1, 0.0),
        ("2026-03-02", 2, 1 / 2, 4, 1 / 4),
    ]
    assert (check.figure, check.status, check.owner) == (0.0, "pass", "analytics")
    assert check.words == "0.0% of 1 persons of the week of 2026-03-16 carry a user id"
    assert [point.value for point in check.series] == [1 / 2, None, 0.0, 1 / 4, None, 0.0]


@pytest.mark.parametrize(
    ("last", "said"), [(0.3, "from 60.0% to 30.0%"), (0.9, "from 60.0% to 90.0%")]
)
def test_drift_in_either_direction_is_an_alert(see, make_event, last, said):
    rows = weeks_of(make_event, [0.6, 0.6, 0.6, last], user_id="u")
    check = run(see(rows))["user_id_coverage"]
    assert check.status == "alert"
    assert check.words.endswith(f"; {said} in the week of 2026-03-23")
    assert "consent banner" in check.next_step
    (change,) = check.details[0].rows
    assert (change["from"], change["usual_share"], change["share"]) == ("2026-03-23", 0.6, last)
    assert run(see(rows, 35, recent=7))["user_id_coverage"].status == "pass"
    assert run(see(rows, 35, recent=8))["user_id_coverage"].status == "alert"
    assert run(see(rows), max_change=0.31)["user_id_coverage"].status == "pass"


def test_a_running_week_is_shown_and_not_judged(see, make_event):
    rows = weeks_of(make_event, [0.6, 0.6, 0.6, 0.0], user_id="u")
    check = run(see(rows, 27))["user_id_coverage"]
    assert (check.status, check.figure) == ("pass", 0.0)


def test_consent_nobody_states_is_unknown(see, make_event):
    found = run(see([make_event()]))
    for name in ("consent_to_personalisation", "consent_to_measurement"):
        assert (found[name].status, found[name].figure) == ("not_available", None)
        assert found[name].words.startswith("consent is unknown")


def test_consent_of_events_counts_who_says_yes_and_never_no(see, make_event):
    rows = [
        make_event(person="yes", consent_personalisation=True),
        make_event(person="yes"),
        make_event(person="both", consent_personalisation=True),
        make_event(person="both", consent_personalisation=False),
        make_event(person="silent"),
        make_event(person="no", consent_personalisation=False),
    ]
    found = run(see(rows))
    check = found["consent_to_personalisation"]
    assert check.figure == 1 / 4
    assert check.details[1].rows[0]["share_of_events"] == 2 / 6
    assert found["consent_to_measurement"].status == "not_available"


@pytest.fixture
def persons(after):
    def build(**since):
        rows = [
            {
                **dict.fromkeys(PERSONS.schema.names),
                "person_id": name,
                "erased": name == "erased",
                "consent_personalisation": None if day is None else True,
                "consent_since": None if day is None else after(day) - timedelta(microseconds=1),
            }
            for name, day in since.items()
        ]
        return check_table(
            pa.Table.from_pylist(rows, schema=PERSONS.schema), PERSONS, source="test"
        )

    return build


def test_consent_of_the_persons_table_is_that_in_force_at_the_end_of_the_week(
    see, make_event, persons
):
    people = ("early", "later", "never", "erased", "absent")
    rows = [make_event(person=person, day=day) for person in people for day in (0, 7)]
    table = persons(early=7, later=7.5, never=None, erased=0)
    check = run(see(rows), table)["consent_to_personalisation"]
    assert [row["share_of_persons"] for row in check.details[1].rows] == [2 / 5, 1 / 5]
    assert run(see(rows), table)["consent_to_measurement"].status == "not_available"


def test_a_persons_table_that_states_no_consent_leaves_it_unknown(see, make_event, persons):
    found = run(see([make_event()]), persons(p1=None))
    assert found["consent_to_personalisation"].status == "not_available"


def test_no_event_no_share(see, make_event):
    assert run(see([make_event(day=30)]))["user_id_coverage"].status == "not_available"
