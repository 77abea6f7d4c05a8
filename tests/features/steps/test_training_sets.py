"""`retarget features DIR`: what it writes, that it continues, and that a leak stops it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.errors import ConfigError, GateError
from features.leakage.compare import Difference
from features.project import Project
from features.steps import training_sets as step
from features.steps.id_maps import ID_MAPS, load_id_maps
from features.steps.segments import SEGMENTS_STEP
from features.steps.simulate import SIMULATE
from features.steps.training_sets import TRAINING_SETS, leakage_lines
from features.tables import ASSIGNMENTS, OUTCOMES, PERSON_TIERS, SEGMENTS
from features.training_sets.interactions import read_interactions
from serving.plans import plan_features, plan_ingest


@pytest.fixture
def workspace(finished_project):
    return Project(finished_project).workspace


def test_the_sets_are_told_in_figures(workspace):
    run = workspace.current(TRAINING_SETS)
    sets = run.json("sets.json")
    assert set(sets) == {"ranking", "uplift", "interactions"}
    for name, facts in sets.items():
        stored = pq.read_table(run.path / f"{name}.parquet")
        assert (facts["rows"], facts["columns"]) == (stored.num_rows, stored.num_columns)
        assert run.manifest["tables"][name]["rows"] == stored.num_rows > 0
        assert len(facts["schema_hash"]) == 16
        assert len(facts["config_hash"]) == 64
    ranking = pq.read_table(run.path / "ranking.parquet")
    assert sets["ranking"]["label_rate"] == pytest.approx(pc.mean(ranking[c.LABEL]).as_py())
    assert 0 < sets["ranking"]["label_rate"] < sets["ranking"]["candidate_recall"] <= 1
    assert sets["ranking"]["last"] == "2017-12-18T00:00:00+00:00"


def test_the_leakage_report_names_every_set(workspace):
    run = workspace.current(TRAINING_SETS)
    assert run.json("leakage.json")["passed"]
    told = "\n".join(leakage_lines(run))
    assert all(f"{name}: " in told for name in ("ranking", "interactions", "uplift"))
    assert "no difference" in told


def test_every_assignment_is_a_row_with_the_outcome_that_was_recorded(workspace):
    run, simulated = workspace.current(TRAINING_SETS), workspace.current(SIMULATE)
    rows = pq.read_table(run.path / "uplift.parquet")
    assert rows.num_rows == simulated.read(ASSIGNMENTS).num_rows
    outcomes = simulated.read(OUTCOMES)
    assert pc.sum(rows["revenue_7d"]).as_py() == pytest.approx(pc.sum(outcomes[c.REVENUE]).as_py())
    assert not pc.any(rows["censored_7d"]).as_py()


def test_the_interactions_are_a_matrix_under_stable_numbers(workspace):
    run = workspace.current(TRAINING_SETS)
    persons, items = load_id_maps(workspace.current(ID_MAPS))
    matrix = read_interactions(
        pq.read_table(run.path / "interactions.parquet"), persons=persons, items=items
    )
    assert matrix.shape == (persons.free, items.free)
    assert (np.diff(matrix.indptr) > 0).mean() > 0.9


def test_segments_and_tiers_keep_their_contracts(workspace):
    run = workspace.current(SEGMENTS_STEP)
    members, tiers = run.read(SEGMENTS), run.read(PERSON_TIERS)
    primary = members.filter(members[c.PRIMARY])
    assert len(primary[c.PERSON_ID].unique()) == primary.num_rows
    assert run.manifest["figures"]["sizes"]["high_value"] == pytest.approx(
        0.2 * tiers.num_rows, rel=0.1
    )
    assert "are predicted below" in run.manifest["figures"]["too_small"]


def test_numbers_stay_when_a_later_day_arrives(project_folder, journey, tmp_path):
    early = shutil.copytree(journey, tmp_path / "early")
    sales = pq.read_table(early / "transactions.parquet")
    first_days = pc.less(sales["transaction_timestamp"], pa.scalar(datetime(2017, 1, 12)))  # noqa: DTZ001
    pq.write_table(sales.filter(first_days), early / "transactions.parquet")
    maps = []
    for source in (early, journey, journey):
        given = [f"source.folder={source}"]
        plan_ingest(project_folder / "project.yaml", given).jobs[0].carry_out()
        plan = plan_features(project_folder / "project.yaml", given)
        runs = {
            job.name: job.carry_out() for job in plan.jobs if job.name in ("features", "id maps")
        }
        maps.append((runs["id maps"], load_id_maps(runs["id maps"])))
    (first, before), (second, after), (again, _) = maps
    assert again.run_id == second.run_id != first.run_id
    assert again.reused
    for old, new in zip(before, after, strict=True):
        was, now = (
            dict(zip(m.ids.to_pylist(), m.numbers.tolist(), strict=True)) for m in (old, new)
        )
        assert was.items() <= now.items()
        assert new.free >= old.free
    assert 0 < second.manifest["figures"]["new_persons"] < second.manifest["figures"]["persons"]


def test_a_leak_stops_the_run_and_leaves_the_last_good_one(finished_project, tmp_path, monkeypatch):
    folder = shutil.copytree(finished_project, tmp_path / "copy", symlinks=True)
    before = Project(folder).workspace.current(TRAINING_SETS).run_id
    honest = step.check.check_interactions
    leak = Difference(c.WEIGHT, "a forged future", 3, 9, "p1, 4, 5: 1.0 stored, 2.0 rebuilt")
    monkeypatch.setattr(
        step.check,
        "check_interactions",
        lambda *given, **named: replace(honest(*given, **named), differences=(leak,)),
    )
    overrides = ["features.leakage.seed=2", "features.ranking.max_persons=20"]
    plan = plan_features(folder, overrides)
    with pytest.raises(GateError, match="interactions set, column 'weight': 3 of 9 rows change"):
        plan.jobs[-1].carry_out()
    assert Project(folder).workspace.current(TRAINING_SETS).run_id == before


def test_an_unknown_attribute_stops_before_anything_is_written(finished_project, tmp_path):
    folder = shutil.copytree(finished_project, tmp_path / "copy", symlinks=True)
    (folder / "features.yaml").write_text(
        "segments: {priority: [s], definitions: {s: {kind: feed_attribute, attribute: colour, values: [red]}}}\n"
    )
    with pytest.raises(
        ConfigError, match=r"features\.yaml: segment 's' uses the feed attribute 'colour'"
    ):
        plan_features(folder, []).jobs[1].carry_out()


def test_a_project_without_campaign_has_no_uplift_set(project_folder):
    plan_ingest(project_folder / "project.yaml", []).jobs[0].carry_out()
    overrides = ["features.ranking.max_persons=20", "features.ranking.cutoffs=1"]
    for job in plan_features(project_folder, overrides).jobs:
        run = job.carry_out()
    assert set(run.json("sets.json")) == {"ranking", "interactions"}


def test_a_misspelled_key_is_named(project_folder):
    with pytest.raises(
        ConfigError, match=r"features\.yaml.*'ranking\.cutofs': unknown key, did you mean 'cutoffs'"
    ):
        plan_features(project_folder, ["features.ranking.cutofs=3"])
    with pytest.raises(ConfigError, match="does not start with a config file of the project"):
        plan_features(project_folder, ["campaign.candidates=3"])
