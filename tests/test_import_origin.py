"""The three package names are common ones: from anywhere, all of them must be ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import features
from features.errors import WorkspaceError
from serving import doctor

PROBE = """
import features, training, serving
from pathlib import Path
print(len({Path(p.__file__).parent.parent for p in (features, training, serving)}),
      {p.__project__ for p in (features, training, serving)})
"""


def test_all_three_are_ours_and_side_by_side_from_any_folder(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "1 {'retarget'}"


def test_a_foreign_package_stops_the_command_line(monkeypatch):
    monkeypatch.setattr(features, "__project__", "another")
    with pytest.raises(WorkspaceError, match="must all be retarget's own"):
        doctor.require_own_packages()


def test_no_package_hides_in_the_tests():
    assert list(Path(__file__).parent.rglob("__init__.py")) == []
