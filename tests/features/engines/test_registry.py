"""From config to engine, and what is said where an engine is not installed."""

import subprocess
import sys

import pyarrow as pa
import pytest

from features.config import validate
from features.engines.config import LocalEngineConfig, SparkEngineConfig
from features.engines.registry import open_engine
from features.errors import ConfigError
from features.project import ProjectConfig

PROJECT = {
    "name": "shop",
    "workspace": "out",
    "as_of": "2026-05-01",
    "currency": "USD",
    "source": {"kind": "complete_journey"},
}
WITHOUT_SPARK = """
import sys
sys.modules["pyspark"] = None
from features.engines.config import SparkEngineConfig
from features.engines.registry import open_engine
from features.errors import ConfigError
try:
    with open_engine(SparkEngineConfig(kind="spark")):
        pass
except ConfigError as error:
    print(error)
"""


def test_one_machine_is_what_a_project_runs_on():
    assert validate(ProjectConfig, PROJECT, subject="p").engine == LocalEngineConfig()


def test_naming_spark_is_enough():
    config = validate(ProjectConfig, {**PROJECT, "engine": {"kind": "spark"}}, subject="p")
    assert config.engine == SparkEngineConfig(kind="spark", master="local[2]")


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        ({"kind": "dask"}, "'engine': Input tag 'dask' found using 'kind' does not match"),
        ({"kind": "spark", "threads": 2}, "'engine.spark.threads': unknown key"),
        ({"kind": "local", "memory_limit": "lots"}, "'engine.local.memory_limit': String should match"),
    ],
)  # fmt: skip
def test_what_is_no_engine_is_refused_by_its_key(engine, says):
    with pytest.raises(ConfigError, match=says):
        validate(ProjectConfig, {**PROJECT, "engine": engine}, subject="p")


def test_an_engine_is_closed_on_leaving_and_leaves_nothing_behind(tmp_path):
    schema = pa.schema([("person_id", pa.string())])
    people = pa.table({"person_id": ["a", "b"]})
    with open_engine(LocalEngineConfig(), scratch=tmp_path / "scratch") as engine:
        mapped = engine.map_persons(people, lambda rows: rows, schema)
        assert engine.collect(mapped).num_rows == 2
        assert list((tmp_path / "scratch").iterdir())
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    done = subprocess.run([sys.executable, "-c", WITHOUT_SPARK], capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == (
        "engine.kind: spark: the package pyspark is not installed; the Spark engine is an extra. "
        "pip install --requirement requirements-spark.txt\n"
    )


def test_a_process_has_one_session(spark):
    elsewhere = SparkEngineConfig(kind="spark", master="local[1]")
    with (
        pytest.raises(
            ConfigError, match=r"is 'local\[1\]', while this process has a session at 'local\[2\]'"
        ),
        open_engine(elsewhere),
    ):
        pass
