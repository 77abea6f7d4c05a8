"""From an engine's config to the engine."""

from __future__ import annotations

from features.engines.base import Engine
from features.engines.config import LocalEngineConfig, SparkEngineConfig
from features.engines.local import LocalEngine


def open_engine(config: LocalEngineConfig | SparkEngineConfig) -> Engine:
    """The engine a project asks for; close it after use.

    Raises:
        ConfigError: Spark is asked for, and its package or Java is not installed.
    """
    if isinstance(config, LocalEngineConfig):
        return LocalEngine(
            threads=config.threads, memory_limit=config.memory_limit, spill=config.spill
        )
    from features.engines.spark import SparkEngine  # noqa: PLC0415 - an extra that most projects do without

    return SparkEngine(config)
