"""The features step says whether each funnel stage is large enough for the platforms."""

from features.project import Project
from features.steps.features import FEATURES
from features.steps.ingest import INGEST, QUALITY
from features.steps.segments import SEGMENTS_STEP
from features.tables import PERSONS
from serving.report import PAGE, REPORT


def test_every_person_is_in_one_stage_and_small_stages_are_warned_of(finished_project):
    workspace = Project(finished_project).workspace
    report = workspace.current(FEATURES).json(QUALITY)
    (check,) = report["checks"]
    rows = check["details"][0]["rows"]
    persons = workspace.current(INGEST).read(PERSONS).num_rows
    assert sum(row["persons"] for row in rows) == persons == 160
    assert all(0 < row["matchable"] <= row["persons"] for row in rows)
    assert (check["name"], check["status"], check["threshold"]) == (
        "funnel_stage_size",
        "warn",
        1000,
    )
    assert check["owner"] == "marketing operations"
    figures = workspace.current(FEATURES).manifest["figures"]
    assert report["events"] == figures["events_before_as_of"]
    assert report["events_later"] == figures["events"] - figures["events_before_as_of"]


def test_the_declared_segments_are_judged_by_the_same_rule(finished_project):
    workspace = Project(finished_project).workspace
    run = workspace.current(SEGMENTS_STEP)
    (check,) = run.json(QUALITY)["checks"]
    assert check["name"] == "segment_size"
    sizes = run.manifest["figures"]["sizes"]
    rows = check["details"][0]["rows"] if check["details"] else []
    assert {row["segment"]: row["persons"] for row in rows if row["persons"]} == sizes
    page = (workspace.current(REPORT).path / PAGE).read_text()
    assert "funnel stage size" in page
    assert "segment size" in page
