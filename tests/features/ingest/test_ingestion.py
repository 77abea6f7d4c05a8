"""From files to a file: the same tables as the steps one after the other, whatever the files hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.contracts import check
from features.engines.local import LocalEngine
from features.errors import GateError, InputError, SchemaError
from features.ingest import ingestion
from features.ingest.cleaning import CleaningConfig, clean
from features.ingest.ingestion import ingest_events
from features.ingest.refunds import RefundConfig
from features.sources.raw_events import RAW_EVENTS, RawEvents
from features.tables import EVENT_NAMES, EVENTS, REJECTS, REPEATS

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
LENIENT = CleaningConfig(max_reject_rate=1.0, identity={"max_identities": 4})
PLACE = [(c.SOURCE, "ascending"), (c.LINE, "ascending"), (c.REASON_CODE, "ascending")]


@pytest.fixture(scope="module")
def engine():
    return LocalEngine(memory_limit="256MB")


def raw(rows):
    full = [
        {
            **dict.fromkeys(RAW_EVENTS.names),
            "source": "f.csv",
            "line": line,
            **row,
            "time": None if row["hour"] is None else START + timedelta(hours=row["hour"]),
        }
        for line, row in enumerate(rows, start=1)
    ]
    names = RAW_EVENTS.names
    return pa.Table.from_pylist([{n: row[n] for n in names} for row in full], schema=RAW_EVENTS)


def in_files(folder, table, cut):
    paths = []
    for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
        paths.append(folder / f"o'clock {number}.parquet")
        pq.write_table(part, paths[-1])
    return paths


def ingest(folder, table, engine, *, cut=0, config=LENIENT, **options):
    return ingest_events(
        in_files(Path(folder), table, cut),
        Path(folder) / "events.parquet",
        config,
        engine,
        received_at=NOW,
        **options,
    )


def believed(row):
    return row["hour"] is not None and row["hour"] <= 30 * 24


def identities(row):
    return [(name, row[name]) for name in ("user_id", "anonymous_id") if row[name] is not None]


def groups_by_hand(rows):
    """Ids that were seen together in believed rows."""
    group = {}
    for row in filter(believed, rows):
        merged = set(identities(row)).union(*(group.get(i, set()) for i in identities(row)))
        group.update(dict.fromkeys(merged, merged))
    return group


def flaw(row):
    """The first rule that a row breaks by itself."""
    broken = {
        "unknown_event": row["event_name"] not in EVENT_NAMES,
        "no_identity": not identities(row),
        "missing_item_id": row["event_name"] == "view" and row["item_id"] is None,
        "bad_value": row["value"] is not None and row["value"] < 0,
        "missing_event_id": row["event_id"] is None,
    }
    return next((code for code, is_broken in broken.items() if is_broken), None)


def by_hand(rows):
    """Row by row, nothing clever: the lines that are refused, and why. Without transactions."""
    group, reasons, told = groups_by_hand(rows), {}, {}
    for line, row in sorted(enumerate(rows, 1), key=lambda pair: (pair[1]["hour"] or 0, pair[0])):
        ids = group[identities(row)[0]] if believed(row) and identities(row) else {("nobody", "")}
        said = (row["event_id"], row["event_name"], row["item_id"], min(ids))
        if not believed(row):
            reason = "bad_timestamp"
        elif len(ids) > LENIENT.identity.max_identities:
            reason = "quarantined_identity"
        elif row["event_id"] is not None and said in told:
            reason = "late_duplicate" if row["hour"] - told[said] > 48 else "duplicate_event"
        else:
            told[said] = row["hour"]
            reason = flaw(row)
        if reason:
            reasons[line] = reason
    return reasons


def random_rows(seed, n, *, names, transactions):
    """Rows that share ids, transactions and flaws with each other as often as not."""
    random = Random(seed)  # noqa: S311 - no secret

    def some(letter, *, of):
        return f"{letter}{random.randrange(1 + of)}"

    def fresh():
        return {
            "event_id": random.choice([None, *[some("e", of=n // 4)] * 9]),
            "event_name": random.choice(names),
            "anonymous_id": random.choice([None, some("a", of=n), some("a", of=n)]),
            "user_id": random.choice([None, None, some("u", of=n)]),
            "item_id": random.choice(["A", "B", "B", None]),
            "transaction_id": some("T", of=n // 4)
            if transactions and random.random() < 0.7
            else None,
            "quantity": random.choice([1.0, 2.0, None]),
            "value": random.choice([1.0, 1.0, 1.0, 3.0, -1.0, None]),
            "hour": random.choice([0, 1, 2, 60, 60, 24 * 40, None]),
        }

    rows = []
    for _ in range(n):
        again = random.choice(rows) if rows and random.random() < 0.5 else fresh()
        changed = random.choice(["hour", "hour", "hour", "event_id", "value"])
        rows.append({**again, "hour": random.choice([1, 2, 60, 70]), changed: fresh()[changed]})
    return rows


@pytest.mark.parametrize(("seed", "n"), [(1, 0), (2, 1), (3, 30), (4, 400), (5, 2_000)])
def test_every_line_ends_as_found_by_hand(tmp_path, engine, seed, n):
    rows = random_rows(
        seed, n, names=["view", "page_view", "page_view", "bought"], transactions=False
    )
    result = ingest(tmp_path, raw(rows), engine, cut=n // 3)
    reasons = by_hand(rows)
    assert {row["line"]: row["reason_code"] for row in result.rejects.to_pylist()} == reasons
    kept = pq.read_table(result.path)[c.LINE].to_pylist()
    assert sorted(kept) == [line for line in range(1, n + 1) if line not in reasons]
    assert n < 400 or len(set(reasons.values())) >= 7


@pytest.mark.parametrize("match", ["transaction", "person_item"])
@pytest.mark.parametrize(("seed", "rows_at_once"), [(6, 2_000_000), (7, 300)])
def test_files_give_the_tables_of_the_steps(
    tmp_path, engine, monkeypatch, match, seed, rows_at_once
):
    names = ["view", "purchase", "purchase", "purchase", "refund", "cancel", "bought"]
    rows = random_rows(seed, 3_000, names=names, transactions=True)
    config = LENIENT.model_copy(update={"refunds": RefundConfig(match=match)})
    unchecked = RawEvents(raw(rows), REJECTS.schema.empty_table(), len(rows))
    expected = clean(unchecked, config, engine, received_at=NOW)
    monkeypatch.setattr(ingestion, "_ROWS_AT_ONCE", rows_at_once)
    result = ingest(tmp_path, raw(rows), engine, cut=1_234, config=config)
    events = pq.read_table(result.path)
    checked = check(expected.events, EVENTS, source="steps")
    assert check(events, EVENTS, source="files").equals(checked)
    assert result.rejects.sort_by(PLACE).equals(expected.rejects.sort_by(PLACE))
    for name in ("identities", "merges", "repeats", "reversals"):
        assert getattr(result, name).equals(getattr(expected, name)), name
    assert (result.rows_in, result.rows_out) == (len(rows), events.num_rows)
    assert len(set(result.repeats["reason_code"].to_pylist())) >= 6
    assert result.reversals.num_rows > 0


GOOD = {"event_id": "e1", "event_name": "view", "user_id": "u", "item_id": "A", "hour": 0}


def test_events_of_one_line_are_told_apart_in_the_rejects(tmp_path, engine):
    table = raw([GOOD, {**GOOD, "line": 1}, {**GOOD, "line": 1}])
    result = ingest(tmp_path, table, engine, cut=2)
    assert check(result.rejects, REJECTS, source="test")[c.SOURCE].to_pylist() == ["f.csv", "f.csv#2"]  # fmt: skip
    assert result.repeats.num_rows == 2
    assert result.repeats.schema == REPEATS.schema


def test_days_follow_each_other(tmp_path, engine):
    first = ingest(tmp_path, raw([GOOD, {**GOOD, "event_id": "e2", "hour": 24 * 10}]), engine)
    assert first.watermark == START + timedelta(days=10)
    late = {**GOOD, "anonymous_id": "a", "event_id": "e3", "hour": 24 * 5}
    too_late = {**late, "event_id": "e4", "hour": 1}
    second = ingest(
        tmp_path, raw([late, too_late]), engine, watermark=first.watermark, before=first.identities
    )
    assert second.counts == {"late_event": 1}
    assert (second.late, second.watermark) == (1, first.watermark)
    person = first.identities[c.PERSON_ID].to_pylist()
    assert pq.read_table(second.path)[c.PERSON_ID].to_pylist() == person


def test_too_many_rejects_write_nothing_and_duplicates_do_not_count(tmp_path, engine):
    strict = CleaningConfig(max_reject_rate=0.4)
    assert ingest(tmp_path, raw([GOOD, GOOD]), engine, config=strict).rows_out == 1
    (tmp_path / "events.parquet").unlink()
    with pytest.raises(GateError, match=r"50\.0% of 2 rows were refused, most for 'bad_timestamp'"):
        ingest(tmp_path, raw([GOOD, {**GOOD, "hour": None}]), engine, config=strict)
    assert not (tmp_path / "events.parquet").exists()


def test_files_are_checked_before_they_are_read(tmp_path, engine):
    with pytest.raises(InputError, match="no files"):
        engine.files([], RAW_EVENTS)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        engine.files([tmp_path / "absent.parquet"], RAW_EVENTS)
    path = tmp_path / "odd.parquet"
    pq.write_table(raw([GOOD]).drop_columns(["line"]), path)
    with pytest.raises(SchemaError, match=r"column 'line' is missing; it must be int64"):
        engine.files([path], RAW_EVENTS)
