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
UPLIFT = np.array([0.5, 0.02, 0.0, 0.001])


def found(*, first=1, groups=None, before=None):
    allocation = SimpleNamespace(first_left_out=first, shadow_price=3.0)
    return marginal(allocation, UPLIFT, SimpleNamespace(groups=groups, groups_before_refit=before))


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
    tested, one = found(groups=GROUPS), found(before=GROUPS)
    assert (one.low, one.high) == (tested.low, tested.high)
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
