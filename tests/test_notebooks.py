"""Every notebook runs from top to bottom on a finished project."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, finished_project, capsys):
    text = path.read_text()
    folder = 'Path("configs/complete_journey")'
    assert folder in text
    code = compile(text.replace(folder, f"Path({str(finished_project)!r})"), str(path), "exec")
    exec(code, {"__name__": "notebook"})  # noqa: S102 - our own file
    assert "contacted" in capsys.readouterr().out
