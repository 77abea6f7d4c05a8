from features import provenance
from features.provenance import code_version


def test_the_code_version_is_that_of_names_and_contents_up_to_the_floor(tmp_path, monkeypatch):
    for name in ("features/store.py", "features/README.md", "training/fit.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "features" / "store.py"))
    version = code_version.__wrapped__
    first = version("features")
    (tmp_path / "features/README.md").write_text("new")
    (tmp_path / "training/fit.py").write_text("new")
    assert version("features") == first != version("training")
    (tmp_path / "features/store.py").write_text("new")
    changed = version("features")
    (tmp_path / "features/store.py").rename(tmp_path / "features/shop.py")
    assert len({first, changed, version("features")}) == 3
