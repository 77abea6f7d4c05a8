"""A bundle is read exactly as it was written, or not at all."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from features.errors import InputError, WorkspaceError
from training.bundle import read_bundle, read_text_array, text_array, write_bundle
from training.recommenders.buy_again import BuyAgainConfig

CONTENT = {
    "kind": "example",
    "config": BuyAgainConfig(half_life_days=3),
    "facts": {"features": ["x", "y"]},
    "arrays": {"numbers": np.arange(3)},
    "texts": {"model.txt": "tree\n"},
}


@pytest.fixture
def folder(tmp_path):
    write_bundle(tmp_path / "bundle", **CONTENT)
    return tmp_path / "bundle"


def test_round_trip(folder, tmp_path):
    bundle = read_bundle(folder)
    assert bundle.kind == "example"
    assert bundle.config == BuyAgainConfig(half_life_days=3).model_dump(mode="json")
    assert bundle.facts == {"features": ["x", "y"]}
    assert bundle.texts == {"model.txt": "tree\n"}
    np.testing.assert_array_equal(bundle.arrays["numbers"], [0, 1, 2])
    assert "numpy" in bundle.libraries
    assert write_bundle(tmp_path / "again", **CONTENT) == bundle.key
    changed = CONTENT | {"texts": {"model.txt": "tree"}}
    assert write_bundle(tmp_path / "other", **changed) != bundle.key


def test_only_plain_files(folder):
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert names == ["arrays/numbers.npy", "manifest.json", "model.txt"]


def _change(folder):
    (folder / "model.txt").write_text("tree!")


def _drop(folder):
    (folder / "arrays" / "numbers.npy").unlink()


def _add(folder):
    (folder / "arrays" / "extra.npy").write_bytes(b"x")


def _link(folder):
    (folder / "model.txt").rename(folder.parent / "elsewhere")
    (folder / "model.txt").symlink_to(folder.parent / "elsewhere")


def _no_manifest(folder):
    (folder / "manifest.json").unlink()


def _broken_manifest(folder):
    (folder / "manifest.json").write_text("{")


def _other_manifest(folder):
    (folder / "manifest.json").write_text("[]")


def _without_kind(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["kind"]
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_change, "holds 'model.txt' with another content than its manifest says"),
        (_drop, "lacks 'arrays/numbers.npy'"),
        (_add, "holds 'arrays/extra.npy', which its manifest does not name"),
        (_link, "holds a link, 'model.txt'"),
        (_no_manifest, "has no readable manifest.json"),
        (_broken_manifest, "has a manifest.json that is not JSON"),
        (_other_manifest, "has a manifest.json without a list of files"),
        (_without_kind, "does not read as a bundle"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_a_damaged_bundle_is_refused(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message):
        read_bundle(folder)


def test_a_pickled_array_is_never_opened(folder):
    """Even with a matching hash."""
    path = folder / "arrays" / "numbers.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    manifest = json.loads((folder / "manifest.json").read_text())
    import hashlib  # noqa: PLC0415

    manifest["files"]["arrays/numbers.npy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="does not read as a bundle"):
        read_bundle(folder)
    assert pickle.dumps  # the format exists; the bundle refuses it


def test_arrays_of_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_bundle(
            tmp_path / "b", kind="x", config=BuyAgainConfig(), arrays={"a": np.array([None])}
        )


def test_an_existing_bundle_is_not_overwritten(folder):
    with pytest.raises(WorkspaceError, match="a bundle goes into a new folder"):
        write_bundle(folder, **CONTENT)


def test_text_arrays_round_trip():
    ids = np.array(["a", "ü\n", "0"], dtype=object)
    assert read_text_array(text_array(ids)).tolist() == ids.tolist()
    assert read_text_array(text_array(ids[:0])).dtype == object
