"""Runs are whole or absent, named by content, found again, and safe against a second job."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import store
from features.config import BaseConfig, config_hash
from features.contracts import Column, TableContract
from features.errors import InputError, SchemaError, WorkspaceError
from features.provenance import code_version, file_hash
from features.run import read_arrays, read_parquet, to_json
from features.store import CURRENT, PARENT, Workspace

NUMBERS = TableContract("numbers", (Column("n", pa.int64(), low=0),), key=("n",))


class Config(BaseConfig):
    size: int = 3


def count_up(calls, *, values=(1, 2, 3)):
    def compute(writer, figures):
        calls.append(writer.run_id)
        writer.table(pa.table({"n": list(values)}), NUMBERS, source="test")
        figures["rows"] = len(values)

    return compute


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "space")


def carry_out(workspace, compute, *, config=None, inputs=None):
    return workspace.carry_out(
        "count", compute, config=config or Config(), inputs=inputs or {}, layer="features"
    )


def test_the_same_inputs_are_computed_once(workspace):
    calls = []
    first = carry_out(workspace, count_up(calls))
    second = carry_out(workspace, count_up(calls))
    assert (len(calls), first.reused, second.reused) == (1, False, True)
    assert first.run_id == second.run_id
    assert second.read(NUMBERS)["n"].to_pylist() == [1, 2, 3]
    assert second.manifest["figures"] == {"rows": 3}


def test_a_folder_without_manifest_is_no_finished_run(workspace):
    run_id = workspace.run_id("count", config=Config(), inputs={}, layer="features")
    (workspace.root / "count" / run_id).mkdir(parents=True)
    assert workspace.finished("count", run_id) is None
    assert not carry_out(workspace, count_up([])).reused


def continued(workspace, **inputs):
    """A run that continues the one before it; its table has one more row."""
    parent = workspace.parent("count", inputs=inputs)
    earlier = workspace.stored("count", parent)
    count = 0 if earlier is None else earlier.read(NUMBERS).num_rows
    given = inputs if parent is None else {**inputs, PARENT: parent}
    return carry_out(workspace, count_up([], values=range(count + 1)), inputs=given)


def test_a_run_continues_the_one_in_force_and_done_again_it_is_the_same(workspace):
    monday, again = continued(workspace, day="1"), continued(workspace, day="1")
    assert (again.run_id, again.reused) == (monday.run_id, True)
    assert PARENT not in monday.manifest["inputs"]
    tuesday = continued(workspace, day="2")
    assert tuesday.manifest["inputs"] == {"day": "2", PARENT: monday.run_id}
    for _ in range(2):
        done_again = continued(workspace, day="2")
        assert (done_again.run_id, done_again.reused) == (tuesday.run_id, True)
    assert tuesday.read(NUMBERS).num_rows == 2


def test_a_run_done_again_keeps_its_name_when_its_parent_is_gone(workspace):
    monday, tuesday = continued(workspace, day="1"), continued(workspace, day="2")
    workspace.discard(monday)
    assert workspace.stored("count", monday.run_id) is None
    assert continued(workspace, day="2").run_id == tuesday.run_id


@pytest.mark.parametrize("change", [{"config": Config(size=4)}, {"inputs": {"data": "abc"}}])
def test_another_config_or_input_is_another_run(workspace, change):
    first = carry_out(workspace, count_up([]))
    second = carry_out(workspace, count_up([], values=(7,)), **change)
    assert second.run_id != first.run_id
    assert workspace.current("count").run_id == second.run_id
    back = carry_out(workspace, count_up([]))
    assert back.reused
    assert workspace.current("count").run_id == first.run_id


def test_another_step_code_or_library_is_another_run(workspace, monkeypatch):
    def run_id(step="count"):
        return workspace.run_id(step, config=Config(), inputs={}, layer="features")

    ids = [run_id(), run_id("other")]
    monkeypatch.setattr(store, "library_versions", lambda: {"numpy": "0"})
    ids.append(run_id())
    monkeypatch.setattr(store, "code_version", lambda _: "changed")
    ids.append(run_id())
    assert len(set(ids)) == len(ids)


def test_a_failed_run_leaves_the_last_good_one_in_force(workspace):
    good = carry_out(workspace, count_up([]))

    def fail(writer, figures):
        writer.text("half.txt", "half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        carry_out(workspace, fail, config=Config(size=9))
    assert workspace.current("count").run_id == good.run_id
    finished = [p for p in (workspace.root / "count").glob("[!.]*") if p.name != CURRENT]
    assert [p.name for p in finished] == [good.run_id]
    again = carry_out(workspace, count_up([]), config=Config(size=9))
    assert not list((workspace.root / "count").glob(".partial-*"))
    assert again.manifest["files"].keys() == {"numbers.parquet"}


def test_a_table_off_contract_is_not_written(workspace):
    with pytest.raises(SchemaError, match="must be >= 0"):
        carry_out(workspace, count_up([], values=(-1,)))
    with pytest.raises(WorkspaceError, match="has no finished run"):
        workspace.current("count")


def test_the_manifest_vouches_for_every_file(workspace):
    run = carry_out(workspace, count_up([]))
    assert run.manifest["files"] == {"numbers.parquet": file_hash(run.path / "numbers.parquet")}
    assert run.manifest["tables"]["numbers"] == {"rows": 3, "schema": {"n": "int64"}}
    assert run.manifest["config"] == {"size": 3}
    assert run.manifest["config_hash"] == config_hash(Config())


def test_two_workspaces_get_the_same_bytes(tmp_path):
    runs = [carry_out(Workspace(tmp_path / name), count_up([])) for name in ("a", "b")]
    contents = [{p.name: p.read_bytes() for p in run.path.iterdir()} for run in runs]
    assert contents[0] == contents[1]


def test_a_second_job_is_refused(workspace):
    other = Workspace(workspace.root)
    refused = pytest.raises(WorkspaceError, match="another job is writing here")
    with workspace.lock(), refused, other.lock():
        pass


def test_an_unwritable_workspace_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(WorkspaceError, match="cannot be written"),
        Workspace(tmp_path / "file").lock(),
    ):
        pass


def test_csv_cells_that_a_spreadsheet_would_run_are_made_inert(workspace):
    def compute(writer, figures):
        writer.csv(
            "cells.csv",
            pa.table({"t": ["=1+1", "+x", "-x", "@x", "fine", None], "n": [-1, 2, 3, 4, 5, 6]}),
        )

    lines = (carry_out(workspace, compute).path / "cells.csv").read_text().splitlines()
    assert lines[1:] == ['"\'=1+1",-1', '"\'+x",2', '"\'-x",3', '"\'@x",4', '"fine",5', ",6"]


def test_a_tab_or_a_return_before_a_formula_is_made_inert_too(workspace):
    def compute(writer, figures):
        writer.csv("cells.csv", pa.table({"t": ["\t=1+1", "\r=1+1"]}))

    text = (carry_out(workspace, compute).path / "cells.csv").read_bytes().decode()
    assert text == '"t"\n"\'\t=1+1"\n"\'\r=1+1"\n'


def test_arrays_are_never_pickled(workspace, tmp_path):
    objects = np.array([{}], dtype=object)

    def compute(writer, figures):
        writer.arrays("objects", {"a": objects})

    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        carry_out(workspace, compute)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects in dtype"):
        read_arrays(tmp_path)


def test_a_table_is_checked_again_when_it_is_read(workspace):
    run = carry_out(workspace, count_up([]))
    pq.write_table(pa.table({"n": [-1]}), run.path / "numbers.parquet")
    with pytest.raises(SchemaError, match=r"numbers.parquet: column 'n' has 1 bad rows"):
        run.read(NUMBERS)


def test_arrays_come_back_memory_mapped(workspace):
    def compute(writer, figures):
        writer.arrays("numbers", {"a": np.arange(3)})

    arrays = read_arrays(carry_out(workspace, compute).path / "numbers")
    assert isinstance(arrays["a"], np.memmap)
    np.testing.assert_array_equal(arrays["a"], [0, 1, 2])


def test_json_has_no_nan_and_no_numpy():
    assert json.loads(to_json({"b": np.float64("nan"), "a": [np.int64(2), (1.5,)]})) == {
        "a": [2, [1.5]],
        "b": None,
    }


def test_unreadable_parquet_is_an_input_error(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"not parquet")
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no such file"):
        read_parquet(tmp_path / "y.parquet")


def test_a_floor_includes_the_code_below_it():
    assert len({code_version(layer) for layer in ("features", "training", "serving")}) == 3


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            PermissionError(13, "Permission denied", "/data/day1.csv"),
            InputError,
            "/data/day1.csv: cannot be read (Permission denied)",
        ),
        (OSError("broken pipe"), InputError, "count: cannot be read (broken pipe)"),
        (
            OSError(28, "No space left on device", "/tmp/spill"),  # noqa: S108 - a name alone
            WorkspaceError,
            "writing failed (No space left on device)",
        ),
    ],
)
def test_what_cannot_be_read_is_told_from_what_cannot_be_written(workspace, error, kind, words):
    def compute(_writer, _figures):
        raise error

    with pytest.raises(kind) as caught:
        carry_out(workspace, compute)
    assert words in str(caught.value)
    assert "the last good output is intact" in str(caught.value)


def test_what_a_step_cannot_write_itself_is_no_input(workspace):
    def compute(writer, _figures):
        (writer.path / "absent" / "model.txt").write_text("x")

    with pytest.raises(WorkspaceError, match="writing failed"):
        carry_out(workspace, compute)


def test_what_the_writer_cannot_write_is_no_input(workspace):
    def compute(writer, _figures):
        (writer.path / "n.parquet").mkdir()
        writer.parquet("n", pa.table({"n": [1]}))

    with pytest.raises(WorkspaceError, match="writing failed"):
        carry_out(workspace, compute)
