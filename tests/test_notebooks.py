"""Every notebook runs from top to bottom on a finished project."""

from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.py"))


PRINTED = {"read_a_run": "contacted", "measure_a_test": "passed   sample ratio, assigned"}


def test_every_notebook_is_looked_at():
    assert {path.stem for path in NOTEBOOKS} == set(PRINTED)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(path, finished_project, capsys):
    text = path.read_text()
    folder = 'Path("configs/complete_journey")'
    assert folder in text
    code = compile(text.replace(folder, f"Path({str(finished_project)!r})"), str(path), "exec")
    exec(code, {"__name__": "notebook"})  # noqa: S102 - our own file
    assert PRINTED[path.stem] in capsys.readouterr().out
