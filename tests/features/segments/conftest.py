"""Facts that rules need beside the histories, empty unless a test fills them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.builders.knowledge import Knowledge
from features.segments.rules import SegmentFacts
from features.segments.value import PersonValues, ValueConfig, value_cuts


@pytest.fixture(scope="session")
def make_facts(day):
    def make(at, **given):
        items = given.pop("items", {c.ITEM_ID: ["x", "y", "z"], c.CATEGORY: ["tea", "tea", "cups"]})
        table = pa.table(items)
        nobody = PersonValues(np.empty(0), np.empty(0, np.int64), np.empty(0))
        usual = {
            "knowledge": Knowledge.of(),
            "cuts": value_cuts([nobody], ValueConfig()),
        }
        return SegmentFacts(as_of=day(at), currency="USD", items=table, **usual | given)

    return make
