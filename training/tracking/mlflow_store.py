"""The MLflow store of a workspace: `mlflow.db` and `mlartifacts`, opened quietly, its errors explained.

MLflow writes absolute addresses into its database. A workspace that was moved or copied has them corrected when it is
next opened, so that nothing is read from, or written to, the place it came from. MLflow takes more than a second to
import and is imported at first use.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
import sqlite3
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from features.errors import InputError, WorkspaceError

KEY_TAG: Final = "retarget.key"
"""Tag of runs and model versions that holds their content key."""

_DATABASE: Final = "mlflow.db"
_ARTIFACTS: Final = "mlartifacts"
_KEY: Final = re.compile(r"[\w.-]+", re.ASCII)
_ADDRESSES: Final = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
_QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class MlflowStore:
    """One tracking project in the store of one folder."""

    def __init__(self, folder: Path, project: str) -> None:
        self.folder = folder.resolve()
        self.project = project

    def artifacts(self, run_id: str) -> Path:
        """Folder of the artifacts of a run."""
        return self.folder / _ARTIFACTS / run_id / "artifacts"

    @cached_property
    def client(self) -> Any:
        """MLflow's client."""
        for name, value in _QUIET.items():
            os.environ.setdefault(name, value)  # read when mlflow is imported
        logging.getLogger("alembic").setLevel(logging.WARNING)  # a line per migration otherwise
        from mlflow.tracking import MlflowClient  # noqa: PLC0415

        self.folder.mkdir(parents=True, exist_ok=True)
        if (self.folder / _DATABASE).is_file():
            _correct_addresses(self.folder)
        uri = _uri(self.folder)
        return MlflowClient(tracking_uri=uri, registry_uri=uri)

    @cached_property
    def project_id(self) -> str:
        """MLflow's id of the tracking project, which is made if need be."""
        found = self.client.get_experiment_by_name(self.project)
        if found is not None:
            existing: str = found.experiment_id
            return existing
        location = (self.folder / _ARTIFACTS).as_uri()
        created: str = self.client.create_experiment(self.project, artifact_location=location)
        return created

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
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


def ui_command(folder: Path, *, program: Path = Path("mlflow")) -> str:
    """The command that shows the runs of a folder in a browser; `program` is where mlflow is installed."""
    return f"{shlex.quote(str(program))} ui --backend-store-uri {shlex.quote(_uri(folder))}"


def require_key(key: str) -> None:
    """Refuse a key or model name that cannot be searched for.

    Raises:
        InputError: it holds anything but letters, digits, '_', '-' and '.'.
    """
    if not _KEY.fullmatch(key):
        raise InputError(
            f"{key!r}",
            "cannot be searched for",
            rule="keys and model names are letters, digits, '_', '-' and '.'",
            next_step="Use a content hash as key, and a plain word as model name.",
        )


def _uri(folder: Path) -> str:
    return f"sqlite:///{folder / _DATABASE}"


def _correct_addresses(folder: Path) -> None:
    """Let every address below some `mlartifacts` point to the one of this folder."""
    here = (folder / _ARTIFACTS).as_uri()
    with contextlib.closing(sqlite3.connect(folder / _DATABASE)) as database, database:
        tables = {name for (name,) in database.execute("select name from sqlite_master")}
        for table, column in _ADDRESSES:
            if table not in tables:
                continue
            database.execute(
                f"update {table} set {column} = ?1 || substr({column}, instr({column}, ?2) + ?3)"  # noqa: S608 - our own names
                f" where {column} like 'file:///%' and instr({column} || '/', ?2 || '/') > 0"
                f" and substr({column}, 1, ?4) <> ?1",
                (here, f"/{_ARTIFACTS}", len(_ARTIFACTS) + 1, len(here)),
            )
