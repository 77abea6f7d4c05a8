"""Refused rows: each has a place of its own, and too many stop the run."""

import pyarrow as pa
import pytest

from features.contracts import check
from features.errors import GateError
from features.ingest.rejects import count_reasons, refused, require_balance, require_quality
from features.tables import REJECTS


def events(*lines):
    n = len(lines)
    columns = {"source": ["f"] * n, "line": pa.array(lines, pa.int64()), "item_id": [*"ABC"][:n]}
    return pa.table(columns)


def test_events_of_one_line_are_told_apart():
    table = refused(events(7, 8, 7), "bad_value", shown="item_id")
    assert check(table, REJECTS, source="test")["source"].to_pylist() == ["f", "f", "f#2"]
    assert table["raw_value"].to_pylist() == ["A", "B", "C"]
    assert refused(events(1), "quarantined_identity", shown=None)["raw_value"].to_pylist() == [None]


def test_a_row_that_vanishes_stops_the_run():
    with pytest.raises(
        GateError, match=r"3 rows came in, 2 went out; rows in = rows out \+ rejects"
    ):
        require_balance(3, 2)


@pytest.mark.parametrize(
    ("code", "advice"), [("bad_value", "Mend the source"), ("late_event", "late_days")]
)
def test_too_many_stop_the_run_with_the_way_on(code, advice):
    table = refused(events(1, 2), code, shown=None)
    assert count_reasons(table) == {code: 2}
    require_quality(table, 4, max_reject_rate=0.5)
    with pytest.raises(GateError, match=rf"66\.7% of 3 rows .* '{code}' \(2\).*{advice}"):
        require_quality(table, 3, max_reject_rate=0.5)
