"""Any file of events, by a declared mapping."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.config import validate
from features.errors import ConfigError, InputError
from features.sources.generic import GenericConfig, read_generic
from features.sources.raw_events import RawEvents
from features.sources.text_rows import find_files

SAMPLES = Path(__file__).parents[3] / "../shared/data/event_samples"
COLUMNS = {
    "time": "ts",
    "event_name": "what",
    "user_id": "who",
    "item_id": "item",
    "price": "price",
    "quantity": "n",
}
CSV = "ts,what,who,item,price,n\n2026-03-01T10:00:00Z,view,u1,A,9.50,\n2026-03-01T11:00:00Z,purchase,u1,A,9.50,3\n"


def read(folder, **options):
    config = {"files": ["events*"], "columns": COLUMNS, "currency": "EUR", **options}
    generic = validate(GenericConfig, config, subject="test")
    paths = find_files(generic.files, folder=folder)
    parts = [read_generic(generic, path, name=path.name) for path in paths]
    return RawEvents(
        pa.concat_tables(part.events for part in parts),
        pa.concat_tables(part.rejects for part in parts),
        sum(part.rows for part in parts),
    )


def rows(result):
    return [
        (row["event_name"], row["user_id"], row["item_id"], row["value"], row["line"])
        for row in result.events.to_pylist()
    ]


EXPECTED = [("view", "u1", "A", 9.5), ("purchase", "u1", "A", 28.5)]


def write(folder, kind):
    records = [
        dict(zip(CSV.split("\n", maxsplit=1)[0].split(","), line.split(","), strict=True))
        for line in CSV.split("\n")[1:3]
    ]
    if kind == "csv":
        (folder / "events.csv").write_text(CSV)
    if kind == "tsv.gz":
        (folder / "events.tsv.gz").write_bytes(gzip.compress(CSV.replace(",", "\t").encode()))
    if kind == "jsonl":
        (folder / "events.jsonl").write_text(
            "".join(json.dumps(record) + "\n" for record in records)
        )
    if kind == "parquet":
        table = pa.Table.from_pylist(records)
        times = pa.compute.strptime(table["ts"], "%Y-%m-%dT%H:%M:%SZ", "us").cast(
            pa.timestamp("us", "UTC")
        )
        price = pa.compute.cast(table["price"], pa.float64())
        pq.write_table(
            table.set_column(0, "ts", times).set_column(4, "price", price),
            folder / "events.parquet",
        )


@pytest.mark.parametrize("kind", ["csv", "tsv.gz", "jsonl", "parquet"])
def test_every_format_gives_the_same_events(tmp_path, kind):
    write(tmp_path, kind)
    result = read(tmp_path)
    assert [row[:4] for row in rows(result)] == EXPECTED
    assert result.rejects.num_rows == 0


def test_ids_do_not_depend_on_the_format(tmp_path):
    ids = []
    for kind in ("csv", "jsonl", "parquet"):
        (tmp_path / kind).mkdir()
        write(tmp_path / kind, kind)
        ids.append(read(tmp_path / kind).events["event_id"].to_pylist())
    assert ids[0] == ids[1] == ids[2]


def test_json_objects_are_reached_by_dots(tmp_path):
    (tmp_path / "events.jsonl").write_text('{"t": 1511544070, "user": {"id": 7}, "ok": true}\n')
    columns = {"time": "t", "user_id": "user.id", "consent_personalisation": "ok", "page": "user"}
    result = read(tmp_path, columns=columns, every_row="page_view", time={"unit": "seconds"})
    row = result.events.to_pylist()[0]
    assert (row["user_id"], row["consent_personalisation"], row["page"]) == ("7", True, None)


def test_bad_lines_of_a_file_are_rejected_without_showing_them(tmp_path):
    (tmp_path / "events.csv").write_text(CSV + "2026-03-01,view,alice@example.com\n")
    result = read(tmp_path)
    assert result.counts == {"wrong_column_count": 1}
    assert result.rejects["raw_value"].to_pylist() == ["2***(33)"]
    assert result.rows == 3


def test_daily_files_add_up_and_are_named(tmp_path):
    (tmp_path / "events_2.csv").write_text(CSV)
    (tmp_path / "events_1.csv").write_text(CSV)
    result = read(tmp_path)
    assert result.events["source"].to_pylist() == ["events_1.csv"] * 2 + ["events_2.csv"] * 2
    assert len(set(result.events["event_id"].to_pylist())) == 2


def test_a_column_the_file_lacks_is_named(tmp_path):
    (tmp_path / "events.csv").write_text(CSV.replace("what", "event"))
    with pytest.raises(
        ConfigError, match=r"column 'what': is not in .*events.csv \(found: ts, event, who"
    ):
        read(tmp_path)


def test_a_repeated_column_stops_only_who_needs_it(tmp_path):
    (tmp_path / "events.csv").write_text(
        "ts,what,who,item,price,n,x,x\n2026-03-01,view,u,A,1,1,,\n"
    )
    assert read(tmp_path).events.num_rows == 1
    (tmp_path / "events.csv").write_text(
        "ts,what,who,item,price,n,who\n2026-03-01,view,u,A,1,1,v\n"
    )
    with pytest.raises(ConfigError, match=r"column .who.: stands in .* more than once"):
        read(tmp_path)


def test_a_pattern_without_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"events\*: names no file in"):
        read(tmp_path)


def test_a_column_may_be_named_line(tmp_path):
    (tmp_path / "events.csv").write_text("line,source\n2026-03-01,u1\n")
    result = read(tmp_path, columns={"time": "line", "user_id": "source"}, every_row="page_view")
    assert rows(result) == [("page_view", "u1", None, None, 2)]


def sample(name):
    if not (SAMPLES / name).is_file():
        pytest.skip("the sample events are not here")


def counts(result):
    names = result.events["event_name"].to_pylist()
    return {name: names.count(name) for name in dict.fromkeys(names)}


def test_retail_rocket():
    sample("retailrocket_events.parquet")
    columns = {
        "time": "timestamp",
        "event_name": "event",
        "anonymous_id": "visitorid",
        "item_id": "itemid",
    }
    names = {"names": {"0": "view", "1": "cart_add", "2": "purchase"}}
    result = read(
        SAMPLES, files=["retailrocket_events.parquet"], columns=columns, event_names=names
    )
    assert counts(result) == {"view": 4732, "cart_add": 377, "purchase": 60}


def test_rees46_names_its_cut_off_row():
    sample("rees46_170min.csv")
    columns = {
        "time": "event_time",
        "event_name": "event_type",
        "user_id": "user_id",
        "item_id": "product_id",
    }
    names = {"names": {"cart": "cart_add", "view": "view", "purchase": "purchase"}}
    result = read(SAMPLES, files=["rees46_170min.csv"], columns=columns, event_names=names)
    assert counts(result) == {"view": 17055, "purchase": 214, "cart_add": 165}
    assert result.rows == 17435
    assert result.rejects.to_pylist() == [
        {
            "reason_code": "wrong_column_count",
            "source": "rees46_170min.csv",
            "line": 17436,
            "raw_value": "2***(106)",
        }
    ]


def test_a_file_without_header():
    sample("taobao_head.csv")
    columns = {
        "time": "ts",
        "event_name": "what",
        "user_id": "user",
        "item_id": "item",
        "category": "category",
    }
    names = {"names": {"pv": "view", "cart": "cart_add"}, "ignored": ["fav"]}
    result = read(
        SAMPLES, files=["taobao_head.csv"], columns=columns, event_names=names, time={"unit": "seconds"},
        header=["user", "item", "category", "what", "ts"],
    )  # fmt: skip
    assert result.rows == 4321
    assert result.counts == {"ignored_event": 128, "unknown_event": 77}
