"""Bids are worth what a contact earns, over what money earns elsewhere, and stay within the bounds of their stage."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from serving.bids import StageBidConfig, bids

STAGE = np.array(["cart", "browse", "browse", "browse", "cart"])
VALUE = np.array([3.0, 1.0, -1.0, np.nan, 2.0])
CONTACT = np.array([True, True, False, False, True])
CONFIG = {"browse": StageBidConfig(factor=0.5, lowest=0.3, highest=1.0)}


def test_value_and_modifier_by_hand():
    found = bids(VALUE, STAGE, CONTACT, CONFIG, reach=0.5, least_return=2.0)
    np.testing.assert_allclose(found.value, [3 / 0.5 / 2, 1 / 0.5 / 2, 0, np.nan, 2 / 0.5 / 2])
    mean = (3 + 1 + 2) / 3
    np.testing.assert_allclose(found.modifier, [3 / mean, 0.3, 0.3, np.nan, 2 / mean])
    assert found.clipped == 1  # browse: 0.5 x 1 / 2 = 0.25 is below 0.3; the other is not contacted


def test_without_a_contact_every_modifier_is_the_factor():
    found = bids(VALUE, STAGE, np.zeros(5, np.bool_), CONFIG, reach=1.0, least_return=1.0)
    np.testing.assert_allclose(found.modifier, [1, 0.5, 0.5, np.nan, 1])
    assert found.clipped == 0


def test_bounds_are_in_order():
    with pytest.raises(ValidationError, match="'lowest' is above 'highest'"):
        StageBidConfig(lowest=2.0, highest=1.0)
