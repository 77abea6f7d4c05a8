"""The guard knows where each package comes from, and stops when one of them lies elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

import training
from features.errors import WorkspaceError
from serving.doctor import package_origins, require_own_packages

ROOT = Path(__file__).parents[2]


def test_the_packages_come_from_this_project():
    assert package_origins() == {
        "features": ROOT / "features",
        "training": ROOT / "training",
        "serving": ROOT / "serving",
    }
    require_own_packages()


def test_a_package_that_lies_apart_is_named_with_its_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "__file__", str(tmp_path / "training" / "__init__.py"))
    with pytest.raises(WorkspaceError) as caught:
        require_own_packages()
    assert f"training from {tmp_path / 'training'}" in str(caught.value)
    assert "must all be retarget's own" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("marker", ["another", None])
def test_a_package_without_our_marker_is_refused(monkeypatch, marker):
    monkeypatch.setattr(training, "__project__", marker)
    with pytest.raises(
        WorkspaceError, match="Install retarget alone in a fresh virtual environment"
    ):
        require_own_packages()
