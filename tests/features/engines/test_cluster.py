"""Workers in processes of their own: what crosses the wire arrives, with the tables of one machine."""

import subprocess
import sys

import pyarrow.parquet as pq

from features import columns as c
from features.steps.features import features_of

ON_A_CLUSTER = """
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from features.engines.config import SparkEngineConfig
from features.engines.registry import open_engine
from features.errors import SchemaError
from features.steps.features import features_of
import pyarrow.parquet as pq

folder, closes = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
settings = {"spark.executor.defaultJavaOptions": "-XX:+UseSerialGC", "spark.sql.adaptive.enabled": "false"}
config = SparkEngineConfig(
    kind="spark", master="local-cluster[2,1,1024]", executor_memory="1GB", driver_memory="1GB", shuffle_partitions=2,
    spill=folder / "spill", settings=settings,
)
with open_engine(config) as engine:
    wanted = pq.read_schema(folder / "local.parquet")
    events = engine.files([folder / "a.parquet", folder / "b.parquet"], pq.read_schema(folder / "a.parquet"))
    features = engine.map_persons(events, partial(features_of, as_of=closes), wanted, partitions=2)
    engine.write(features.order_by("person_id"), folder / "cluster.parquet")
    try:
        engine.collect(engine.map_persons(events, lambda rows: rows, wanted, partitions=1))
    except SchemaError as error:
        print("refused:", error.rule[:11])
"""


def test_workers_of_a_cluster_give_the_tables_of_one_machine(
    spark, shop_events, shop_closes, tmp_path
):
    local = features_of(shop_events, as_of=shop_closes).sort_by(c.PERSON_ID)
    pq.write_table(local, tmp_path / "local.parquet")
    pq.write_table(shop_events.slice(0, 400), tmp_path / "a.parquet")
    pq.write_table(shop_events.slice(400), tmp_path / "b.parquet")
    done = subprocess.run(
        [sys.executable, "-c", ON_A_CLUSTER, str(tmp_path), shop_closes.isoformat()],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "refused: it declares\n"
    assert repr(pq.read_table(tmp_path / "cluster.parquet").to_pydict()) == repr(local.to_pydict())
