"""Segments below the platform's minimum are warned of, with a roll-up."""

import pytest

from features.quality.segment_size import SegmentSize, SegmentSizeConfig, check_segment_sizes

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
        "2 of 3 segments are predicted below 500 persons: checkout (40), carts (300)"
    )
    assert check.next_step == (
        "Join checkout with viewers: 2,040 together at most. Roll carts up into all shoppers."
    )
    assert check.details[0].rows[0] == {
        "segment": "checkout",
        "persons": 90,
        "matchable": 80,
        "predicted": 40,
    }
    assert check_segment_sizes(SIZES[::-1], config) == check


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
