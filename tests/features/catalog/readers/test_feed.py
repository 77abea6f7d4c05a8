"""Every feed format gives the same items; every hostile feed gives an error or a reject, and never half a catalog."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.catalog.readers.feed import FeedReaderConfig, read_feed
from features.catalog.readers.xml_feed import MAX_ITEM_CHARACTERS
from features.errors import InputError, SchemaError
from features.files.delimited import MAX_FIELD_CHARACTERS
from features.files.opening import FileLimits

FEEDS = Path(__file__).parents[4] / "../shared/data/product_feeds"

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0" xmlns:c="http://base.google.com/cns/1.0"><channel>
<title>Shop</title><lastBuildDate>2026-01-02T03:04:05Z</lastBuildDate>
{items}
</channel></rss>
"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
<title>Shop</title><updated>2026-01-02T03:04:05Z</updated>
{items}
</feed>
"""
TSV = "id\ttitle\tavailability\tprice\n{items}"

SAME_ITEM = {
    "tsv": TSV.format(items="A1\tRed & blue cup\tin stock\t15.00 EUR\n"),
    "csv": 'Id,Title,Availability,Price\nA1,"Red & blue cup",In Stock,15.00 EUR\n',
    "semicolons": "id;title;availability;price\nA1;Red & blue cup;in_stock;15.00 EUR\n",
    "byte order mark": "\ufeffid\ttitle\tavailability\tprice\nA1\tRed & blue cup\tin_stock\t15.00 EUR\n",
    "rss": RSS.format(
        items="<item><g:id>A1</g:id><title>Red &amp; blue cup</title><g:availability>in stock</g:availability>"
        "<g:price>15.00 EUR</g:price></item>"
    ),
    "rss without prefixes": RSS.format(
        items="<item><id>A1</id><title><![CDATA[Red & blue cup]]></title><availability>in stock</availability>"
        "<price>15.00 EUR</price></item>"
    ),
    "atom": ATOM.format(
        items="<entry><g:id>A1</g:id><title>Red &amp; blue cup</title><g:availability>in stock</g:availability>"
        "<g:price>15.00 EUR</g:price></entry>"
    ),
    "json list": '[{"id": "A1", "title": "Red & blue cup", "availability": "in stock", "price": "15.00 EUR"}]',
    "json object": '{"kind": "x", "items": [{"offerId": "A1", "title": "Red & blue cup", "availability": "in stock",'
    ' "price": {"value": 15.00, "currency": "EUR"}}]}',
    "json lines": '{"id": "A1", "title": "Red & blue cup", "availability": "in stock", "price": "15.00 EUR"}\n'
    '{"id": "A2"}\n',
}  # fmt: skip


def read(tmp_path, content, **options):
    path = tmp_path / "feed.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_feed(path, FeedReaderConfig(**options))


def refused(feed):
    return [(row["line"], row["reason_code"]) for row in feed.rejects.to_pylist()]


def items(feed):
    return [
        {name: value for name, value in row.items() if value is not None and name != "line"}
        for row in feed.items.to_pylist()
    ]


@pytest.mark.parametrize("name", SAME_ITEM)
def test_every_format_gives_the_same_item(tmp_path, name):
    feed = read(tmp_path, SAME_ITEM[name])
    assert items(feed)[0] == {
        "id": "A1", "title": "Red & blue cup", "availability": "in_stock", "price": "15.00 EUR",
    }  # fmt: skip
    assert refused(feed) == []


def test_compressed_feeds_read_like_plain_ones(tmp_path):
    assert items(read(tmp_path, gzip.compress(SAME_ITEM["rss"].encode()))) == items(
        read(tmp_path, SAME_ITEM["rss"])
    )


def test_an_xml_item_is_named_by_its_line_and_the_feed_by_its_time(tmp_path):
    feed = read(
        tmp_path, RSS.format(items="<item><g:id>1</g:id></item>\n<item>\n<g:id>2</g:id></item>")
    )
    assert feed.items["line"].to_pylist() == [4, 5]
    assert feed.generated_at == "2026-01-02T03:04:05Z"
    assert read(tmp_path, ATOM.format(items="")).generated_at == "2026-01-02T03:04:05Z"


def test_a_json_item_is_named_by_its_line(tmp_path):
    feed = read(tmp_path, '[\n{"id": "1"},\n\n{"id": "2"}, 7,\n{"id": "3"}]')
    assert feed.items["line"].to_pylist() == [2, 4, 5]
    assert refused(feed) == [(4, "not_an_object")]


def test_googles_elements_win_over_the_formats_own(tmp_path):
    entry = """<entry><id>urn:x</id><g:id>A1</g:id><link rel="alternate" href="https://e.com/1"/>
    <link rel="self" href="https://e.com/self"/><summary>Words</summary><g:link>https://e.com/2</g:link></entry>"""
    assert items(read(tmp_path, ATOM.format(items=entry))) == [
        {"id": "A1", "link": "https://e.com/2", "description": "Words"}
    ]


def test_an_atom_link_is_an_attribute(tmp_path):
    entry = '<entry><g:id>A1</g:id><link href="https://e.com/1"/></entry>'
    assert items(read(tmp_path, ATOM.format(items=entry)))[0]["link"] == "https://e.com/1"


def test_lists_are_joined_and_nested_values_kept_as_json(tmp_path):
    xml = """<item><g:id>1</g:id><g:additional_image_link>a</g:additional_image_link>
    <g:additional_image_link>b</g:additional_image_link><c:season>winter</c:season>
    <g:shipping><g:country>US</g:country><g:price>0 USD</g:price></g:shipping></item>"""
    as_json = '[{"id": 1, "additionalImageLinks": ["a", "b"], "season": "winter", "shipping": {"country": "US", "price": "0 USD"}}]'
    expected = {
        "id": "1",
        "additional_image_link": "a,b",
        "season": "winter",
        "shipping": '{"country": "US", "price": "0 USD"}',
    }
    assert items(read(tmp_path, RSS.format(items=xml))) == [expected]
    assert items(read(tmp_path, as_json)) == [expected]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param("<item><g:id>1</g:id><g:id>2</g:id></item>", "repeated_attribute", id="two ids"),
        pytest.param(
            f"<item><g:id>1</g:id><g:title>{'x' * (MAX_FIELD_CHARACTERS + 1)}</g:title></item>",
            "value_too_long", id="long title",
        ),
        pytest.param(
            f"<item>{'<g:a>12345678</g:a>' * (MAX_ITEM_CHARACTERS // 8)}</item>", "value_too_long", id="endless item"
        ),
        pytest.param(
            f"<item><g:a>{'<g:b/>' * MAX_ITEM_CHARACTERS}</g:a></item>", "value_too_long", id="endless parts"
        ),
    ],
)  # fmt: skip
def test_a_bad_xml_item_is_rejected_and_the_next_is_read(tmp_path, bad, code):
    feed = read(tmp_path, RSS.format(items=f"{bad}\n<item><g:id>good</g:id></item>"))
    assert items(feed) == [{"id": "good"}]
    assert refused(feed) == [(4, code)]


def test_rejects_of_a_feed_on_one_line_are_all_there(tmp_path):
    twice = "<item><g:id>1</g:id><g:id>2</g:id></item>"
    feed = read(tmp_path, RSS.format(items=twice * 3))
    assert feed.rows == 3
    assert feed.rejects["source"].to_pylist() == ["feed.txt", "feed.txt#2", "feed.txt#3"]


BOMB = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "{}"><!ENTITY b "&a;&a;">]><rss><channel/></rss>'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(BOMB.format("lol"), "declares a document type", id="entity bomb"),
        pytest.param(
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss>&x;</rss>', "document type", id="external entity"
        ),
        pytest.param('<!DOCTYPE r SYSTEM "http://e.com/x.dtd"><rss/>', "document type", id="external dtd"),
        pytest.param("<rss>&undeclared;</rss>", "undefined entity", id="unknown entity"),
        pytest.param(SAME_ITEM["rss"][:-20], "is not well-formed at line", id="cut xml"),
        pytest.param("<rss><channel><item><g:id>1</g:id></item></channel></rss>", "unbound prefix", id="prefix"),
        pytest.param("<html></html>", "starts with <html>", id="web page"),
        pytest.param("<rss>" + "<a>" * 50, "nested deeper", id="deep xml"),
        pytest.param("<rss>\0</rss>", "not well-formed", id="nul in xml"),
        pytest.param('<?xml version="1.0" encoding="nonsense"?><rss/>', "unknown encoding", id="encoding"),
        pytest.param('[{"id": "1"}, {"id": ', "is not JSON at line 1", id="cut json"),
        pytest.param('{"items": [{"id": "1"}], "a": ', "is not JSON to its end", id="cut json object"),
        pytest.param('[{"id": "1"}', "is not JSON", id="open list"),
        pytest.param("[" * 100_000, "is nested too deep", id="deep json"),
        pytest.param('{"a": \n 1}', "has no list of items", id="no list"),
        pytest.param(b'["\xff"]', "is not UTF-8", id="json bytes"),
        pytest.param("", "is empty", id="empty"),
        pytest.param("  \n", "is empty", id="blank"),
    ],
)  # fmt: skip
def test_a_feed_that_is_not_whole_is_refused_whole(tmp_path, content, message):
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path, content)
    assert "feed.txt" in str(caught.value)


def test_a_header_that_names_an_attribute_twice_is_refused(tmp_path):
    with pytest.raises(SchemaError, match="two columns are named 'image_link'"):
        read(tmp_path, "id\timage_link\tImage Link\n")


def test_one_ten_megabyte_line(tmp_path):
    long = "x" * 10_000_000
    delimited = read(
        tmp_path, TSV.format(items=f"1\t{long}\tin_stock\t1 EUR\n2\tb\tin_stock\t1 EUR\n")
    )
    assert refused(delimited) == [(2, "line_too_long")]
    assert items(delimited)[0]["id"] == "2"
    xml = read(
        tmp_path,
        RSS.format(items=f"<item><g:title>{long}</g:title></item><item><g:id>2</g:id></item>"),
    )
    assert refused(xml) == [(4, "value_too_long")]
    assert xml.longest_line > 10_000_000


def test_a_feed_larger_than_allowed_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds more than 100 bytes"):
        read(
            tmp_path, gzip.compress(SAME_ITEM["rss"].encode() * 9), limits=FileLimits(max_bytes=100)
        )


@pytest.mark.parametrize("content", ["id\tline\n1\tx\n", '[{"id": "1", "line": "x"}]'])
def test_an_attribute_named_line_does_not_hide_the_place_of_the_row(tmp_path, content):
    feed = read(tmp_path, content)
    assert feed.items["line"].to_pylist() in ([1], [2])
    assert feed.items["line_"].to_pylist() == ["x"]


def test_a_declared_format_wins(tmp_path):
    assert items(read(tmp_path, '{"id":"1"}\n', format="jsonl")) == [{"id": "1"}]
    assert items(read(tmp_path, "{id|t\n1|2\n", format="delimited", delimiter="|")) == [
        {"{id": "1", "t": "2"}
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=120),
    st.sampled_from([b"", b"<rss>", b"[", b"{", b"id\n", RSS.encode()[:150]]),
)
def test_any_bytes_are_read_or_refused_never_a_crash(tmp_path, data, start):
    try:
        feed = read(tmp_path, start + data)
    except InputError:
        return
    assert feed.rows == feed.items.num_rows + feed.rejects.num_rows


_words = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), min_size=1, max_size=9
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_words, _words), min_size=1, max_size=5))
def test_the_same_items_come_out_of_json_and_xml(tmp_path, pairs):
    from xml.sax.saxutils import escape  # noqa: PLC0415 - the oracle of this test alone

    rows = [{"id": one, "title": two} for one, two in pairs]
    xml = "".join(
        f"<item><g:id>{escape(r['id'])}</g:id><g:title>{escape(r['title'])}</g:title></item>"
        for r in rows
    )
    assert items(read(tmp_path, json.dumps(rows))) == items(read(tmp_path, RSS.format(items=xml)))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("313radu_product-feed.xml", 7),
        ("apparix_google-merchant-feed.xml", 4),
        ("facebook_dpa_rss.xml", 1),
        ("meiro_demo_store_feed.xml", 42),
    ],
)
def test_real_feeds(name, count):
    if not (FEEDS / name).is_file():
        pytest.skip("the sample feeds are not here")
    feed = read_feed(FEEDS / name)
    assert (feed.items.num_rows, feed.rejects.num_rows) == (count, 0)
    assert feed.items["id"].null_count == 0
