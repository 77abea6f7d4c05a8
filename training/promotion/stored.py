"""What a version's training left behind."""

from __future__ import annotations

import json
from typing import Any

from features.run import MANIFEST
from training.models.registry import ModelVersion


def stored_manifest(version: ModelVersion) -> dict[str, Any]:
    """Manifest of the training run a version came from."""
    found: dict[str, Any] = json.loads((version.files / MANIFEST).read_text(encoding="utf-8"))
    return found
