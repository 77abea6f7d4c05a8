"""Both sides of every benchmark do the same work, and the table says so; no time is asserted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as table
from benchmarks import two_stage
from benchmarks.case import ROUNDS, Case, measure

FOLDER = Path(table.__file__).parent


@pytest.mark.parametrize("build", table.BENCHMARKS, ids=lambda build: build.__module__)
def test_both_sides_agree_on_a_tiny_case(build):
    case = build(0.01)
    case.check()
    assert case.rows > 0
    assert (case.peer is None) == (case.require_equal is None) == (not case.peer_name)


@pytest.mark.parametrize("build", table.BENCHMARKS, ids=lambda build: build.__module__)
def test_the_data_are_the_same_every_time(build):
    one, other = (build(0.01).ours() for _ in range(2))
    if hasattr(one, "nnz"):
        one, other = one.toarray(), other.toarray()
    np.testing.assert_array_equal(one, other)


def test_every_file_with_a_case_is_in_the_table():
    listed = {build.__module__ for build in table.BENCHMARKS}
    found = {
        f"benchmarks.{path.stem}"
        for path in FOLDER.glob("*.py")
        if "\ndef case(" in path.read_text()
    }
    assert listed == found


def counting(calls, name, result):
    def work():
        calls.append(name)
        return result

    return work


def test_rounds_alternate_after_one_comparison():
    calls = []
    case = Case(
        task="t",
        rows=10,
        ours=counting(calls, "ours", 1),
        peer_name="peer",
        peer=counting(calls, "peer", 1),
        require_equal=np.testing.assert_equal,
    )
    timing = measure(case)
    assert calls[:2] == ["ours", "peer"]
    rounds = [tuple(calls[first : first + 2]) for first in range(2, len(calls), 2)]
    assert rounds == [("peer", "ours"), ("ours", "peer")] * (ROUNDS // 2) + [("peer", "ours")]
    assert timing.ratio is not None
    words = table.line(case, timing)
    assert words.startswith("t ")
    assert words.endswith(" x")


def test_without_a_peer_there_is_no_ratio():
    case = Case(task="t", rows=10, ours=lambda: 1)
    timing = measure(case)
    assert (timing.peer, timing.ratio) == (None, None)
    assert table.line(case, timing).endswith("\u2013")


def test_different_results_are_not_timed():
    calls = []
    case = Case(
        task="t",
        rows=1,
        ours=counting(calls, "ours", 1),
        peer_name="peer",
        peer=counting(calls, "peer", 2),
        require_equal=np.testing.assert_equal,
    )
    with pytest.raises(AssertionError):
        measure(case)
    assert calls == ["ours", "peer"]


def test_the_second_stage_scores_every_candidate():
    share = two_stage.score_everybody(60, trees=3, n_jobs=1)
    assert share.rows == 60 * two_stage.PER_PERSON
    assert share.features > 0
    assert share.predict > 0
    assert "12,000 candidates" in share.line()
