"""From files to a file: the same tables as the steps one after the other, whatever the files hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.contracts import check
from features.engines.local import LocalEngine
from features.errors import GateError, InputError, SchemaError
from features.ingest import ingestion
from features.ingest.cleaning import CleaningConfig
from features.ingest.duplicates import CODES, find_repeats
from features.ingest.events import ROW_RULES, judge
from features.ingest.identity import find_persons
from features.ingest.ingestion import ingest_events
from features.ingest.refunds import RefundConfig, reverse
from features.sources.raw_events import RAW_EVENTS
from features.sources.staging import StagedFile
from features.tables import EVENT_NAMES, EVENTS, REJECTS, REPEATS

START = datetime(2026, 3, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
LENIENT = CleaningConfig(max_reject_rate=1.0, identity={"max_identities": 4})


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
    files = []
    for number, part in enumerate((table.slice(0, cut), table.slice(cut))):
        path = folder / f"o'clock {number}.parquet"
        pq.write_table(part, path)
        files.append(StagedFile(path, part.num_rows, REJECTS.schema.empty_table()))
    return files


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


def step_by_step(table, config, engine):
    """Every step on all events at once, in memory: events, (line, reason), and what was found on the way."""
    latest = NOW + timedelta(minutes=5)
    bad = pa.array([time is None or time > latest for time in table[c.TIME].to_pylist()])
    refused = [(line, "bad_timestamp") for line in table.filter(bad)[c.LINE].to_pylist()]
    rows = table.filter(pc.invert(bad))
    found = find_persons(rows, config.identity)
    person, quarantined = found.of(rows)
    rows = rows.set_column(rows.schema.get_field_index(c.PERSON_ID), c.PERSON_ID, person)
    shared = rows.filter(pa.array(quarantined))[c.LINE].to_pylist()
    refused += [(line, "quarantined_identity") for line in shared]
    rows = rows.filter(pa.array(~quarantined))
    repeats = find_repeats(rows, config.duplicates)
    codes = pa.array(CODES).take(pa.array(repeats.code, mask=~repeats.dropped))
    told = rows.append_column("code", codes).filter(pa.array(repeats.dropped))
    refused += zip(told[c.LINE].to_pylist(), told["code"].to_pylist(), strict=True)
    rows = rows.set_column(0, rows.schema.field(0), repeats.event_ids)
    rows = rows.filter(pa.array(~repeats.dropped))
    judged = engine.collect(judge(engine.table(rows), ROW_RULES))
    misfits = judged.filter(pc.is_valid(judged[c.REASON_CODE]))
    refused += zip(misfits[c.LINE].to_pylist(), misfits[c.REASON_CODE].to_pylist(), strict=True)
    settled = reverse(judged.filter(pc.is_null(judged[c.REASON_CODE])), config.refunds)
    unknown = settled.rejects
    refused += zip(unknown[c.LINE].to_pylist(), unknown[c.REASON_CODE].to_pylist(), strict=True)
    order = [(c.TIME, "ascending"), (c.EVENT_ID, "ascending")]
    return {
        "events": settled.events.select(EVENTS.schema.names).sort_by(order),
        "refused": sorted(refused),
        "identities": found.identities,
        "merges": found.merges,
        "repeats": repeats.repeats,
        "reversals": settled.reversals,
    }


@pytest.mark.parametrize("match", ["transaction", "person_item"])
@pytest.mark.parametrize(("seed", "rows_at_once"), [(6, 2_000_000), (7, 300)])
def test_files_give_the_tables_of_the_steps(
    tmp_path, engine, monkeypatch, match, seed, rows_at_once
):
    names = ["view", "purchase", "purchase", "purchase", "refund", "cancel", "bought"]
    rows = random_rows(seed, 3_000, names=names, transactions=True)
    config = LENIENT.model_copy(update={"refunds": RefundConfig(match=match)})
    expected = step_by_step(raw(rows), config, engine)
    monkeypatch.setattr(ingestion, "_ROWS_AT_ONCE", rows_at_once)
    result = ingest(tmp_path, raw(rows), engine, cut=1_234, config=config)
    events = check(pq.read_table(result.path), EVENTS, source="files")
    assert events.equals(check(expected.pop("events"), EVENTS, source="steps"))
    places = zip(*(result.rejects[n].to_pylist() for n in (c.LINE, c.REASON_CODE)), strict=True)
    assert sorted(places) == expected.pop("refused")
    for name, table in expected.items():
        assert getattr(result, name).equals(table), name
    assert (result.events_in, result.events_out) == (len(rows), events.num_rows)
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
    assert max(filter(None, first.newest)) == START + timedelta(days=10)
    late = {**GOOD, "anonymous_id": "a", "event_id": "e3", "hour": 24 * 5}
    too_late = {**late, "event_id": "e4", "hour": 1}
    second = ingest(
        tmp_path,
        raw([late, too_late, too_late]),
        engine,
        cut=2,
        watermarks=[START + timedelta(days=10), None],
        before=first.identities,
    )
    assert second.counts == {"late_event": 1}
    assert second.late == (1, 0)
    assert second.newest == (START + timedelta(hours=5 * 24), START + timedelta(hours=1))
    person = first.identities[c.PERSON_ID].to_pylist()
    assert set(pq.read_table(second.path)[c.PERSON_ID].to_pylist()) == set(person)


def test_of_equal_events_the_one_that_came_first_stays(tmp_path, engine):
    table = raw([{**GOOD, "source": "b.csv"}, {**GOOD, "source": "a.csv"}])
    for marks, kept in (((None, START), "b.csv"), ((START, None), "a.csv"), (None, "a.csv")):
        result = ingest(tmp_path, table, engine, cut=1, watermarks=marks)
        assert pq.read_table(result.path)[c.SOURCE].to_pylist() == [kept]


def test_what_is_shown_of_a_refused_row_names_no_person(tmp_path, engine):
    kiosk = [
        {**GOOD, "anonymous_id": "kiosk", "user_id": f"k{n}", "event_id": f"k{n}"} for n in range(4)
    ]
    order = {**GOOD, "event_name": "purchase", "transaction_id": "T1", "event_id": "e7"}
    rows = [
        GOOD, GOOD, {**GOOD, "hour": 24 * 40}, kiosk[0], {**GOOD, "event_id": "e8", "value": -1.0},
        order, {**order, "event_id": "e9", "hour": 2}, {**GOOD, "event_id": "e5", "user_id": None}, *kiosk[1:],
    ]  # fmt: skip
    shown = ingest(tmp_path, raw(rows), engine).rejects.to_pylist()
    assert [(row["line"], row["reason_code"], row["raw_value"]) for row in shown[:7]] == [
        (2, "duplicate_event", "e1"),
        (3, "bad_timestamp", "2026-04-10 00:00:00.000000Z"),
        (4, "quarantined_identity", None),
        (5, "bad_value", "value=-1.0"),
        (7, "duplicate_transaction", "T1"),
        (8, "no_identity", "(masked)"),
        (9, "quarantined_identity", None),
    ]


def test_rows_that_the_source_refused_count_as_well(tmp_path, engine):
    files = in_files(tmp_path, raw([GOOD]), 0)
    line = {"reason_code": "ragged", "source": "f.csv", "line": 9, "raw_value": None}
    files[0] = replace(files[0], rows=1, rejects=pa.Table.from_pylist([line], REJECTS.schema))
    target, strict = tmp_path / "events.parquet", CleaningConfig(max_reject_rate=0.4)
    with pytest.raises(GateError, match=r"50\.0% of 2 rows were refused, most for 'ragged'"):
        ingest_events(files, target, strict, engine, received_at=NOW)
    result = ingest_events(files, target, LENIENT, engine, received_at=NOW)
    assert (result.rows, result.row_rejects, result.events_in, result.events_out) == (2, 1, 1, 1)
    assert result.rejects.to_pylist() == [line]


def test_too_many_rejects_write_nothing_and_duplicates_do_not_count(tmp_path, engine):
    strict = CleaningConfig(max_reject_rate=0.4)
    assert ingest(tmp_path, raw([GOOD, GOOD]), engine, config=strict).events_out == 1
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
