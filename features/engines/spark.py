"""The engine of a cluster: the same Ibis expressions on Spark, persons mapped by its workers.

All that reads or writes files does so on the workers, so files lie where every worker sees them under the same path, and
every worker has this project in its Python.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import unquote

import ibis
import ibis.expr.datatypes as dt
import pyarrow as pa
import pyarrow.parquet as pq

from features import columns as c
from features.engines.base import FILE_SHIFT, LINE, ROW, Broadcast, PersonFunction
from features.engines.config import SparkEngineConfig
from features.engines.failures import unpacking
from features.engines.java import require_java
from features.engines.person_parts import apply_to_batches, neutral
from features.engines.spark_sql import SparkSql
from features.errors import ConfigError
from features.files.parquet import require_columns, require_rows

# pyspark 4.3 warns of any pandas 3, several times; here no pandas table passes through Spark, only Arrow
warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
try:
    import ibis.backends.pyspark
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import functions as F  # noqa: N812 - as everyone calls it
    from pyspark.sql.pandas.types import from_arrow_schema
except ModuleNotFoundError as missing:
    raise ConfigError(
        "engine.kind: spark",
        f"the package {missing.name} is not installed",
        rule="the Spark engine is an extra",
        next_step="pip install --requirement requirements-spark.txt",
    ) from None

_BATCH_ROWS: Final = 65_536
_GROUP_ROWS: Final = 122_880
_SHOWN: Final = 300
_POSITIVE: Final = 2**63 - 1
_SCHEME: Final = "^file:/+"
_PATH: Final = "path_"
_FILE: Final = "file_"
_LOGGING: Final = Path(__file__).with_name("log4j2.properties")


class SparkEngine:
    """Runs on a Spark session of this process. See `features.engines.base.Engine`."""

    def __init__(self, config: SparkEngineConfig) -> None:
        """Start a session, or use the one this process has.

        Raises:
            ConfigError: Java is not installed, or the master cannot be reached.
        """
        require_java()
        self._session = _session(config)
        self._partitions = config.shuffle_partitions
        self._connection: Any = ibis.pyspark.connect(self._session)
        self._connection.compiler = SparkSql()
        self._views: list[str] = []

    def parquet(self, path: Path) -> Any:
        """A Parquet file as a table, with the row number in `LINE`."""
        require_rows(path)
        frame = self._session.read.parquet(_uri(path))
        return self._view(frame.select("*", F.col("_metadata.row_index").alias(LINE)))

    def files(self, paths: Sequence[Path], schema: pa.Schema) -> Any:
        """Parquet files of one schema as one table, with the number of each row in `ROW`."""
        require_columns(paths, schema)
        frame = self._session.read.parquet(*map(_uri, paths))
        place = F.regexp_replace("_metadata.file_path", _SCHEME, "/")
        rows = frame.select(
            *schema.names, place.alias(_PATH), F.col("_metadata.row_index").alias(LINE)
        )
        numbers = self._session.createDataFrame(_numbers(frame.inputFiles(), paths))
        row = F.shiftleft(F.col(_FILE), FILE_SHIFT).bitwiseOR(F.col(LINE))
        joined = rows.join(F.broadcast(numbers), _PATH)
        return self._view(joined.select(*schema.names, row.alias(ROW)))

    def fingerprint(self, column: Any) -> Any:
        """A whole number >= 0, int64, for each value of a text column."""
        return _hash(column) & _POSITIVE

    def write(self, expression: Any, path: Path) -> None:
        """Run an expression into one Parquet file: workers write its parts, this process appends them in order."""
        schema = _schema(expression)
        with TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as place:
            parts = Path(place) / "parts"
            with unpacking():
                self._frame(expression).write.parquet(_uri(parts), compression="zstd")
            with pq.ParquetWriter(path, schema, compression="zstd") as target:
                for part in sorted(parts.glob("part-*.parquet")):
                    for batch in pq.ParquetFile(part).iter_batches(_GROUP_ROWS):
                        target.write_table(neutral(pa.Table.from_batches([batch])).cast(schema))

    def table(self, table: pa.Table) -> Any:
        """An Arrow table as a table of this engine; its rows travel to the workers."""
        return self._view(self._session.createDataFrame(neutral(table)))

    def collect(self, expression: Any) -> pa.Table:
        """Run an expression into the memory of this process."""
        with unpacking():
            found = self._frame(expression).toArrow()
        return neutral(found).cast(_schema(expression))

    def broadcast(self, value: Any) -> Broadcast:
        """A value for functions of `map_persons`, sent to each worker once."""
        sent: Broadcast = self._session.sparkContext.broadcast(value)
        return sent

    def map_persons(
        self,
        table: Any,
        function: PersonFunction,
        schema: pa.Schema,
        *,
        partitions: int | None = None,
    ) -> Any:
        """Apply a function to whole person histories, on the workers, whenever the result is used."""
        rows = self.table(table) if isinstance(table, pa.Table) else table
        worker = partial(apply_to_batches, function=function, columns=_schema(rows), schema=schema)
        parts = self._frame(rows).repartition(partitions or self._partitions, c.PERSON_ID)
        return self._view(parts.mapInArrow(worker, from_arrow_schema(schema)))

    def close(self) -> None:
        """Drop the views of this engine; the session stays for the next one and ends with the process."""
        for name in self._views:
            self._session.catalog.dropTempView(name)
        self._views.clear()

    def _frame(self, expression: Any) -> DataFrame:
        return self._session.sql(self._connection.compile(expression.as_table()))

    def _view(self, frame: DataFrame) -> Any:
        name = f"retarget_{id(self)}_{len(self._views)}"
        frame.createOrReplaceTempView(name)
        self._views.append(name)
        return self._connection.table(name)


def _session(config: SparkEngineConfig) -> SparkSession:
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("retarget").master(config.master)
    for name, value in _settings(config).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        raise ConfigError(
            "engine.master",
            f"'{config.master}' cannot be used ({' '.join(str(error).split())[:_SHOWN]})",
            rule="it is a master that runs, with as much memory as 'engine' asks for",
            next_step="Check the address and the memory.",
        ) from error
    atexit.register(
        session.stop
    )  # a cluster frees its workers at once, and says nothing of lost ones
    if session.sparkContext.master != config.master:
        raise ConfigError(
            "engine.master",
            f"is '{config.master}', while this process has a session at '{session.sparkContext.master}'",
            rule="a process has one Spark session",
            next_step="Use one master per process.",
        )
    return session


def _settings(config: SparkEngineConfig) -> dict[str, str]:
    settings = {
        "spark.driver.memory": _memory(config.driver_memory),
        "spark.executor.memory": _memory(config.executor_memory),
        "spark.driver.maxResultSize": "0",  # what is collected fits into memory by design
        "spark.driver.defaultJavaOptions": f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": str(config.shuffle_partitions),
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(_BATCH_ROWS),
    }
    if config.master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        settings["spark.driver.host"] = settings["spark.driver.bindAddress"] = "127.0.0.1"
    if config.spill is not None:
        settings["spark.local.dir"] = str(config.spill.absolute())
    return settings | config.settings


def _memory(amount: str) -> str:
    """As Java writes it: 2g."""
    return amount[:-1].lower()


def _uri(path: Path) -> str:
    """A path as Spark takes it: every character stands for itself."""
    return "file://" + re.sub(r"([\\{}\[\]*?])", r"\\\1", str(path.absolute()))


def _numbers(found: Sequence[str], paths: Sequence[Path]) -> pa.Table:
    """The number of each file, by the path that Spark has for it."""
    place = {str(path.absolute()): number for number, path in enumerate(paths)}
    spelled = [re.sub(_SCHEME, "/", uri) for uri in found]
    numbers = pa.array([place[unquote(path)] for path in spelled], pa.int64())
    return pa.table({_PATH: pa.array(spelled, pa.string()), _FILE: numbers})


def _schema(expression: Any) -> pa.Schema:
    """The columns of an expression, as every engine gives them."""
    return neutral(expression.as_table().schema().to_pyarrow().empty_table()).schema


@ibis.udf.scalar.builtin(name="xxhash64")
def _hash(text: str) -> dt.int64:
    """Spark's own."""
