"""The models in force: what the nightly job loads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from features.errors import ConfigError
from features.project import Project
from training.bundle import read_bundle
from training.models.registry import ModelRegistry
from training.steps import BUNDLE, UPLIFT
from training.tracking.mlflow_store import MlflowStore
from training.uplift.model import UpliftModel


@dataclass(frozen=True)
class Champions:
    """The registered champions of a project.

    Attributes:
        recommender_version, uplift_version: run ids of the trainings that made them.
        recommender_bundle, uplift_bundle: folders with the model files; that of uplift is of the first treated arm.
        uplift_arms: folder with a bundle per treated arm of the same training.
    """

    recommender_version: str
    recommender_bundle: Path
    uplift_version: str
    uplift_bundle: Path
    uplift_arms: Path

    def uplift(self, arm: str | None = None) -> UpliftModel:
        """The uplift model of a treated arm, loaded and verified; None = the first.

        Raises:
            ConfigError: the training had no such arm.
        """
        if arm is None:
            return UpliftModel.load(self.uplift_bundle)
        found = {
            read_bundle(folder).facts["treated"]: folder
            for folder in sorted(self.uplift_arms.iterdir())
        }
        if arm not in found:
            raise ConfigError(
                f"arm '{arm}'",
                f"is not among the arms of the uplift model in force ({', '.join(sorted(found))})",
                rule="each arm of a channel was a treated arm of the training",
                next_step="Correct 'arm' in campaign.yaml, or train with that arm in 'treated'.",
            )
        return UpliftModel.load(found[arm])


def champions(project: Project, *, recommender: str) -> Champions:
    """Look up the champions in the project's registry.

    Raises:
        WorkspaceError: a model has no champion yet.
    """
    registry = ModelRegistry(MlflowStore(project.workspace.root, project.config.name))
    items, people = registry.champion(recommender), registry.champion(UPLIFT)
    return Champions(items.key, items.bundle, people.key, people.bundle, people.files / BUNDLE)
