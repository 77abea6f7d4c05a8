"""The cleaning benchmark: the same logs every time, with the flaws they promise, and both sides go through all of them."""

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from benchmarks import ingest
from benchmarks.shop_logs import write_logs
from features.sources.raw_events import RAW_EVENTS

ROWS = 20_000


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    write_logs(folder, rows=ROWS)
    return folder


def test_the_logs_hold_what_they_promise(logs, tmp_path):
    table = pq.read_table(logs)
    assert table.schema.equals(RAW_EVENTS)
    assert table.num_rows == ROWS
    resent = pc.sum(pc.starts_with(table["source"], "server")).as_py()
    assert resent == round(0.05 * ROWS)
    unnamed = pc.sum(pc.equal(table["event_name"], "purchased")).as_py()
    assert unnamed == pytest.approx(0.01 * ROWS / 6, rel=0.2)
    write_logs(tmp_path, rows=ROWS)
    assert pq.read_table(tmp_path).equals(table)


def test_both_sides_go_through_every_row(logs, tmp_path):
    for name, side in ingest.SIDES.items():
        assert side(logs, tmp_path / f"{name.split()[0]}.parquet") == ROWS
    kept = pq.read_metadata(tmp_path / "clean.parquet").num_rows
    assert 0.92 * ROWS < kept < 0.95 * ROWS


def test_the_exponent_is_that_of_the_curve():
    assert ingest.exponent([1, 10, 100], [3, 3 * 10**1.5, 3 * 10**3]) == pytest.approx(1.5)
    assert ingest.exponent([1e6, 1e7], [2, 40]) == pytest.approx(np.log10(40 / 2))
