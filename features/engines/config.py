"""Where a project's work runs, as its project.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from features.config import BaseConfig

Memory = Annotated[str, Field(pattern=r"^[1-9][0-9]*(MB|GB)$")]
"""An amount of memory such as 640MB or 2GB."""


class LocalEngineConfig(BaseConfig):
    """One process on one machine."""

    kind: Literal["local"] = "local"

    threads: int = Field(default=2, ge=1)
    """Threads of relational work, and persons' parts computed at a time."""

    memory_limit: Memory = "640MB"
    """Memory of relational work; beyond it the engine writes to `spill`."""

    spill: Path | None = None
    """Folder for what does not fit into memory; None = beside the output."""


class SparkEngineConfig(BaseConfig):
    """Spark: threads of this machine, or a cluster whose workers see the same files under the same paths."""

    kind: Literal["spark"]

    master: str = Field(default="local[2]", min_length=1)
    """Master URL: local[N] = N threads here, spark://host:7077 = a standalone cluster, yarn, k8s://…"""

    shuffle_partitions: int = Field(default=8, ge=1)
    """Parts that rows are cut into when they change place; two to four per core of the cluster."""

    driver_memory: Memory = "2GB"
    """Memory of the process that plans and collects; of all work when the master is local."""

    executor_memory: Memory = "2GB"
    """Memory of each worker process."""

    spill: Path | None = None
    """Folder for shuffles and what does not fit into memory; None = Spark's choice."""

    settings: dict[str, str] = Field(default_factory=dict)
    """Further settings of Spark under its own names, such as `spark.executor.cores`."""


EngineConfig = Annotated[LocalEngineConfig | SparkEngineConfig, Field(discriminator="kind")]
"""`kind` picks the engine; the tables are the same."""
