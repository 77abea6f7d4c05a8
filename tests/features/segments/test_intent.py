"""Tiers by score; without a score the tier is unknown."""

from __future__ import annotations

import pyarrow as pa
import pytest

from features import columns as c
from features.config import validate
from features.errors import ConfigError
from features.segments.intent import IntentConfig, intent_tiers, person_scores


def test_tiers_by_score_and_unknown_without(make_histories):
    histories = make_histories(*((p, 1, "x", None, 1.0, "view") for p in "abcd"))
    scores = pa.table({c.PERSON_ID: ["c", "a", "b", "q"], c.SCORE: [0.5, 0.09, 0.1, 0.9]})
    found = person_scores(histories, scores)
    tiers = intent_tiers(found, IntentConfig(high=0.5, medium=0.1))
    assert tiers.tolist() == ["low", "medium", "high", "unknown"]


def test_without_scores_everybody_is_unknown(make_histories):
    histories = make_histories(("a", 1, "x", None, 1.0, "view"))
    assert intent_tiers(person_scores(histories, None), IntentConfig()).tolist() == ["unknown"]


def test_limits_that_cross_are_a_config_error():
    with pytest.raises(ConfigError, match=r"'medium' \(0.6\) must lie below 'high' \(0.5\)"):
        validate(IntentConfig, {"high": 0.5, "medium": 0.6}, subject="features.yaml")
