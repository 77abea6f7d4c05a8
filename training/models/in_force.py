"""The models in force: what the nightly job loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features.project import Project
from training.models.registry import ModelRegistry
from training.steps import UPLIFT
from training.tracking.mlflow_store import MlflowStore
from training.uplift.model import UpliftModel


@dataclass(frozen=True)
class Champions:
    """The registered champions of a project.

    Attributes:
        recommender_version, uplift_version: run ids of the trainings that made them.
        recommender_bundle, uplift_bundle: folders with the model files.
    """

    recommender_version: str
    recommender_bundle: Path
    uplift_version: str
    uplift_bundle: Path

    def uplift(self) -> UpliftModel:
        """The uplift model, loaded and verified."""
        return UpliftModel.load(self.uplift_bundle)


def champions(project: Project, *, recommender: str) -> Champions:
    """Look up the champions in the project's registry.

    Raises:
        WorkspaceError: a model has no champion yet.
    """
    registry = ModelRegistry(MlflowStore(project.workspace.root, project.config.name))
    items, people = registry.champion(recommender), registry.champion(UPLIFT)
    return Champions(items.key, items.bundle, people.key, people.bundle)
