"""Flat files read into histories, and refused with a reason."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest

from features.errors import GateError, InputError, SchemaError
from training.flat_recommender.config import InteractionTableData, SessionListsData
from training.flat_recommender.interactions import (
    last_prefixes,
    read_interaction_table,
    read_sessions,
)

TABLE = InteractionTableData(
    kind="flat_table", path="rows.csv", person="who", item="what", time="when", max_reject_share=0.4
)
LISTS = SessionListsData(kind="session_lists", path="train.jsonl.gz", test="test.jsonl")


def write_table(folder, text):
    (folder / "rows.csv").write_text(text)
    return folder


def write_lists(folder, sessions, pairs):
    with gzip.open(folder / "train.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(session) + "\n" for session in sessions)
    (folder / "test.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    return folder


def test_rows_of_a_table_become_histories(tmp_path):
    folder = write_table(tmp_path, "who,what,when\n7,b,20\n9,a,5\n7,a,10.5\n")
    rows, flat = read_interaction_table(TABLE, folder=folder)
    assert rows.item_ids.tolist() == ["a", "b"]
    assert rows.person.tolist() == [0, 1, 0]
    assert rows.item.tolist() == [1, 0, 0]
    assert rows.time.tolist() == [20_000_000, 5_000_000, 10_500_000]
    assert flat.rejects.num_rows == 0
    histories = rows.histories(np.array([0, 2]), event="view")
    # the first person's two rows, oldest first
    assert histories.item_ids[histories.item].tolist() == ["a", "b"]
    everyone = histories.everyone(rows.end)
    assert (everyone.stop - everyone.start).tolist() == [2]


def test_rows_without_a_value_are_refused_and_counted(tmp_path):
    folder = write_table(tmp_path, "who,what,when\n7,b,20\n,a,5\n7,a,1\n8,a,\n9,b,2\n")
    rows, flat = read_interaction_table(TABLE, folder=folder)
    assert len(rows.item) == 3
    assert flat.rejects.num_rows == 2
    with pytest.raises(GateError, match="2 of 5 rows are refused; at most 10% may be"):
        read_interaction_table(TABLE.model_copy(update={"max_reject_share": 0.1}), folder=folder)


def test_a_missing_column_is_named(tmp_path):
    folder = write_table(tmp_path, "who,whatt,when\n7,b,20\n")
    with pytest.raises(SchemaError, match=r"column 'what' is missing .*Did you mean 'whatt'"):
        read_interaction_table(TABLE, folder=folder)


def test_sessions_follow_each_other_and_test_pairs_come_last(tmp_path):
    folder = write_lists(tmp_path, [[5, 7], [7, 5, 7]], [[["5", 9], 7], [[5], 9], [[7], 5]])
    train, pairs, _ = read_sessions(LISTS, folder=folder)
    assert train.item_ids.tolist() == ["5", "7", "9"]
    assert train.person.tolist() == [0, 0, 1, 1, 1]
    assert train.item.tolist() == [0, 1, 1, 0, 1]
    assert np.diff(train.time).tolist() == [1_000, 59_999_000, 1_000, 1_000]
    assert pairs.prefixes.item.tolist() == [0, 2, 0, 1]
    assert pairs.prefixes.person.tolist() == [0, 0, 1, 2]
    assert pairs.target.tolist() == [1, 2, 0]
    assert pairs.prefixes.time.min() > train.time.max()
    # the second pair is the first one a step earlier; the third is another session
    assert pairs.session.tolist() == [0, 0, 1]


def test_the_last_sessions_are_held_out_prefix_by_prefix(tmp_path):
    folder = write_lists(tmp_path, [[1, 2], [3, 4], [2, 3, 4], [1, 3]], [[[1], 2]])
    train, _, _ = read_sessions(LISTS, folder=folder)
    stays, held_out = last_prefixes(train, share=0.5, rows=99, rng=np.random.default_rng(0))
    assert train.person[stays].tolist() == [0, 0, 1, 1]
    ids = train.item_ids
    assert ids[held_out.target].tolist() == ["3", "4", "3"]
    assert ids[held_out.prefixes.item].tolist() == ["2", "2", "3", "1"]
    assert held_out.prefixes.person.tolist() == [0, 1, 1, 2]
    assert held_out.session.tolist() == [0, 0, 1]
    _, drawn = last_prefixes(train, share=0.5, rows=2, rng=np.random.default_rng(0))
    assert len(drawn.target) == 2


@pytest.mark.parametrize(
    ("sessions", "pairs", "message"),
    [
        ([[1], []], [[[1], 2]], "train.jsonl.gz: line 2 is no list of item ids"),
        ([[1, True]], [[[1], 2]], "train.jsonl.gz: line 1 is no list of item ids"),
        ([{"a": 1}], [[[1], 2]], "line 1 is no list of item ids"),
        ([[1]], [[[1], 2, 3]], "test.jsonl: line 1 is no pair of item ids and next item"),
        ([[1]], [[[], 2]], "test.jsonl: line 1 is no list of item ids"),
        ([[1]], [[[1], None]], "test.jsonl: line 1 is no list of item ids"),
        ([[1]], [], "test.jsonl: holds no line"),
    ],
    ids=["empty", "flag", "object", "three", "no prefix", "no target", "no lines"],
)
def test_lines_of_another_shape_are_refused(tmp_path, sessions, pairs, message):
    folder = write_lists(tmp_path, sessions, pairs)
    with pytest.raises(InputError, match=message):
        read_sessions(LISTS, folder=folder)


def test_a_line_that_is_no_json_is_refused(tmp_path):
    folder = write_lists(tmp_path, [[1]], [])
    (folder / "test.jsonl").write_text("[[1], 2]\n[[1], \n")
    with pytest.raises(InputError, match="line 2 is no JSON"):
        read_sessions(LISTS, folder=folder)
