"""A flat-table training leaves a finished run, once, and nothing at all when a gate says no."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.config import load_config
from features.errors import ConfigError, GateError, InputError
from training.compare_uplift import compare_runs, read_run
from training.comparison_report import comparison_lines
from training.predict_uplift import predict_file
from training.train_flat import TRAIN_UPLIFT, train_flat
from training.uplift.config import UpliftTrainingConfig
from training.uplift.model import UpliftModel

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
learner: {kind: t_learner, base: {kind: lightgbm, n_trees: 5, min_child_rows: 20, n_jobs: 1}}
evaluation_model: {kind: lightgbm, n_trees: 5, min_child_rows: 20, n_jobs: 1}
n_folds: 2
"""


@pytest.fixture
def folder(tmp_path, uplift_file):
    (tmp_path / "uplift.yaml").write_text(CONFIG)
    uplift_file(tmp_path, 1_000)
    return tmp_path


def train(folder, *overrides):
    config = load_config(UpliftTrainingConfig, folder / "uplift.yaml", overrides=overrides)
    return train_flat(config, folder=folder)


def test_a_run_holds_metrics_scores_curves_rejects_and_bundles(folder, uplift_file):
    uplift_file(folder, 2_000, extra="mail,1,\n")
    run = train(folder)
    assert run.path.parent == folder / "out" / TRAIN_UPLIFT
    metrics = json.loads((run.path / "metrics.json").read_text())
    population = metrics["population"]
    assert (population["rows_in"], population["rows_out"], population["rejects"]) == (
        2_001,
        2_000,
        1,
    )
    scores = pq.read_table(run.path / "scores.parquet")
    columns = [
        c.LINE,
        c.CONTRAST,
        c.SPLIT,
        c.DESIGN,
        c.ARM,
        c.UPLIFT,
        c.GROUP_LOW,
        c.GROUP_HIGH,
        c.BASE_OUTCOME,
        c.EFFECT_SCORE,
    ]
    assert scores.column_names == columns
    tested = [split == "test" for split in scores[c.SPLIT].to_pylist()]
    assert scores[c.EFFECT_SCORE].is_valid().to_pylist() == tested
    assert scores[c.GROUP_LOW].is_valid().to_pylist() == tested
    assert scores.num_rows == 2_000
    assert pq.read_table(run.path / "curves.parquet").num_rows == 2 * 100
    assert pq.read_table(run.path / "rejects.parquet")[c.REASON_CODE].to_pylist() == [
        "missing_visit"
    ]
    model = UpliftModel.load(run.path / "bundle" / "mail")
    assert model.facts.treated == "mail"


OBSERVED = ("data.probability=estimate", "data.observational=true")


def write_observed(folder, *, n=2_000):
    """Elder people are treated more often and visit more often; the treatment does nothing."""
    rng = np.random.default_rng(0)
    age = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-age))
    visit = rng.random(n) < 1 / (1 + np.exp(1 - age))
    lines = [
        f"{'mail' if t else 'none'},{a:.3f},{int(v)},{'train' if k % 2 else 'test'}"
        for k, (t, a, v) in enumerate(zip(treated, age, visit, strict=True))
    ]
    (folder / "data.csv").write_text("arm,age,visit,part\n" + "\n".join(lines) + "\n")


def test_without_a_lot_every_output_says_so_and_none_speaks_of_lift(folder):
    write_observed(folder)
    run = train(folder, *OBSERVED)
    metrics = json.loads((run.path / "metrics.json").read_text())
    assert metrics["design"] == metrics["contrasts"]["mail"]["design"] == "observational"
    assert metrics["checks"]["sample_ratio"] is None
    (effect,) = metrics["average_effects"]
    assert effect["estimand"] == "ATE, adjusted for the features"
    assert effect["low"] < 0 < effect["high"]
    overlap = metrics["contrasts"]["mail"]["overlap"]
    assert sum(overlap["treated_counts"]) == overlap["n_treated"]
    assert overlap["auc"] == pytest.approx(0.7, abs=0.05)
    prediction = predict_file(run.path / "bundle" / "mail", folder / "data.csv")
    for table in (pq.read_table(run.path / "scores.parquet"), prediction.table):
        assert set(table[c.DESIGN].to_pylist()) == {"observational"}
    texts = [(run.path / name).read_text() for name in ("report.html", "model_card.md")]
    texts.append("\n".join(prediction.lines()))
    other = train(folder, *OBSERVED, "learner.base.n_trees=6")
    runs = [read_run(run.path), read_run(other.path)]
    texts.append("\n".join(comparison_lines(compare_runs(runs), as_json=False)))
    assert all("bservational" in text for text in texts)
    texts.append((run.path / "metrics.json").read_text())
    assert not [text for text in texts if re.search(r"\blift\b", text, re.IGNORECASE)]


def test_a_file_without_rejects_leaves_an_empty_table_of_them(folder):
    assert pq.read_table(train(folder).path / "rejects.parquet").num_rows == 0


def test_a_second_run_computes_nothing_and_changed_data_is_another_run(folder, uplift_file):
    first, second = train(folder), train(folder)
    assert (first.reused, second.reused) == (False, True)
    assert first.path == second.path
    uplift_file(folder, 1_000, extra="none,0.5,1\n")
    assert train(folder).run_id != first.run_id


def test_an_override_replaces_the_path(folder, tmp_path):
    (tmp_path / "data.csv").rename(tmp_path / "other.csv")
    assert not train(folder, "data.path=other.csv").reused


def test_a_missing_file_says_what_to_do(folder):
    with pytest.raises(InputError) as caught:
        train(folder, "data.path=gone.csv")
    assert caught.value.exit_code == 2
    assert "gone.csv: no such file" in str(caught.value)


def test_a_gate_leaves_the_last_good_run_in_place(folder, uplift_file):
    good = train(folder)
    uplift_file(folder, 1_000, share=0.7)
    with pytest.raises(GateError):
        train(folder)
    runs = [
        path.name
        for path in (folder / "out" / TRAIN_UPLIFT).iterdir()
        if not path.name.startswith(".")
    ]
    assert sorted(runs) == sorted([good.run_id, "current"])


def test_histories_are_not_a_file(folder):
    text = CONFIG[: CONFIG.index("data:")] + (
        "data: {kind: histories, experiment: e, outcomes: {visit: binary}}\ntarget: visit\n"
    )
    (folder / "uplift.yaml").write_text(text)
    with pytest.raises(
        ConfigError, match="data: is of kind 'histories'; this training reads one file"
    ):
        train(folder)


def test_the_shipped_configs_are_valid_and_short():
    root = Path(__file__).parents[2] / "configs"
    for path in (root / "hillstrom/uplift.yaml", root / "complete_journey/uplift.yaml"):
        load_config(UpliftTrainingConfig, path)
        lines = path.read_text().splitlines()
        assert len(lines) <= 25
        assert lines[0].startswith(f"# retarget train configs/{path.parent.name}/uplift.yaml")
