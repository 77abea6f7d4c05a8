"""Train from a file, score another, compare two trainings: the commands an analyst types."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

CONFIG = """\
kind: uplift
workspace: out
data:
  kind: flat_table
  path: data.csv
  treatment: arm
  control: none
  treated: [mail]
  outcomes: {visit: binary}
  features: [age]
  probability: 0.5
target: visit
learner: {kind: t_learner, base: {kind: linear}}
evaluation_model: {kind: linear}
n_folds: 2
"""


def trained_path(done):
    """Folder of the training among the steps that were carried out."""
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    return next(step["path"] for step in steps if "train-uplift" in step["path"])


@pytest.fixture(scope="module")
def trained(retarget, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uplift")
    rng = np.random.default_rng(0)
    age, treated = rng.normal(size=3_000), rng.random(3_000) < 0.5
    visit = rng.random(3_000) < 0.2 + 0.4 * treated * (age > 0)
    lines = [
        f"{'mail' if t else 'none'},{a:.3f},{int(v)}"
        for t, a, v in zip(treated, age, visit, strict=True)
    ]
    (folder / "data.csv").write_text("arm,age,visit\n" + "\n".join(lines) + "\n")
    (folder / "uplift.yaml").write_text(CONFIG)
    paths = []
    for learner in ("t_learner", "class_transformation"):
        done = retarget("train", "uplift.yaml", f"learner.kind={learner}", "--log-json", cwd=folder)
        assert done.returncode == 0, done.stderr
        paths.append(trained_path(done))
    return folder, paths


def test_predict_writes_the_scores_and_says_what_they_are(retarget, trained):
    folder, (run, _) = trained
    done = retarget(
        "predict", "data.csv", "--bundle", f"{run}/bundle/mail", "--out", "s.parquet", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3,000 rows scored, 0 refused\nuplift in visit of 'mail' over")
    assert pq.read_table(folder / "s.parquet").num_rows == 3_000


def test_compare_prints_paired_differences(retarget, trained):
    folder, runs = trained
    done = retarget("compare", *runs, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "paired on the same test rows" in done.stdout
    assert len(done.stdout.splitlines()) == 3 + 4


def test_compare_takes_a_workspace_and_writes_a_table(retarget, trained):
    folder, runs = trained
    asked = ("--tracking-project", "out", "--out", "compared.csv")
    done = retarget("compare", *asked, cwd=folder)
    assert done.returncode == 0, done.stderr
    in_force = Path(runs[1]).name  # trained last
    assert done.stdout.startswith(f"each run against {in_force[:12]} (class_transformation)")
    table = pacsv.read_csv(folder / "compared.csv")
    assert set(table["learner"].to_pylist()) == {"t_learner"}
    assert table.num_rows == 4


def test_a_comparison_of_other_rows_ends_with_1_and_no_run_with_2(retarget, trained):
    folder, (run, _) = trained
    other = retarget(
        "train", "uplift.yaml", "split={kind: random, seed: 9}", "--log-json", cwd=folder
    )
    assert other.returncode == 0, other.stderr
    path = trained_path(other)
    refused = retarget("compare", run, path, cwd=folder)
    assert refused.returncode == 1
    assert "differ in test rows" in refused.stderr
    assert retarget("compare", run, str(folder), cwd=folder).returncode == 2
