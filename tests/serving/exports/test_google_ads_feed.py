"""Google Ads custom feed: a golden file under the template's header, from a feed or from a catalog alone."""

from __future__ import annotations

import csv
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.exports.base import Unavailable, require_valid
from serving.exports.google_ads_feed import GoogleAdsFeedConfig, file_format, prepare

CONFIG = GoogleAdsFeedConfig(kind="google_ads_feed")
HEADER = (
    b"ID,ID2,Item title,Final URL,Image URL,Item subtitle,Item description,Item category,Price,Sale price,"
    b"Contextual keywords,Item address,Tracking template,Custom parameter,Destination URL\n"
)
GOLDEN = (
    HEADER
    + b"a1,,'+Plus size,https://shop.example/a1,https://shop.example/a1.jpg,Own,About a1,Food,12.50 EUR,9.99 EUR,,,,,\n"
    + b'b2,,"Socks, ""warm""",https://shop.example/b2,https://shop.example/b2.jpg,Own,About b2,Food,12.50 EUR,,,,,,\n'
)


@pytest.fixture
def facts(make):
    later = make.as_of + timedelta(days=1)
    items = [
        make.feed_item("a1", title="+Plus\tsize", sale_price=9.99),
        make.feed_item("b2", title='Socks, "warm"', sale_price=9.99, sale_starts=later),
        make.feed_item("c3", availability="out_of_stock"),
        make.feed_item("d4", title=None),
        make.feed_item("e5", category="TOBACCO"),
    ]
    return make.facts([make.decision("p1")], feed=items)


def test_golden_file(facts, tmp_path):
    (found,) = prepare("ads", CONFIG, facts)
    path = tmp_path / "ads.csv"
    file_format(CONFIG, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN
    require_valid(path, file_format(CONFIG, facts), found.rows)
    assert found.drops == {"blocked_category": 1, "not_in_stock": 1, "title_missing": 1}
    assert found.warnings == ()


def test_a_catalog_without_feed_gives_what_sales_show_and_a_warning(make):
    catalog = [
        make.item("i1"), make.item("i2", availability=None), make.item("i3", title="x" * 26, price=None),
        make.item("i4", category="TOBACCO"), make.item("i5", availability="out_of_stock"),
    ]  # fmt: skip
    (found,) = prepare("ads", CONFIG, make.facts([make.decision("p1")], catalog=catalog))
    assert [(row[0], row[2], row[8]) for row in found.rows] == [("i1", "I1", "2.50 USD"), ("i3", "x" * 26, "")]  # fmt: skip
    assert found.drops == {"blocked_category": 1, "not_in_stock": 2}
    no_url, long = found.warnings
    assert no_url.startswith("2 of 2 items have no Final URL")
    assert long == "1 titles are longer than the 25 characters Google recommends"


def test_an_item_held_back_is_no_row_of_a_catalog_either(make):
    rows = [make.decision("p1", 1, "i1"), make.decision("p1", 2, "i2")]
    (prepared,) = prepare("ads", CONFIG, make.facts(rows, held_items=pa.array(["i2"])))
    assert [row[0] for row in prepared.rows] == ["i1"]
    assert prepared.drops == {"held_back": 1}


def test_nothing_in_stock_is_said(make):
    catalog = [make.item("i1", availability="out_of_stock")]
    outcome = prepare("ads", CONFIG, make.facts([make.decision("p1")], catalog=catalog))
    assert outcome == Unavailable("no item has a title and is in stock")


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"Item title", b"Title", "its header is ID, ID2, Title"),
        (b"\nb2,", b"\na1,", "row 3: 'ID' and 'ID2' occur twice"),
        (b"12.50 EUR,9.99", b"12.50,9.99", "row 2: price_invalid"),
        (b"https://shop.example/a1,", b"//shop.example/a1,", "row 2: link_not_absolute"),
        (b"'+Plus", b"+Plus", "row 2: 'Item title' starts like a formula"),
        (b"\na1,", b"\n# a1,", "row 2: unsafe_id"),
        (b"'+Plus size", b"", "row 2: title_missing"),
    ],
)
def test_planted_faults_are_found(facts, tmp_path, before, after, fault):
    path = tmp_path / "ads.csv"
    assert before in GOLDEN
    path.write_bytes(GOLDEN.replace(before, after, 1))
    (found, *_) = file_format(CONFIG, facts).faults(path)
    assert found.startswith(fault)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.text(max_size=20)), min_size=1, max_size=4, unique_by=lambda x: x[0]))  # fmt: skip
def test_hostile_ids_and_titles_are_inert_or_left_out(make, tmp_path_factory, rows):
    items = [make.feed_item(name, title=title) for name, title in rows]
    facts = make.facts([make.decision("p1")], feed=items)
    outcome = prepare("ads", CONFIG, facts)
    if isinstance(outcome, Unavailable):
        return
    path = tmp_path_factory.mktemp("ads") / "ads.csv"
    file_format(CONFIG, facts).write(path, outcome[0].rows)
    require_valid(path, file_format(CONFIG, facts), outcome[0].rows)
    with path.open(newline="") as file:
        parsed = list(csv.reader(file))[1:]
    assert {row[0] for row in parsed} <= {name for name, _ in rows}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in parsed for cell in row)
