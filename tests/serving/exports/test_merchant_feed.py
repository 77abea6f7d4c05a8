"""Merchant feeds: golden TSV and XML, read back by our own feed reader; disapproved items left out; hostile texts inert."""

from __future__ import annotations

import csv
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import columns as c
from features.catalog.readers.feed import read_feed
from serving.exports.base import Unavailable, require_valid
from serving.exports.merchant_feed import (
    COLUMNS,
    NAMESPACE,
    MerchantFeedConfig,
    file_format,
    prepare,
)

TSV = MerchantFeedConfig(kind="merchant_feed")
XML = MerchantFeedConfig(kind="merchant_feed", format="xml")
HEADER = "\t".join(COLUMNS).encode()
GOLDEN_TSV = (
    HEADER
    + b"\na1\t'=Socks <b> & more\tAbout a1\thttps://shop.example/a1\thttps://shop.example/a1.jpg\t\tin_stock\t\t12.50 EUR"
    + b"\t9.99 EUR\t2017-12-24T00:00Z/2017-12-27T00:00Z\t\t\t\tFood\tOwn\t\t\t\tnew"
    + b"\t" * 18
    + b'\nb2\t"5"" pipe"\tAbout b2\thttps://shop.example/b2\thttps://shop.example/b2.jpg\t\tout_of_stock\t\t12.50 EUR'
    + b"\t\t\t\t\t\tFood\tOwn\t\t\t\tnew"
    + b"\t" * 18
    + b"\n"
)
GOLDEN_XML = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="{NAMESPACE}">
<channel>
<title>Products</title>
<item>
<g:id>a1</g:id>
<g:title>'=Socks &lt;b&gt; &amp; more</g:title>
<g:description>About a1</g:description>
<g:link>https://shop.example/a1</g:link>
<g:image_link>https://shop.example/a1.jpg</g:image_link>
<g:availability>in_stock</g:availability>
<g:price>12.50 EUR</g:price>
<g:sale_price>9.99 EUR</g:sale_price>
<g:sale_price_effective_date>2017-12-24T00:00Z/2017-12-27T00:00Z</g:sale_price_effective_date>
<g:product_type>Food</g:product_type>
<g:brand>Own</g:brand>
<g:condition>new</g:condition>
</item>
</channel>
</rss>
"""


@pytest.fixture
def items(make):
    sale = {c.SALE_PRICE: 9.99, c.SALE_STARTS: make.as_of - timedelta(days=1), c.SALE_ENDS: make.as_of + timedelta(days=2)}  # fmt: skip
    return [
        make.feed_item("a1", title="=Socks\n<b> & \u202emore", **sale),
        make.feed_item("b2", title='5" pipe', availability="out_of_stock"),
        make.feed_item("c3", description=None),
        make.feed_item("d4", link="javascript:alert(1)"),
        make.feed_item("e5", category="TOBACCO"),
        make.feed_item("=f6"),
    ]


def facts_with(make, items):
    return make.facts([make.decision("p1")], feed=items)


def test_golden_tsv(make, items, tmp_path):
    facts = facts_with(make, items)
    (found,) = prepare("feed", TSV, facts)
    path = tmp_path / "feed.tsv"
    file_format(TSV, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN_TSV
    require_valid(path, file_format(TSV, facts), found.rows)
    assert found.drops == {
        "blocked_category": 1, "description_missing": 1, "link_missing": 1, "unsafe_id": 1,
    }  # fmt: skip


def test_golden_xml(make, items, tmp_path):
    facts = facts_with(make, items[:1])
    (found,) = prepare("feed", XML, facts)
    path = tmp_path / "feed.xml"
    file_format(XML, facts).write(path, found.rows)
    assert path.read_text() == GOLDEN_XML
    require_valid(path, file_format(XML, facts), found.rows)


@pytest.mark.parametrize("config", [TSV, XML], ids=["tsv", "xml"])
def test_our_reader_of_feeds_finds_the_same_items(make, items, tmp_path, config):
    facts = facts_with(make, items)
    (found,) = prepare("feed", config, facts)
    path = tmp_path / f"feed{file_format(config, facts).suffix}"
    file_format(config, facts).write(path, found.rows)
    read = read_feed(path)
    assert read.rejects.num_rows == 0
    assert read.items["id"].to_pylist() == ["a1", "b2"]
    assert read.items[c.TITLE].to_pylist() == ["'=Socks <b> & more", '5" pipe']


def test_a_sale_that_is_over_is_not_exported(make):
    over = make.feed_item("a1", sale_price=9.99, sale_starts=make.as_of - timedelta(days=3), sale_ends=make.as_of)  # fmt: skip
    (found,) = prepare("feed", TSV, facts_with(make, [over]))
    (row,) = found.rows
    assert row[COLUMNS.index(c.SALE_PRICE)] == ""


def test_what_items_cost_the_merchant_is_not_exported():
    assert c.COST_OF_GOODS_SOLD not in COLUMNS


def test_without_feed_or_with_an_old_one_it_says_why(make):
    without = make.facts([make.decision("p1")])
    assert "no product feed" in prepare("feed", TSV, without).why
    bad = prepare("feed", TSV, facts_with(make, [make.feed_item("a1", link=None)]))
    assert isinstance(bad, Unavailable)
    assert bad.why == "no item of the feed would be accepted (link_missing 1)"


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b"\tavailability\t", b"\tstock\t", "its header is"),
        (b"12.50 EUR", b"12,50 EUR", "line 2: price_syntax of a1"),
        (b"\tin_stock", b"\tin stock!", "line 2: availability_invalid of a1"),
        (b"https://shop.example/b2\t", b"\t", "line 3: link_missing of b2"),
        (b"\nb2", b"\na1", "row 3: 'id' occur twice"),
        (b"'=Socks", b"=Socks", "row 2: 'title' starts like a formula"),
        (b"'=Socks", b"\xe2\x80\xaeSocks", "row 2: 'title' holds a control"),
        (b"\nb2\t", b"\nb2\t\t", "row 3: 39 cells under 38 names"),
    ],
)
def test_planted_faults_in_tsv_are_found(make, tmp_path, before, after, fault):
    path = tmp_path / "feed.tsv"
    assert before in GOLDEN_TSV
    path.write_bytes(GOLDEN_TSV.replace(before, after))
    (found, *_) = file_format(TSV, facts_with(make, [])).faults(path)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("</channel>", "", "is no XML"),
        ("12.50 EUR", "0.00 EUR", "price_not_positive of a1"),
        ("<g:id>a1</g:id>", "", "id_missing"),
        ("&amp;", "&more;", "is no XML"),
    ],
)
def test_planted_faults_in_xml_are_found(make, tmp_path, before, after, fault):
    path = tmp_path / "feed.xml"
    assert before in GOLDEN_XML
    path.write_text(GOLDEN_XML.replace(before, after))
    (found, *_) = file_format(XML, facts_with(make, [])).faults(path)
    assert fault in found


@settings(max_examples=15)
@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_hostile_titles_come_back_as_one_inert_cell(make, tmp_path_factory, texts):
    items = [make.feed_item(f"a{n}", title=f"x {text}", description=text or "-") for n, text in enumerate(texts)]  # fmt: skip
    facts = facts_with(make, items)
    folder = tmp_path_factory.mktemp("feed")
    for config in (TSV, XML):
        outcome = prepare("feed", config, facts)
        if isinstance(outcome, Unavailable):
            continue  # every description was blank
        path = folder / f"feed{file_format(config, facts).suffix}"
        file_format(config, facts).write(path, outcome[0].rows)
        require_valid(path, file_format(config, facts), outcome[0].rows)
        assert _parsed(path) == [row[:2] for row in outcome[0].rows]


def _parsed(path):
    """id and title of each item, by the parsers of the standard library."""
    if path.suffix == ".xml":
        items = ET.parse(path).getroot().findall("channel/item")  # noqa: S314 - written by the test
        return [tuple(item.findtext(f"{{{NAMESPACE}}}{name}") for name in COLUMNS[:2]) for item in items]  # fmt: skip
    with path.open(newline="") as file:
        return [tuple(row[:2]) for row in csv.reader(file, delimiter="\t")][1:]
