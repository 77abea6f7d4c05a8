"""Segments below a platform's minimum are warned of, with a roll-up; sizes count persons, not rows."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.config import validate
from features.errors import ConfigError
from features.quality.segment_size import (
    SegmentSize,
    SegmentSizeConfig,
    check_segment_sizes,
    matchable_persons,
    measure_sizes,
    stage_members,
)
from features.tables import IDENTITIES, PERSONS

SIZES = [SegmentSize("viewers", 9000, 4000), SegmentSize("carts", 700, 600), SegmentSize("checkout", 90, 80)]  # fmt: skip


def test_small_segments_get_a_roll_up():
    config = SegmentSizeConfig(minimum=500, match_rate=0.5, roll_up={"carts": "all shoppers"})
    check = check_segment_sizes(SIZES, config)
    assert (check.status, check.figure, check.threshold, check.owner) == (
        "warn",
        40,
        500,
        "marketing operations",
    )
    assert check.words == (
        "2 of 3 segments are predicted below what is asked (the configured minimum 500): checkout (40), carts (300)"
    )
    assert check.next_step == (
        "Join checkout with viewers: 2,040 together at most. Roll carts up into all shoppers."
    )
    assert check.details[0].rows[0] == {
        "segment": "checkout",
        "persons": 90,
        "matchable": 80,
        "predicted": 40,
        "too_small_for": "the configured minimum",
    }
    assert check_segment_sizes(SIZES[::-1], config) == check


def test_platforms_ask_for_different_sizes():
    config = SegmentSizeConfig(platforms=("tiktok.audience", "google_ads.audience_display"))
    check = check_segment_sizes(SIZES, config)
    assert [row["too_small_for"] for row in check.details[0].rows] == [
        "google_ads.audience_display, tiktok.audience",
        "tiktok.audience",
        "",
    ]
    assert check.threshold == 1000
    assert check.words.startswith(
        "2 of 3 segments are predicted below what is asked (google_ads.audience_display 100, tiktok.audience 1,000)"
    )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"platforms": ["tiktok.audiences"]}, r"did you mean 'tiktok\.audience'\?"),
        ({"platforms": ["zzz"]}, "known: google_ads"),
        ({"platforms": []}, "name a platform, or a minimum"),
        ({"owner": " "}, "a check needs an owner"),
    ],
)
def test_a_platform_nobody_knows_is_a_config_error(keys, message):
    with pytest.raises(ConfigError, match=message):
        validate(SegmentSizeConfig, keys, subject="test")


def test_the_smallest_segment_that_is_enough_is_chosen():
    check = check_segment_sizes(SIZES, SegmentSizeConfig(minimum=680))
    assert check.next_step.startswith("Join checkout with carts: 680 together at most.")


def test_where_nothing_helps_the_window_is_widened():
    check = check_segment_sizes(SIZES[2:], SegmentSizeConfig())
    assert check.next_step == (
        "Widen the window of checkout: no other segment makes it large enough."
    )


@pytest.mark.parametrize(
    ("sizes", "status"), [(SIZES, "pass"), ([], "not_available")], ids=["large", "none"]
)
def test_nothing_to_warn_of(sizes, status):
    check = check_segment_sizes(sizes, SegmentSizeConfig(minimum=80))
    assert (check.status, check.next_step) == (status, "")


def test_no_segment_is_joined_with_itself():
    check = check_segment_sizes(SIZES[:2], SegmentSizeConfig(minimum=700))
    assert check.next_step == "Join carts with viewers: 4,600 together at most."


def members(*rows):
    return pa.table(
        {"person_id": [person for person, _ in rows], "segment": [segment for _, segment in rows]}
    )


def test_a_person_counts_once_in_each_segment():
    found = measure_sizes(
        members(("a", "cart"), ("a", "cart"), ("b", "cart"), ("a", "browse")), pa.array(["a", "z"])
    )
    assert found == (SegmentSize("browse", 1, 1), SegmentSize("cart", 2, 1))


def test_no_member_is_no_segment():
    nobody = pa.table(
        {"person_id": pa.array([], pa.string()), "segment": pa.array([], pa.string())}
    )
    assert measure_sizes(nobody, pa.array(["a"])) == ()
    assert measure_sizes(nobody, pa.array(["a"]), names=["cart"]) == (SegmentSize("cart", 0, 0),)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xy")), min_size=1))
def test_sizes_are_counts_of_distinct_persons(rows):
    expected = tuple(
        SegmentSize(name, len(people), len(people & {"a", "b"}))
        for name in "xy"
        if (people := {person for person, segment in rows if segment == name})
    )
    assert measure_sizes(members(*rows), pa.array(["a", "b"])) == expected
    assert measure_sizes(members(*rows[::-1]), pa.array(["b", "a"])) == expected


def test_who_can_be_matched(day):
    ids = [
        ("user:1", "known", 1, False), ("anonymous:1", "known", 0, False), ("user:2", "no_consent", 1, False),
        ("user:3", "too_late", 9, False), ("anonymous:4", "no_login", 1, False), ("user:5", "quarantined", 1, True),
    ]  # fmt: skip
    names = IDENTITIES.schema.names
    identities = pa.Table.from_pylist(
        [dict(zip(names, (i, p, day(d), q), strict=True)) for i, p, d, q in ids],
        schema=IDENTITIES.schema,
    )
    consent = {"known": True, "no_consent": None, "too_late": True, "no_login": True, "quarantined": True}  # fmt: skip
    persons = pa.Table.from_pylist(
        [
            {"person_id": name, "consent_personalisation": given, "consent_since": day(0), "erased": False}
            for name, given in consent.items()
        ],
        schema=PERSONS.schema,
    )  # fmt: skip
    assert matchable_persons(persons, identities, as_of=day(5)).to_pylist() == ["known"]
    assert matchable_persons(persons, identities, as_of=day(1)).to_pylist() == []
    everybody = matchable_persons(persons, None, as_of=day(1)).to_pylist()
    assert everybody == ["known", "too_late", "no_login", "quarantined"]


def test_funnel_stages_are_segments(make_histories, day):
    histories = make_histories(
        ("a", 1, "i", None, None, "view"),
        ("b", 20, "i", None, None, "cart_add"),
        ("c", 25, "i", "o", 1.0, "purchase"),
    )
    ids = pa.array(histories.person_ids.tolist(), pa.string())
    found = stage_members(histories.everyone(day(30)), ids, window_days=14)
    assert found.to_pylist() == [
        {"person_id": "a", "segment": "lapsed"},
        {"person_id": "b", "segment": "cart"},
        {"person_id": "c", "segment": "post_purchase"},
    ]
