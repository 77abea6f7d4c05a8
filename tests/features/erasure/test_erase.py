"""Erasure over a whole workspace: nothing names the person, the others are as before, killed or not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features import store
from features.config import validate
from features.erasure.erase import PLAN, erase
from features.erasure.request import ErasureConfig
from features.erasure.tombstones import drop_erased
from features.errors import ConfigError, GateError, InputError, WorkspaceError
from features.provenance import file_hash
from features.run import read_parquet
from features.store import Workspace

ADA = (b"person-ada", b"ada@mail.example", b"cookie-ada", b"person-ada-younger")


@pytest.fixture
def run_erasure(tmp_path):
    def run(workspace, listed="user_id\nada@mail.example\nstranger-1\n", salt="test salt"):
        (tmp_path / "list.csv").write_text(listed)
        keys = {"kind": "erasure", "list": "list.csv", "salt": salt}
        return erase(workspace, validate(ErasureConfig, keys, subject="test"), folder=tmp_path)

    return run


def contents(root):
    """Every file with its content, every link with its target."""
    paths = [path for path in sorted(root.rglob("*")) if not path.is_dir() or path.is_symlink()]
    return {
        path.relative_to(root).as_posix(): str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in paths
    }  # fmt: skip


def every_text(root):
    """The bytes of every file and name, tables as the text of their cells."""
    for path in sorted(root.rglob("*")):
        yield path.name.encode()
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield str(pq.read_table(path).to_pydict()).encode()


def names_ada(root):
    return [text[:80] for text in every_text(root) if any(name in text for name in ADA)]


def test_no_file_names_the_person_any_more(workspace, run_erasure):
    assert names_ada(workspace.root)
    run = run_erasure(workspace)
    assert names_ada(workspace.root) == []
    proof = run.json("erasure_proof.json")
    assert proof["search"]["hits"] == 0
    assert proof["search"]["ids_searched_as_text"] == 6  # five of the person's, one of a stranger
    assert not (workspace.root / PLAN).exists()


def test_the_proof_counts_rows_and_hides_ids(workspace, run_erasure):
    superseded = next(r for r in workspace.runs() if r.manifest["step"] == "ingest")
    run = run_erasure(workspace)
    proof = run.json("erasure_proof.json")
    assert proof["ids_listed"] == {"person_id": 0, "user_id": 2, "anonymous_id": 0}
    assert proof["ids_erased"] == {"person_id": 2, "user_id": 2, "anonymous_id": 2}
    (unknown,) = proof["not_found"]
    assert unknown.startswith("user_id:")
    assert len(unknown) == len("user_id:") + 64
    entry = proof["runs"][f"ingest/{superseded.run_id}"]
    assert entry["tables"]["events.parquet"] == {"before": 5, "removed": 3, "after": 2}
    for table in (t for e in proof["runs"].values() for t in e["tables"].values()):
        assert table["before"] - table["removed"] == table["after"]
    per_version = (3 + 2 + 1 + 1) + (3 + 1) + (2 + 2 + 1)
    assert proof["rows_removed"] == 2 * per_version + (2 + 2 + 1)  # two versions and a tracked copy
    kept = (workspace.root / "erased.json").read_text() + json.dumps(proof)
    assert not any(name.decode() in kept for name in (*ADA, b"stranger-1"))


def test_others_are_as_before(built, workspace, run_erasure):
    run_erasure(workspace)
    before, after = built.current("score"), workspace.current("score")
    table = read_parquet(before.path / "decisions.parquet")
    stays = pc.not_equal(table[c.PERSON_ID], "person-ada")
    assert read_parquet(after.path / "decisions.parquet").equals(table.filter(stays))
    assert (after.path / "notes.json").read_bytes() == (before.path / "notes.json").read_bytes()
    assert workspace.current("measure").run_id == built.current("measure").run_id


def test_new_runs_say_where_they_come_from_and_vouch_for_their_files(built, workspace, run_erasure):
    run_erasure(workspace)
    steps = ("ingest", "features", "score")
    old, new = ({s: w.current(s) for s in steps} for w in (built, workspace))
    for step in steps:
        manifest = new[step].manifest
        assert manifest["erased_from"] == old[step].run_id != new[step].run_id
        assert manifest["inputs"] == {
            name: new[name].run_id if name in steps else value
            for name, value in old[step].manifest["inputs"].items()
        }
        files = {name: file_hash(new[step].path / name) for name in manifest["files"]}
        assert files == manifest["files"]
        found = {
            p.relative_to(new[step].path).as_posix()
            for p in new[step].path.rglob("*")
            if p.is_file()
        }
        assert found == {*files, "manifest.json"}
        assert old[step].run_id not in [r.run_id for r in workspace.runs()]
    assert new["ingest"].manifest["tables"]["events"]["rows"] == 2
    assert new["ingest"].manifest["tables"]["catalog"]["rows"] == 3
    assert len([r for r in workspace.runs() if r.manifest["step"] == "ingest"]) == 2


def test_a_tracked_copy_is_cleaned_in_its_place(workspace, run_erasure):
    run_erasure(workspace)
    copy = workspace.root / "mlartifacts" / "0f" / "artifacts"
    manifest = json.loads((copy / "manifest.json").read_text())
    assert manifest["run_id"] == workspace.current("score").run_id
    names = [n for n in manifest["files"] if not n.startswith("registered/")]
    assert {n: file_hash(copy / n) for n in names} == {n: manifest["files"][n] for n in names}
    assert read_parquet(copy / "decisions.parquet").num_rows == 2
    assert (copy / "registered" / "lift" / "lift.json").is_file()


def test_pages_are_removed_to_be_written_again(workspace, run_erasure):
    run_erasure(workspace)
    assert [r for r in workspace.runs() if r.manifest["step"] == "report"] == []
    with pytest.raises(WorkspaceError, match="has no finished run"):
        workspace.current("report")


def test_a_list_of_strangers_changes_nothing_but_the_tombstones(built, workspace, run_erasure):
    run = run_erasure(workspace, "person_id\nstranger-1\n")
    fresh = {
        "erased.json",
        f"erase/{run.run_id}/erasure_proof.json",
        f"erase/{run.run_id}/manifest.json",
    }
    expected = {k: v for k, v in contents(built.root).items() if ".partial-" not in k}
    found = {
        k: v for k, v in contents(workspace.root).items() if k not in fresh and k != "erase/current"
    }
    assert found == expected
    assert drop_erased(pa.table({"person_id": ["stranger-1"]}), workspace).num_rows == 0


def test_the_same_list_again_finds_nothing_left(workspace, run_erasure):
    run_erasure(workspace)
    before = {k: v for k, v in contents(workspace.root).items() if not k.startswith("erase/")}
    proof = run_erasure(workspace).json("erasure_proof.json")
    assert (proof["rows_removed"], proof["runs"], proof["not_found"]) == (0, {}, [])
    assert len(proof["on_earlier_lists"]) == 2
    assert before == {
        k: v for k, v in contents(workspace.root).items() if not k.startswith("erase/")
    }


EVERY = 7
"""Of how many moments one is tried, for the time it takes; 1 = all of them."""


class Killed(BaseException):
    """The process ends here."""


def kill_at(monkeypatch, moment):
    """Let the process end at the n-th change of the file system."""
    count = 0

    def counting(change):
        def changed(*arguments, **keys):
            nonlocal count
            count += 1
            if count == moment:
                raise Killed
            return change(*arguments, **keys)

        return changed

    for name in ("rename", "replace", "unlink", "mkdir", "symlink_to", "write_text"):
        monkeypatch.setattr(Path, name, counting(getattr(Path, name)))
    monkeypatch.setattr(shutil, "rmtree", counting(shutil.rmtree))
    monkeypatch.setattr(pq, "write_table", counting(pq.write_table))
    return lambda: count


def test_killed_at_any_moment_and_run_again_it_ends_the_same(
    built, run_erasure, tmp_path, monkeypatch
):
    monkeypatch.setattr(store, "_sync", lambda _: None)  # the disk outlives a killed process
    straight = Workspace(shutil.copytree(built.root, tmp_path / "straight", symlinks=True))
    run_erasure(straight)
    expected = contents(straight.root)
    moment = 1
    while True:
        root = shutil.copytree(built.root, tmp_path / f"killed-{moment}", symlinks=True)
        with monkeypatch.context() as patched:
            kill_at(patched, moment)
            try:
                run_erasure(Workspace(root))
            except Killed:
                pass
            else:
                break
        run_erasure(Workspace(root))
        found = contents(root)
        assert found.keys() == expected.keys(), moment
        assert found == expected, moment
        shutil.rmtree(root)
        moment += EVERY
    assert moment > 50


def test_another_list_waits_for_the_unfinished_erasure(workspace, run_erasure, monkeypatch):
    with monkeypatch.context() as patched:
        kill_at(patched, 20)
        with pytest.raises(Killed):
            run_erasure(workspace)
    with pytest.raises(WorkspaceError, match="was not finished, with another list"):
        run_erasure(workspace, "person_id\nperson-eve\n")
    run_erasure(workspace)
    assert run_erasure(workspace, "person_id\nperson-eve\n").json("erasure_proof.json")["runs"]


def test_an_unreadable_list_changes_nothing(built, workspace, run_erasure):
    with pytest.raises(InputError):
        run_erasure(workspace, "name\nada\n")
    assert contents(workspace.root) == contents(built.root)


def test_a_place_without_runs_is_refused(tmp_path, run_erasure):
    with pytest.raises(WorkspaceError, match="holds no run"):
        run_erasure(Workspace(tmp_path / "typo"))
    assert not (tmp_path / "typo").exists()


def test_another_salt_changes_nothing(workspace, run_erasure):
    run_erasure(workspace, "person_id\nstranger-1\n")
    before = contents(workspace.root)
    with pytest.raises(ConfigError, match="'salt'"):
        run_erasure(workspace, salt="another salt")
    assert contents(workspace.root) == before


def test_a_file_that_cannot_be_cleaned_is_a_gate(workspace, run_erasure):
    stray = workspace.root / "notes.txt"
    stray.write_text("ask person-ada\n")
    with pytest.raises(GateError, match="still names an erased person") as caught:
        run_erasure(workspace)
    assert caught.value.exit_code == 1
    assert not any(name.decode() in str(caught.value) for name in ADA)
    proof = workspace.current("erase").json("erasure_proof.json")
    assert proof["search"]["files_with_hits"] == ["notes.txt"]
    stray.unlink()
    assert run_erasure(workspace).json("erasure_proof.json")["search"]["hits"] == 0
    assert names_ada(workspace.root) == []
