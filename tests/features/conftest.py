"""One machine and Spark, for every test that runs on both."""

from __future__ import annotations

import importlib.util

import pytest

from features.engines.config import LocalEngineConfig, SparkEngineConfig
from features.engines.java import require_java
from features.engines.registry import open_engine
from features.errors import ConfigError

QUICK = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""For a thousand rows, compiling each query takes longer than running it."""


def require_spark():
    """Skip where Spark cannot run."""
    if importlib.util.find_spec("pyspark") is None:
        pytest.skip("pyspark is not installed")
    try:
        require_java()
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    config = LocalEngineConfig(memory_limit="512MB", spill=tmp_path_factory.mktemp("spill"))
    with open_engine(config) as engine:
        yield engine


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    require_spark()
    config = SparkEngineConfig(
        kind="spark",
        shuffle_partitions=2,
        driver_memory="1GB",
        spill=tmp_path_factory.mktemp("spill"),
        settings=QUICK,
    )
    with open_engine(config) as engine:
        yield engine
