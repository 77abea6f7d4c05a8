"""One mutant per rule: what each check forbids is planted in files or facts, and found by that check and no other."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.erasure.erase import EXPORT
from features.feed_tables import ITEM_SUPPRESSIONS
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from serving.audit.audit import CHECKS
from serving.score import SCORE

HOUR = timedelta(hours=1)
TEMPLATE = {
    "name": "plain",
    "step": "reminder",
    "headline": "{{ title }}",
    "body": "",
    "fallbacks": {},
}


def holdout(bench):
    """A held-out person takes the place of one who was to be contacted."""
    bench.decisions_only()
    rows = bench.decisions()
    held = rows[(rows[c.ARM] == "holdout") & rows[c.GHOST]][c.PERSON_ID].iloc[0]
    freed = bench.contacted()[0]

    def change(table):
        for row in table:
            if row[c.PERSON_ID] in {held, freed}:
                contact = row[c.PERSON_ID] == held
                reason = "contacted" if contact else "budget_spent"
                chance = row[c.CHANCE_OF_CONTACT]
                row[c.CONTACT] = row[c.TARGETED] = contact
                row[c.GHOST] = False
                row[c.PROPENSITY] = chance if contact else 1 - chance
                row[c.REASON_CODES] = f"{reason};{row[c.REASON_CODES].partition(';')[2]}"

    def show(table):
        table[:] = [row for row in table if row[c.PERSON_ID] != freed]
        for row in table:
            row[c.GHOST] &= row[c.PERSON_ID] != held

    bench.rows(SCORE, "decisions", change)
    bench.rows(SCORE, "creatives", show)


def arm(bench):
    def change(table):
        row = next(row for row in table if row[c.ARM] == "targetable" and not row[c.ELIGIBLE])
        row[c.ARM] = "holdout"

    bench.decisions_only().rows(SCORE, "decisions", change)


def consent(bench):
    of_person(bench, **{c.CONSENT_PERSONALISATION: False})


def consent_too_late(bench):
    of_person(bench, **{c.CONSENT_SINCE: bench.project.config.as_of})


def erasure(bench):
    of_person(bench, **{c.ERASED: True})


def of_person(bench, **facts):
    who = bench.contacted()[0]

    def change(table):
        next(row for row in table if row[c.PERSON_ID] == who).update(facts)

    bench.rows(INGEST, "persons", change)


def unknown_person(bench):
    who = bench.contacted()[0]
    bench.rows(INGEST, "persons", lambda t: t.remove(next(r for r in t if r[c.PERSON_ID] == who)))


def suppression(bench):
    (bench.folder / "crm.csv").write_text(f"person_id\n{bench.contacted()[0]}\n")


def recent_purchaser(bench):
    purchase(bench, item="1059999", before=47 * HOUR)


def just_bought(bench):
    rows = bench.decisions()
    purchase(bench, item=rows[rows[c.PERSON_ID] == bench.contacted()[0]][c.ITEM_ID].iloc[0], before=49 * HOUR)  # fmt: skip


def purchase(bench, *, item, before, name="purchase"):
    who, time = bench.contacted()[0], bench.project.config.as_of - before

    def change(table):
        row = next(row for row in table if row[c.PERSON_ID] == who and row[c.EVENT_NAME] == "purchase")  # fmt: skip
        table.append(
            {**row, c.EVENT_ID: "planted", c.ITEM_ID: item, c.EVENT_NAME: name, c.TIME: time}
        )

    bench.rows(INGEST, "events", change)


def frequency_cap(bench):
    who, as_of = bench.contacted()[0], bench.project.config.as_of

    def change(table):
        for number in range(3):
            table.append({**table[0], c.EXPOSURE_ID: f"planted{number}", c.PERSON_ID: who, c.GHOST: False, c.TIME: as_of - HOUR})  # fmt: skip

    bench.rows(SIMULATE, "exposures", change)


def frequency_cap_of_a_channel(bench):
    who, as_of = bench.contacted()[0], bench.project.config.as_of
    rows = bench.decisions()
    assert set(rows[rows[c.CONTACT]][c.CHANNEL]) == {"display"}

    def change(table):
        for number in range(2):
            table.append({**table[0], c.EXPOSURE_ID: f"planted{number}", c.PERSON_ID: who, c.GHOST: False, c.TIME: as_of - HOUR, c.CHANNEL: "display"})  # fmt: skip

    bench.rows(SIMULATE, "exposures", change)


def frequency_cap_with_a_campaign_ahead(bench):
    """Two more contacts of a person are planned by another campaign for the same moment."""
    source = bench.path(SCORE) / "decisions.parquet"
    rows = pq.read_table(source)
    first = next(row for row in rows.to_pylist() if row[c.CONTACT] and row[c.RANK] == 1)
    ahead = pa.Table.from_pylist([first, first], schema=rows.schema)
    pq.write_table(ahead, bench.folder / "ahead.parquet")
    bench.manifest(SCORE, lambda m: m["config"]["frequency"].update({"ahead": ["ahead.parquet"]}))


def frequency_cap_with_a_send_log(bench):
    as_of = bench.project.config.as_of
    sent = [f"{bench.contacted()[0]},{as_of - HOUR:%Y-%m-%dT%H:%MZ},email" for _ in range(3)]
    (bench.folder / "sent.csv").write_text("\n".join(["person_id,time,channel", *sent]) + "\n")
    bench.manifest(SCORE, lambda m: m["config"]["frequency"].update({"logs": ["sent.csv"]}))


def quiet_days(bench):
    purchase(bench, item="1059999", before=29 * 24 * HOUR, name="refund")


def timing(bench):
    """A person of a stage was last seen longer ago than the stage allows."""
    rows = bench.decisions()
    stage = rows[rows[c.CONTACT]][c.STAGE].iloc[0]
    limits = {stage: {"start_hours": 0, "stop_days": 0.001}}
    bench.manifest(SCORE, lambda m: m["config"]["frequency"].update({"timing": limits}))


def timing_too_early(bench):
    rows = bench.decisions()
    stage = rows[rows[c.CONTACT]][c.STAGE].iloc[0]
    limits = {stage: {"start_hours": 24 * 10_000, "stop_days": None}}
    bench.manifest(SCORE, lambda m: m["config"]["frequency"].update({"timing": limits}))


def claims(bench):
    bench.manifest(SCORE, lambda m: m["config"]["creative"].update({"templates": [TEMPLATE]}))
    change = {c.TEMPLATE: "plain", c.BODY: "Guaranteed to please"}
    bench.rows(SCORE, "creatives", lambda t: t[0].update(change))


def claims_too_long(bench):
    bench.manifest(SCORE, lambda m: m["config"]["creative"].update({"templates": [TEMPLATE]}))
    change = {c.TEMPLATE: "plain", c.HEADLINE: 91 * "x"}
    bench.rows(SCORE, "creatives", lambda t: t[0].update(change))


def claims_of_few_left(bench):
    """The template presses, and no feed says that few are left."""
    pressing = {**TEMPLATE, "headline": "Hurry: {{ title }}"}
    bench.manifest(SCORE, lambda m: m["config"]["creative"].update({"templates": [pressing]}))
    bench.rows(SCORE, "creatives", lambda t: t[0].update({c.TEMPLATE: "plain"}))


def chances(bench):
    def change(table):
        next(row for row in table if row[c.CONTACT])[c.PROPENSITY] = 1.0

    bench.rows(SCORE, "decisions", change)


def verdict(bench):
    who = bench.contacted()[0]

    def change(table):
        for row in table:
            if row[c.PERSON_ID] == who:
                row[c.REASON_CODES] = f"budget_spent;{row[c.REASON_CODES].partition(';')[2]}"

    bench.decisions_only().rows(SCORE, "decisions", change)


def not_decided(bench):
    rows = bench.decisions()
    free = rows[rows[c.REASON_CODES].str.startswith(("expected_value", "budget_spent"))]
    swap_id(bench, free[c.PERSON_ID].iloc[0])


def swap_id(bench, other):
    """Another person's id stands where one to be contacted stood."""
    who = bench.contacted()[0]
    bench.text("bids.csv", lambda text: text.replace(f"1,{who},", f"1,{other},"))


def snapshot(bench):
    bench.decisions_only().rows(SCORE, "decisions", lambda t: t[0].update({c.SNAPSHOT_ID: "older"}))


def stock(bench):
    of_item(bench, **{c.AVAILABILITY: "out_of_stock"})


def blocked_category(bench):
    of_item(bench, **{c.CATEGORY: "CATEGORY 5"})


def of_item(bench, **facts):
    item = offered(bench)

    def change(table):
        next(row for row in table if row[c.ITEM_ID] == item).update(facts)

    bench.rows(INGEST, "catalog", change)


def offered(bench):
    rows = bench.decisions()
    return rows[rows[c.CONTACT]][c.ITEM_ID].iloc[0]


def price(bench):
    bench.text("sheet.csv", lambda text: in_first_row(text, "price", "0.01"))


def price_in_a_feed(bench):
    bench.text("ads.csv", lambda text: in_first_row(text, "Price", "0.01 USD"))


def price_decided(bench):
    def change(table):
        row = next(row for row in table if row[c.PRICE])
        row[c.PRICE] += 0.01

    bench.rows(SCORE, "decisions", change)


def held_back(bench):
    schema = ITEM_SUPPRESSIONS.schema
    row = dict.fromkeys(schema.names, "-") | {c.ITEM_ID: offered(bench)}
    path = bench.path(INGEST) / f"{ITEM_SUPPRESSIONS.name}.parquet"
    pq.write_table(pa.Table.from_pylist([row], schema=schema), path)
    bench.manifest(INGEST, lambda m: m["tables"].update({ITEM_SUPPRESSIONS.name: {"rows": 1}}))


def creative(bench):
    bench.rows(SCORE, "creatives", lambda t: t[0].update({c.GHOST: not t[0][c.GHOST]}))


def creative_with_a_slot(bench):
    bench.rows(SCORE, "creatives", lambda t: t[0].update({c.BODY: "Only {price}"}))


def creative_missing(bench):
    who = bench.contacted()[0]

    def change(table):
        table[:] = [row for row in table if row[c.PERSON_ID] != who]

    bench.rows(SCORE, "creatives", change)


def creative_price(bench):
    bench.rows(SCORE, "creatives", lambda t: t[0].update({c.PRICE_TEXT: "0.01 USD"}))


def budget(bench):
    def change(table):
        next(row for row in table if row[c.CONTACT] and row[c.RANK] == 1)[c.EXPECTED_COST] += 12

    bench.rows(SCORE, "decisions", change)


def waterfall(bench):
    bench.rows(SCORE, "waterfall", lambda t: t[-1].update({c.COUNT_LEFT: t[-1][c.COUNT_LEFT] + 1}))


def waterfall_other_than_decided(bench):
    def change(table):
        one, other = (row for row in table if row[c.RULE] in {"no_consent", "no_history"})
        for row, more in ((one, -1), (other, 1)):
            row[c.COUNT_REMOVED] += more
        one[c.COUNT_LEFT] += 1
        other[c.COUNT_IN] += 1

    bench.rows(SCORE, "waterfall", change)


def everybody(bench):
    def change(table):
        idle = (row for row in table if not (row[c.CONTACT] or row[c.GHOST]))
        next(row for row in idle if row[c.RANK] == 2)[c.RANK] = 9

    bench.decisions_only().rows(SCORE, "decisions", change)


def export_sums(bench):
    """A row is gone, and the list of files knows it."""
    bench.text("bids.csv", lambda text: "\n".join(text.splitlines()[:-1]) + "\n")

    def change(text):
        told = json.loads(text)
        next(one for one in told["exports"] if one["name"] == "bids")["files"][0]["rows"] -= 1
        return json.dumps(told)

    bench.text("exports.json", change)


def file_hash(bench):
    with (bench.path(SCORE) / "decisions.csv").open("a") as file:
        file.write("\n")


def file_too_many(bench):
    (bench.path(EXPORT) / "more.csv").write_text("person_id\n")


def in_clear(bench):
    address = (bench.folder / "contacts.csv").read_text().splitlines()[1].split(",")[1]
    bench.text("sheet.csv", lambda text: in_first_row(text, "message", f"Write to {address.upper()}"))  # fmt: skip


def phone_in_clear(bench):
    bench.text("sheet.csv", lambda text: in_first_row(text, "message", "8005550001"))
    contacts = bench.folder / "contacts.csv"
    contacts.write_text(contacts.read_text() + "nobody,,+8005550001\n")


def hash_shape(bench):
    bench.text("match.csv", lambda text: in_first_row(text, "Email", "ABC"))


def hash_of_an_id(bench):
    def change(text):
        request = json.loads(text)
        row = next(row for row in request["data"] if row[1])
        row[1] = hashlib.sha256(row[0].encode()).hexdigest()
        return json.dumps(request) + "\n"

    bench.text("meta.post_purchase.jsonl", change)


def inert(bench):
    bench.text("sheet.csv", lambda text: in_first_row(text, "title", "=1+1"))


def inert_page(bench):
    bench.text("lists.jsonl", lambda text: text.replace('"title":"', '"title":"<script>', 1))


def inert_character(bench):
    bench.text("sheet.csv", lambda text: in_first_row(text, "title", "\u202egnp"))


def in_first_row(text, column, value):
    """A CSV text with another value in the first row that has one."""
    header, *rows = csv.reader(io.StringIO(text))
    place = header.index(column)
    next(row for row in rows if row[place])[place] = value
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([header, *rows])
    return written.getvalue()


MUTANTS = {
    holdout: "holdout",
    arm: "arm",
    consent: "consent",
    consent_too_late: "consent",
    erasure: "erasure",
    unknown_person: "unknown_person",
    suppression: "suppression",
    recent_purchaser: "recent_purchaser",
    timing: "timing",
    timing_too_early: "timing",
    claims: "claims",
    claims_too_long: "claims",
    claims_of_few_left: "claims",
    frequency_cap: "frequency_cap",
    frequency_cap_of_a_channel: "frequency_cap",
    frequency_cap_with_a_campaign_ahead: "frequency_cap",
    frequency_cap_with_a_send_log: "frequency_cap",
    quiet_days: "quiet_days",
    chances: "chances",
    verdict: "verdict",
    not_decided: "not_decided",
    snapshot: "snapshot",
    stock: "stock",
    price: "price",
    price_in_a_feed: "price",
    price_decided: "price",
    blocked_category: "blocked_category",
    held_back: "held_back",
    just_bought: "just_bought",
    creative: "creative",
    creative_with_a_slot: "creative",
    creative_missing: "creative",
    creative_price: "creative_price",
    budget: "budget",
    waterfall: "waterfall",
    waterfall_other_than_decided: "waterfall",
    everybody: "everybody",
    export_sums: "export_sums",
    file_hash: "file_hash",
    file_too_many: "file_hash",
    in_clear: "in_clear",
    phone_in_clear: "in_clear",
    hash_shape: "hash_shape",
    hash_of_an_id: "hash_shape",
    inert: "inert",
    inert_page: "inert",
    inert_character: "inert",
}


def test_every_rule_has_a_mutant():
    assert set(MUTANTS.values()) == {check.name for check in CHECKS}


@pytest.mark.parametrize("plant", MUTANTS, ids=lambda plant: plant.__name__)
def test_a_planted_violation_is_found_by_its_rule_and_by_no_other(bench, plant):
    plant(bench)
    found = bench.audit()
    assert set(found) == {MUTANTS[plant]}, found
    assert found[MUTANTS[plant]]["first"]


@pytest.mark.parametrize("file", ["bids.csv"])
def test_a_held_out_person_in_a_file_is_found_twice(bench, file):
    rows = bench.decisions()
    swap_id(bench, rows[(rows[c.ARM] == "holdout") & rows[c.ELIGIBLE]][c.PERSON_ID].iloc[0])
    assert set(bench.audit()) == {"holdout", "not_decided"}


def test_a_held_out_person_behind_a_hash_is_found(bench):
    """Nobody's id stands in a Customer Match list, but the contacts file says whose address a hash is."""
    rows = bench.decisions()
    held = set(rows[(rows[c.ARM] == "holdout")][c.PERSON_ID])
    lines = (bench.folder / "contacts.csv").read_text().splitlines()[1:]
    address = next(line.split(",")[1] for line in lines if line.split(",")[0] in held)
    digest = hashlib.sha256(address.lower().encode()).hexdigest()
    bench.text("match.csv", lambda text: f"{text}{digest},,,,,\n")
    assert {"holdout", "not_decided"} <= set(bench.audit())
