"""What one more unit of budget would earn: the interval, by hand, and why there is none."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from serving.figures import _one_more
from serving.marginal import marginal
from training.uplift.score_groups import ScoreGroups

NAN = float("nan")
GROUPS = ScoreGroups(
    least=(0.04, 0.01, -0.02),
    effect=(0.05, 0.03, 0.0),
    low=(0.02, 0.01, NAN),
    high=(0.08, 0.05, NAN),
)
UPLIFT = np.array([[0.5], [0.02], [0.0], [0.001]])


def model_of(groups=None, before=None):
    return SimpleNamespace(groups=groups, groups_before_refit=before)


def left_out(first, *, way=0, before=-1):
    """The first step left out leads person `first` from one way of contact (-1 = none) to another."""
    return SimpleNamespace(
        first_left_out=first, left_out_channel=way, shadow_price=3.0, channel=np.full(4, before)
    )


def found(*, first=1, groups=None, before=None):
    return marginal(left_out(first), UPLIFT, [model_of(groups, before)])


def said(one, *, binds=True):
    low = None if np.isnan(one.low) else one.low
    price = {"value": 3.0, "low": low, "high": one.high, "basis": one.basis, "missing": one.missing}
    return _one_more({"shadow_price": price, "budget_binds": binds}, "USD")


def test_it_is_what_was_measured_for_people_scored_alike():
    """The step earns 3 at an uplift of .02; test rows of such scores had between .01 and .05."""
    one = found(groups=GROUPS)
    assert (one.low, one.high) == pytest.approx((0.01 * 3 / 0.02, 0.05 * 3 / 0.02))
    assert (one.basis, one.missing) == ("model in force", "")
    assert said(one).endswith(
        "(95 % interval 1.50 to 7.50 by the effect measured on test rows of like scores; order value and cost are taken as "
        "known)."
    )


def test_a_refitted_model_has_the_interval_of_the_one_before_it_and_says_so():
    before, one = found(groups=GROUPS), found(before=GROUPS)
    assert (one.low, one.high) == (before.low, before.high)
    assert one.basis == "model before its refit"
    assert "by the model before it was fitted again on all rows; the refitted one was not itself tested;" in said(one)  # fmt: skip


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ({}, "the model in force was not itself tested, nor one before it"),
        ({"first": 2, "groups": GROUPS}, "the step that was left out earns nothing"),
        ({"first": 3, "before": GROUPS}, "too few of the test rows with such scores responded"),
    ],
    ids=["never_tested", "no_effect", "too_few"],
)
def test_without_an_interval_it_says_why(case, why):
    one = found(**case)
    assert np.isnan([one.low, one.high]).all()
    assert (one.basis, one.missing) == ("none", why)
    assert said(one).endswith(f"(no interval, because {why}).")


def test_a_budget_that_does_not_bind():
    one = found(first=None, groups=GROUPS)
    assert one.missing == "more budget would change nothing"
    assert said(one, binds=False) == "More budget would change nothing: whoever is worth a contact gets one."  # fmt: skip


def test_a_step_from_one_message_to_another_was_not_tested():
    """The second message has an uplift of .04 at the same return; between two ways of one arm the arm's test says it all."""
    uplift = np.column_stack([UPLIFT[:, 0], 2 * UPLIFT[:, 0]])
    one, other = model_of(GROUPS), model_of(GROUPS)
    first = marginal(left_out(1, way=1), uplift, [one, other])
    assert (first.low, first.high) == pytest.approx((0.02 * 3 / 0.04, 0.08 * 3 / 0.04))
    between = marginal(left_out(1, way=1, before=0), uplift, [one, other])
    assert np.isnan(between.low)
    assert between.missing.startswith("the step that was left out goes from one message to another")
    assert marginal(left_out(1, way=1, before=0), UPLIFT[:, [0, 0]], [one, one]).low == found(groups=GROUPS).low  # fmt: skip
