"""Registered models: versions by content, and the aliases that say which is in force and which would like to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from features.errors import WorkspaceError
from training.models.folder import BUNDLE_PATH, write_model_folder
from training.tracking.mlflow_store import KEY_TAG, MlflowStore, require_key

CHAMPION: Final = "champion"
"""Alias of the version in force."""

CHALLENGER: Final = "challenger"
"""Alias of the latest version that is not in force."""

_REGISTERED: Final = "registered"  # apart from whatever a run logs as its artifacts


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        model: name in the registry.
        key: content key it was registered under: the id of the training run.
        number: its number in the registry, from 1.
        files: folder with a copy of the training run's files.
        bundle: folder of its bundle.
        tags: labels of the version.
        aliases: names that point to it.
    """

    model: str
    key: str
    number: int
    files: Path
    bundle: Path
    tags: Mapping[str, str]
    aliases: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether its files are there."""
        return self.bundle.is_dir()


class ModelRegistry:
    """The models of one store. A version is registered once per key."""

    def __init__(self, store: MlflowStore) -> None:
        self.store = store

    def register(
        self, model: str, *, mlflow_run_id: str, key: str, bundle: Path, description: str = ""
    ) -> ModelVersion:
        """Make a bundle a version of the model, as `CHALLENGER` unless it is in force.

        Args:
            model: name in the registry.
            mlflow_run_id: the run it came from; the MLflow model is written into its artifacts.
            key: content key.
            bundle: folder of a recommender or an uplift model.
            description: Markdown shown with the version.

        Raises:
            InputError: a key or model name that cannot be searched for, or a damaged bundle.
            WorkspaceError: the registry cannot be read or written.
        """
        require_key(key)
        require_key(model)
        with self.store.explained():
            number = self._number(model, key)
            if number is None:
                number = self._add(model, mlflow_run_id, key, bundle, description)
            client = self.store.client
            if CHAMPION not in client.get_model_version(model, number).aliases:
                client.set_registered_model_alias(model, CHALLENGER, number)
        return self.version(model, int(number))

    def champion(self, model: str) -> ModelVersion:
        """The version in force.

        Raises:
            WorkspaceError: there is none, or its files are gone.
        """
        found = self.with_alias(model, CHAMPION)
        if found is None:
            raise WorkspaceError(
                f"model '{model}'",
                f"has no version with the alias '{CHAMPION}'",
                rule="scoring needs a trained model",
                next_step="Run 'retarget train' first.",
            )
        return _whole(found)

    def with_alias(self, model: str, alias: str) -> ModelVersion | None:
        """The version an alias points to, intact or not; None when there is none."""
        with self.store.explained():
            for found in self.store.client.search_registered_models(f"name = '{model}'"):
                if alias in found.aliases:
                    return self._version(model, found.aliases[alias])
        return None

    def with_key(self, model: str, key: str) -> ModelVersion:
        """The version registered under a key.

        Raises:
            WorkspaceError: there is none, or its files are gone.
        """
        with self.store.explained():
            number = self._number(model, key)
            if number is not None:
                return _whole(self._version(model, number))
        raise WorkspaceError(
            f"model '{model}'",
            f"has no version of the training {key}",
            rule="a training registers its models",
            next_step="Run 'retarget train' again.",
        )

    def version(self, model: str, number: int) -> ModelVersion:
        """The version of that number.

        Raises:
            WorkspaceError: there is none, or its files are gone.
        """
        with self.store.explained():
            return _whole(self._version(model, str(number)))

    def put_in_force(self, version: ModelVersion) -> None:
        """Let `CHAMPION` point to a version; it is no challenger any more."""
        with self.store.explained():
            client = self.store.client
            client.set_registered_model_alias(version.model, CHAMPION, str(version.number))
            challenger = self.with_alias(version.model, CHALLENGER)
            if challenger is not None and challenger.number == version.number:
                client.delete_registered_model_alias(version.model, CHALLENGER)

    def label(self, version: ModelVersion, tags: Mapping[str, str]) -> None:
        """Set tags of a version."""
        with self.store.explained():
            for name, value in tags.items():
                self.store.client.set_model_version_tag(
                    version.model, str(version.number), name, value
                )

    def _number(self, model: str, key: str) -> str | None:
        found = self.store.client.search_model_versions(f"name = '{model}'")
        numbers = [int(version.version) for version in found if version.tags.get(KEY_TAG) == key]
        return str(min(numbers)) if numbers else None

    def _add(self, model: str, run_id: str, key: str, bundle: Path, description: str) -> str:
        client, path = self.store.client, f"{_REGISTERED}/{model}"
        with TemporaryDirectory() as fresh:
            folder = Path(fresh) / model
            write_model_folder(folder, bundle=bundle)
            client.log_artifacts(run_id, str(folder), path)
        if not client.search_registered_models(f"name = '{model}'"):
            client.create_registered_model(model)
        version = client.create_model_version(
            model,
            f"{client.get_run(run_id).info.artifact_uri}/{path}",
            run_id=run_id,
            tags={KEY_TAG: key},
            description=description,
        )
        return str(version.version)

    def _version(self, model: str, number: str) -> ModelVersion:
        found: Any = self.store.client.get_model_version(model, number)
        files = self.store.artifacts(found.run_id)
        bundle = files / _REGISTERED / model / BUNDLE_PATH
        return ModelVersion(
            model,
            found.tags[KEY_TAG],
            int(number),
            files,
            bundle,
            dict(found.tags),
            tuple(found.aliases),
        )


def _whole(version: ModelVersion) -> ModelVersion:
    if not version.intact:
        raise WorkspaceError(
            f"model '{version.model}'",
            f"version {version.number} has lost its files ({version.bundle})",
            rule="a registered model keeps its bundle",
            next_step="Restore the folder, or train again.",
        )
    return version
