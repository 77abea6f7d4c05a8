"""MLflow, and the only module that knows it: runs with parameters and metrics, and the model registry.

Everything is keyed by content: a run or a model version logged under a key is found again, not logged twice, so a job
that is killed and rerun leaves one of each. MLflow takes more than a second to import and is imported at first use.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from features.errors import InputError, WorkspaceError
from features.run import Run

KEY_TAG: Final = "retarget.key"
"""Tag of runs and model versions that holds their content key."""

CHAMPION: Final = "champion"
"""Alias of the model version in force."""

TRACKED: Final = "tracked"
PARAMETERS: Final = "parameters"
"""Figures of a training run's manifest that go to MLflow as metrics and as parameters."""

_DATABASE: Final = "mlflow.db"
_ARTIFACTS: Final = "mlartifacts"
_REGISTERED: Final = "registered"  # apart from whatever a run logs as its artifacts
_METRIC_NAME: Final = re.compile(r"[\w.:/ -]+", re.ASCII)
_KEY: Final = re.compile(r"[\w.-]+", re.ASCII)
_PARAMETER_LENGTH: Final = 6_000  # MLflow's limit


@dataclass(frozen=True)
class Champion:
    """The model version in force.

    Attributes:
        key: content key it was registered under.
        version: its number in the registry, from 1.
        bundle: folder of its bundle.
    """

    key: str
    version: int
    bundle: Path


class Tracker:
    """Runs of one tracking project and its models, in one folder: `mlflow.db` and `mlartifacts`."""

    def __init__(self, folder: Path, project: str) -> None:
        self.folder = folder.resolve()
        self.project = project

    def log_run(
        self,
        *,
        name: str,
        key: str,
        params: Mapping[str, Any],
        metrics: Mapping[str, float | None],
        tags: Mapping[str, str] | None = None,
        artifacts: Path | None = None,
    ) -> str:
        """Log one run, or find the finished one logged before under the same key.

        Args:
            name: what a person sees in the list of runs.
            key: content hash of everything that determines the run.
            params: settings, written as text.
            metrics: with their true sign; NaN and None are left out, MLflow has no place for them.
            tags: further labels.
            artifacts: folder whose files are copied into the run.

        Returns:
            MLflow's id of the run.

        Raises:
            InputError: a key or metric name that MLflow refuses, such as one with '@'.
            WorkspaceError: the store cannot be read or written.
        """
        _check_key(key)
        _check_metric_names(metrics)
        with self._explained():
            finished = self._finished_run(key)
            if finished is not None:
                return finished
            run = self._client.create_run(
                self._project_id, run_name=name, tags={**(tags or {}), KEY_TAG: key}
            )
            run_id: str = run.info.run_id
            self._client.log_batch(run_id, **_batch(params, metrics, at=run.info.start_time))
            if artifacts is not None:
                self._client.log_artifacts(run_id, str(artifacts))
            self._client.set_terminated(run_id, "FINISHED")
            return run_id

    def register(
        self, model_name: str, *, mlflow_run_id: str, key: str, bundle: Path, alias: str = CHAMPION
    ) -> int:
        """Put a bundle in force: make it a version of the model, once per key, and point the alias to it.

        Args:
            model_name: name in the registry.
            mlflow_run_id: the run it came from; the bundle is copied into its artifacts.
            key: content key of the bundle.
            bundle: its folder.
            alias: name of the place it takes.

        Returns:
            Number of the version.

        Raises:
            InputError: a key or model name that cannot be searched for.
            WorkspaceError: the registry cannot be read or written.
        """
        _check_key(key)
        _check_key(model_name)
        with self._explained():
            version = self._version(model_name, key)
            if version is None:
                self._client.log_artifacts(
                    mlflow_run_id, str(bundle), f"{_REGISTERED}/{model_name}"
                )
                version = self._new_version(model_name, mlflow_run_id, key)
            self._client.set_registered_model_alias(model_name, alias, str(version))
            return version

    def champion(self, model_name: str, *, alias: str = CHAMPION) -> Champion:
        """The version in force of a model.

        Raises:
            WorkspaceError: there is none, or its files are gone.
        """
        with self._explained():
            found = self._in_force(model_name, alias)
            if found is None:
                raise WorkspaceError(
                    f"model '{model_name}'",
                    f"has no version with the alias '{alias}'",
                    rule="scoring needs a trained model",
                    next_step="Run 'retarget train' first.",
                )
            run = self._client.get_run(found.run_id)
        bundle = _local(run.info.artifact_uri) / _REGISTERED / model_name
        if not bundle.is_dir():
            raise WorkspaceError(
                f"model '{model_name}'",
                f"version {found.version} has lost its files ({bundle})",
                rule="a registered model keeps its bundle",
                next_step="Restore the folder, or train again in a new workspace.",
            )
        return Champion(found.tags[KEY_TAG], int(found.version), bundle)

    def ui_command(self) -> str:
        """The command that shows the runs in a browser."""
        return ui_command(self.folder)

    @cached_property
    def _client(self) -> Any:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # both are read when mlflow is imported
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
        logging.getLogger("alembic").setLevel(
            logging.WARNING
        )  # a line per migration of a new store
        from mlflow.tracking import MlflowClient  # noqa: PLC0415

        self.folder.mkdir(parents=True, exist_ok=True)
        uri = _uri(self.folder)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    @cached_property
    def _project_id(self) -> str:
        found = self._client.get_experiment_by_name(self.project)
        if found is not None:
            existing: str = found.experiment_id
            return existing
        location = (self.folder / _ARTIFACTS).as_uri()
        created: str = self._client.create_experiment(self.project, artifact_location=location)
        return created

    def _finished_run(self, key: str) -> str | None:
        """The finished run of that key; unfinished ones were killed and are marked so."""
        finished = None
        for run in self._client.search_runs([self._project_id], f"tags.`{KEY_TAG}` = '{key}'"):
            if run.info.status == "FINISHED":
                finished = run.info.run_id
            elif run.info.status == "RUNNING":
                self._client.set_terminated(run.info.run_id, "KILLED")
        return finished

    def _version(self, model_name: str, key: str) -> int | None:
        found = self._client.search_model_versions(f"name = '{model_name}'")
        versions = [int(version.version) for version in found if version.tags.get(KEY_TAG) == key]
        return min(versions, default=None)

    def _new_version(self, model_name: str, run_id: str, key: str) -> int:
        if not self._client.search_registered_models(f"name = '{model_name}'"):
            self._client.create_registered_model(model_name)
        source = f"{self._client.get_run(run_id).info.artifact_uri}/{_REGISTERED}/{model_name}"
        version = self._client.create_model_version(
            model_name, source, run_id=run_id, tags={KEY_TAG: key}
        )
        return int(version.version)

    def _in_force(self, model_name: str, alias: str) -> Any:
        for model in self._client.search_registered_models(f"name = '{model_name}'"):
            if alias in model.aliases:
                return self._client.get_model_version(model_name, model.aliases[alias])
        return None

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Errors of MLflow and its database, as errors of the workspace."""
        try:
            yield
        except (InputError, WorkspaceError):
            raise
        except Exception as error:
            if not type(error).__module__.startswith(
                ("mlflow", "sqlalchemy", "sqlite3", "alembic")
            ):
                raise
            raise WorkspaceError(
                str(self.folder / _DATABASE),
                f"MLflow failed ({' '.join(str(error).split())[:300]})",
                rule="runs and models are kept in this store",
                next_step="Check that the folder can be written and holds a store of this MLflow version.",
            ) from error


def track_run(run: Run, *, folder: Path, project: str, models: Mapping[str, Path]) -> None:
    """Log a finished training run and put its models in force; both once per run, however often it is called.

    Args:
        run: its manifest holds the figures `TRACKED` and perhaps `PARAMETERS`; all its files become artifacts.
        folder: where the store is.
        project: tracking project.
        models: bundle by model name.
    """
    tracker = Tracker(folder, project)
    figures = run.manifest["figures"]
    run_id = tracker.log_run(
        name=f"{run.manifest['step']} {run.run_id}",
        key=run.run_id,
        params=figures.get(PARAMETERS, {}),
        metrics=figures[TRACKED],
        tags={"step": run.manifest["step"], "config_hash": run.manifest["config_hash"]},
        artifacts=run.path,
    )
    for model, bundle in models.items():
        tracker.register(model, mlflow_run_id=run_id, key=run.run_id, bundle=bundle)


def ui_command(folder: Path, *, program: Path = Path("mlflow")) -> str:
    """The command that shows the runs of a folder in a browser; `program` is where mlflow is installed."""
    return f"{shlex.quote(str(program))} ui --backend-store-uri {shlex.quote(_uri(folder))}"


def _uri(folder: Path) -> str:
    return f"sqlite:///{folder / _DATABASE}"


def _batch(
    params: Mapping[str, Any], metrics: Mapping[str, float | None], *, at: int
) -> dict[str, list[Any]]:
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    known = {name: value for name, value in metrics.items() if value is not None}
    return {
        "metrics": [
            Metric(name, float(value), at, step=0)
            for name, value in known.items()
            if math.isfinite(value)
        ],
        "params": [Param(name, str(value)[:_PARAMETER_LENGTH]) for name, value in params.items()],
    }


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise InputError(
            f"{key!r}",
            "cannot be searched for",
            rule="keys and model names are letters, digits, '_', '-' and '.'",
            next_step="Use a content hash as key, and a plain word as model name.",
        )


def _check_metric_names(metrics: Mapping[str, float | None]) -> None:
    for name in metrics:
        if not _METRIC_NAME.fullmatch(name):
            raise InputError(
                f"metric {name!r}",
                "has a name that MLflow refuses",
                rule="names are letters, digits and '_ . : / -' or blanks",
                next_step="Write 'ndcg_at_10', not 'ndcg@10'.",
            )


def _local(uri: str) -> Path:
    """The folder of a file:// address or a plain path."""
    from mlflow.utils.file_utils import local_file_uri_to_path  # noqa: PLC0415

    return Path(local_file_uri_to_path(uri))
