"""What a run was made from, down to the files: the inputs of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.store import Workspace


def lineage(workspace: Workspace, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Inputs of a run by name: a run of the workspace with its own inputs, anything else (a hash, a moment) as it is.

    Args:
        workspace: where the runs are.
        inputs: of the run, as its manifest names them.
    """
    found: dict[str, Any] = {}
    for name, value in inputs.items():
        run = workspace.stored(name, value)
        found[name] = (
            value
            if run is None
            else {
                "run_id": value,
                "code_version": run.manifest["code_version"],
                "inputs": lineage(workspace, run.manifest["inputs"]),
            }
        )
    return found
