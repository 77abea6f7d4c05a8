"""What a run was made from is followed down to the files."""

from __future__ import annotations

from features.config import BaseConfig
from features.store import Workspace
from training.tracking.lineage import lineage


class Nothing(BaseConfig):
    """No settings."""


def test_inputs_of_inputs(tmp_path):
    workspace, ids = Workspace(tmp_path), {}
    for step, inputs in (("ingest", {"source": "abc"}), ("features", {"as_of": "2017"})):
        run = workspace.carry_out(
            step,
            lambda writer, _: writer.text("file", "x"),
            config=Nothing(),
            inputs=inputs | ids,
            layer="features",
        )
        ids = {step: run.run_id}
    found = lineage(workspace, {**ids, "data": "hash of a file"})
    assert found["data"] == "hash of a file"
    assert found["features"]["run_id"] == ids["features"]
    assert found["features"]["inputs"]["as_of"] == "2017"
    assert found["features"]["inputs"]["ingest"]["inputs"] == {"source": "abc"}
    assert len(found["features"]["code_version"]) == 16
