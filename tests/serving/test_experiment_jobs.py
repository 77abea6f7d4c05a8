"""`retarget design` and `retarget measure` on flat tables: planned before any data is read, gates end with 1."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.errors import GateError
from serving.cli import app
from serving.experiment_jobs import plan_design, plan_measure

MEASURE = """\
kind: measure
workspace: ws
data: {kind: flat_table, path: test.parquet, arm: arm, control: none, treated: [ads], probability: 0.5}
outcomes: {visit: binary}
primary: [visit]
"""
DESIGN = """\
kind: design
workspace: ws
history: {kind: flat_table, path: test.parquet, persons_per_week: 1000}
outcomes: {visit: {kind: binary, lift: 0.2}}
replays: 0
"""


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    arm = np.where(rng.random(2_000) < 0.5, "ads", "none")
    visit = (rng.random(2_000) < 0.3 + 0.1 * (arm == "ads")).astype(int)
    pq.write_table(pa.table({"arm": arm, "visit": visit}), tmp_path / "test.parquet")
    (tmp_path / "measure.yaml").write_text(MEASURE)
    (tmp_path / "design.yaml").write_text(DESIGN)
    return tmp_path


def test_measure_shows_the_headline(folder, monkeypatch):
    monkeypatch.setattr("training.experiments.measure_run.track_run", lambda *_, **__: None)
    plan = plan_measure(folder / "measure.yaml", ["primary=[visit]"])
    (job,) = plan.jobs
    figures = job.carry_out().manifest["figures"]
    assert plan.workspace.root == folder / "ws"
    assert figures["checks"] == "2 of 2 passed"
    assert figures["low"] < 0.1 < figures["high"]
    assert set(job.shown) <= set(figures)


def test_a_gate_ends_with_1_and_writes_nothing(folder):
    plan = plan_measure(folder / "measure.yaml", ["data.probability=0.6"])
    with pytest.raises(GateError, match="sample ratio, assigned: none") as error:
        plan.jobs[0].carry_out()
    assert error.value.exit_code == 1
    assert not (folder / "ws/measure-experiment/current").exists()


def test_design_tells_a_line_per_plan(folder):
    plan = plan_design(folder / "design.yaml", ["holdout_shares=[0.5, 0.1]"])
    (job,) = plan.jobs
    run = job.carry_out()
    assert len(job.told(run)) == 2
    assert set(job.shown) <= set(run.manifest["figures"])


def test_the_command_line_knows_both(folder):
    for command in ("measure", "design"):
        answer = CliRunner().invoke(app, [command, str(folder / f"{command}.yaml"), "--dry-run"])
        assert answer.exit_code == 0, answer.output
        assert f"[1/1] {command}" in answer.output


def test_regions_are_designed_and_measured_by_the_same_commands(tmp_path, monkeypatch):
    monkeypatch.setattr("training.experiments.regions.run.track_run", lambda *_, **__: None)
    rng = np.random.default_rng(0)
    days = np.datetime64("2026-01-01") + np.arange(50)
    table = {
        "region": np.repeat([f"r{place:02d}" for place in range(12)], 50),
        "day": np.tile(days.astype(str), 12),
        "sales": rng.gamma(100, 1, 600),
    }
    pq.write_table(pa.table(table), tmp_path / "sales.parquet")
    (tmp_path / "design.yaml").write_text(
        "kind: design_regions\nworkspace: ws\ndata: {path: sales.parquet}\noutcomes: {sales: {lift: 0.1}}\n"
        "alike_in: sales\nsalt: spring\ntest_days: [7]\n"
    )
    (tmp_path / "measure.yaml").write_text(
        "kind: measure_regions\nworkspace: ws\ndata: {path: sales.parquet}\nlot: {path: lot.parquet}\n"
        "start: 2026-02-01\noutcomes: {sales: {}}\nprimary: [sales]\n"
    )
    (job,) = plan_design(tmp_path / "design.yaml", []).jobs
    run = job.carry_out()
    assert len(job.told(run)) == 2
    assert set(job.shown) <= set(run.manifest["figures"])
    (run.path / "assignment.parquet").rename(tmp_path / "lot.parquet")
    (job,) = plan_measure(tmp_path / "measure.yaml", ["method=difference_in_differences"]).jobs
    figures = job.carry_out().manifest["figures"]
    assert set(job.shown) <= set(figures)
    assert figures["low"] < 0.0 < figures["high"]
