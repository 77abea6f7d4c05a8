"""From an engine's config to the engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from features.engines.base import Engine
from features.engines.config import LocalEngineConfig, SparkEngineConfig
from features.engines.local import LocalEngine


@contextmanager
def open_engine(
    config: LocalEngineConfig | SparkEngineConfig, *, scratch: Path | None = None
) -> Iterator[Engine]:
    """The engine a project asks for, closed on leaving.

    Args:
        config: kind of engine, and its memory.
        scratch: folder for what does not fit into memory, where the config names none.

    Raises:
        ConfigError: Spark is asked for, and its package or Java is not installed.
    """
    engine = _open(config, scratch)
    try:
        yield engine
    finally:
        engine.close()


def _open(config: LocalEngineConfig | SparkEngineConfig, scratch: Path | None) -> Engine:
    if isinstance(config, LocalEngineConfig):
        spill = config.spill or scratch
        return LocalEngine(threads=config.threads, memory_limit=config.memory_limit, spill=spill)
    from features.engines.spark import SparkEngine  # noqa: PLC0415 - an extra that most projects do without

    return SparkEngine(config)
