"""Sends of other systems join the campaign's own exposures; a log that cannot be read whole stops the run."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.errors import InputError
from features.tables import EXPOSURES
from serving.contact_log import contact_log
from serving.exports.person_lists import KnownIds

KNOWN = KnownIds(frozenset({"p1", "p2"}), {"old": "p1"}, {"ann": "p2"})
MOMENT = datetime(2017, 5, 1, 10, tzinfo=UTC)


def own():
    row = {
        c.EXPOSURE_ID: "e1",
        c.EXPERIMENT_ID: "x",
        c.PERSON_ID: "p1",
        c.TIME: MOMENT,
        c.CHANNEL: "display",
        c.GHOST: True,
        c.COST: 0.0,
        c.CURRENCY: "USD",
    }
    return pa.Table.from_pylist([row], schema=EXPOSURES.schema)


def test_there_may_be_no_log():
    assert contact_log(None, [], KNOWN) is None


def test_own_exposures_and_sends_are_one_table(tmp_path):
    path = tmp_path / "sends.csv"
    path.write_text(
        "person_id,user_id,time,channel,clicked,item_id,step\n"
        "old,,2017-05-01T10:00Z,email,TRUE,i1,value\n"
        ",ann,2017-05-02,sms,,,\n"
        "stranger,,2017-05-02,sms,,,\n"
    )
    found = contact_log(own(), [path], KNOWN).to_pylist()
    kept = [
        (row[c.PERSON_ID], row[c.CHANNEL], row[c.GHOST], row[c.CLICKED], row[c.STEP])
        for row in found
    ]
    assert kept == [
        ("p1", "display", True, None, None),
        ("p1", "email", False, True, "value"),
        ("p2", "sms", False, None, None),
    ]
    assert [row[c.TIME] for row in found] == [MOMENT, MOMENT, datetime(2017, 5, 2, tzinfo=UTC)]


def test_a_parquet_log_has_its_own_times(tmp_path):
    path = tmp_path / "sends.parquet"
    rows = [{"person_id": "p1", "time": MOMENT, "channel": "email"}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    (found,) = contact_log(None, [path], KNOWN).to_pylist()
    assert (found[c.TIME], found[c.CHANNEL]) == (MOMENT, "email")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("p1,yesterday,email,", "unusable 'time' in row 1"),
        ("p1,2017-05-01,,", "unusable 'channel' in row 1"),
        ("p1,2017-05-01,email,maybe", "unusable 'clicked' in row 1"),
    ],
)
def test_a_row_that_cannot_be_read_stops_the_run(tmp_path, row, told):
    path = tmp_path / "sends.csv"
    path.write_text(f"person_id,time,channel,clicked\n{row}\n")
    with pytest.raises(InputError, match=told):
        contact_log(None, [path], KNOWN)


def test_a_missing_log_stops_the_run(tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv"):
        contact_log(own(), [tmp_path / "gone.csv"], KNOWN)
