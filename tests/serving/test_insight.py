"""Looking at persons part by part: how they are cut into parts changes nothing."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.project import Project
from features.steps.features import FEATURES
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import DECISIONS, RECOMMENDATIONS, WATERFALL
from serving.config import CampaignConfig
from serving.insight import look
from serving.people import load_people
from serving.score import SCORE, _request
from training.models.in_force import champions


@pytest.fixture(scope="module")
def project(finished_project):
    return Project(finished_project)


@pytest.fixture(scope="module")
def looked(project, tmp_path_factory):
    """Insight, lists and waterfall, from parts of about so many events."""
    config = project.step_config(CampaignConfig, "campaign")
    runs = {step: project.workspace.current(step) for step in (INGEST, FEATURES, SIMULATE)}
    people = load_people(project, config, runs)
    models = champions(project, recommender=config.recommender)
    request = _request(people, runs[FEATURES], models, config)

    def at(events_at_once):
        return look(
            people,
            runs[FEATURES],
            [models.uplift()],
            request,
            config,
            scratch=tmp_path_factory.mktemp("lists"),
            run_id="r",
            events_at_once=events_at_once,
        )

    return at


def test_parts_of_any_size_say_the_same(looked):
    insight, lists, waterfall = looked(10**9)
    small, parts, counted = looked(40)
    assert len(lists.spans) == 1
    assert len(parts.spans) > 10
    for name in ("stage", "last_order", "order_value", "uplift", "base_outcome"):
        np.testing.assert_array_equal(getattr(small, name), getattr(insight, name))
    np.testing.assert_array_equal(small.verdict.rule, insight.verdict.rule)
    assert small.verdict.table.equals(insight.verdict.table)
    assert counted.equals(waterfall)
    joined = pa.concat_tables([rows for _, rows in parts])
    assert joined.equals(pa.concat_tables([rows for _, rows in lists]))
    names = [c.RANK, c.LEVEL]
    assert parts.columns(names)[c.LEVEL].to_pylist() == joined[c.LEVEL].to_pylist()


def test_what_was_published_is_what_was_seen(project, looked):
    _, lists, waterfall = looked(40)
    run = project.workspace.current(SCORE)
    decided = run.read(DECISIONS)
    eligible = decided.filter(decided[c.ELIGIBLE])
    seen = pa.concat_tables([rows for _, rows in lists])
    for name in (c.PERSON_ID, c.RANK, c.ITEM_ID, c.SCORE):
        assert eligible[name].to_pylist() == seen[name].to_pylist()
    assert seen.schema.names == RECOMMENDATIONS.schema.names
    told = [row for row in run.read(WATERFALL).to_pylist() if row[c.LEVEL] == "item"]
    assert [row[c.COUNT_REMOVED] for row in told] == waterfall[c.COUNT_REMOVED].to_pylist()
