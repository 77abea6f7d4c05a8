"""Every notebook runs from top to bottom on a finished project, is the same as its text, and is stored without outputs."""

from __future__ import annotations

import shutil
from pathlib import Path

import jupytext
import pytest
from nbmake.nb_run import NotebookRun

from serving.plans import plan_train

FOLDER = Path(__file__).parents[1] / "notebooks"
SECONDS = 300

SHOWN = {
    "01_explore_events_and_features": "events of 160 persons",
    "02_train_and_read_a_run": "treated against control:",
    "03_compare_uplift_experiments": "paired on the same test rows",
    "04_design_and_measure_a_test": "passed   sample ratio, assigned",
}
"""Something that each notebook has to print."""


@pytest.fixture(scope="module")
def project(finished_project, tmp_path_factory):
    """A finished project with a second uplift training."""
    folder = tmp_path_factory.mktemp("notebooks") / "project"
    shutil.copytree(finished_project, folder, symlinks=True)
    second = "learner={kind: s_learner, base: {kind: linear}}"
    training, *_ = plan_train(folder / "uplift.yaml", [second]).jobs
    training.carry_out()
    return folder


def test_every_notebook_is_looked_at():
    assert {path.stem for path in FOLDER.iterdir() if path.is_file()} == set(SHOWN)


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_is_its_text(name):
    text, notebook = (jupytext.read(FOLDER / f"{name}.{kind}") for kind in ("py", "ipynb"))
    update = f"run: make docs (jupytext --to ipynb --update notebooks/{name}.py)"
    assert [(cell.cell_type, cell.source) for cell in notebook.cells] == [
        (cell.cell_type, cell.source) for cell in text.cells
    ], update
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code), update


@pytest.mark.parametrize("name", SHOWN)
def test_a_notebook_runs(name, project, monkeypatch):
    monkeypatch.setenv("PROJECT_FOLDER", str(project))
    result = NotebookRun(FOLDER / f"{name}.ipynb", SECONDS).execute()
    assert result.error is None, result.error
    printed = [
        output.text
        for cell in result.nb.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stdout"
    ]
    assert SHOWN[name] in "".join(printed)
