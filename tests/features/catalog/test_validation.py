"""Validation: each flaw has its code, each row its place, and a feed that is too bad stops at the gate."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalog.limits import Severity
from features.catalog.readers.feed import FeedReaderConfig, read_feed
from features.catalog.readers.raw import RawFeed
from features.catalog.spellings import respell
from features.catalog.validation import FeedConfig, validate_feed
from features.config import validate
from features.errors import ConfigError, GateError
from features.feed_tables import FEED_ISSUES, FEED_ITEMS
from features.tables import REJECTS

AS_OF = datetime(2026, 3, 1, tzinfo=UTC)
FEEDS = Path(__file__).parents[3] / "../shared/data/product_feeds"

GOOD = {
    "id": "A1",
    "title": "Red cup",
    "description": "A red cup.",
    "link": "https://example.com/a1",
    "image_link": "https://example.com/a1.jpg",
    "price": "15.00 EUR",
    "availability": "in_stock",
    "brand": "Cupper",
    "google_product_category": "Home > Cups",
}
TAXONOMY = "# version\n1 - Home\n2 - Home > Cups\n3 - Home > Cups & Mugs\n"


def feed(*rows, longest_line=0):
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    lines = pa.array(range(2, 2 + len(rows)), pa.int64())
    items = respell(pa.table({"line": lines, **columns}), {})
    return RawFeed("feed.tsv", items, REJECTS.schema.empty_table(), longest_line=longest_line)


def judge(*rows, longest_line=0, **options):
    config = validate(FeedConfig, options, subject="test")
    return validate_feed(feed(*rows, longest_line=longest_line), config, as_of=AS_OF)


def codes(validation):
    return {(row["issue_code"], row["severity"]) for row in validation.issues.to_pylist()}


def test_a_good_item_passes_without_a_word():
    result = judge(GOOD)
    assert codes(result) == set()
    assert result.items.schema == FEED_ITEMS.schema
    item = result.items.to_pylist()[0]
    assert (item["item_id"], item["price"], item["currency"], item["category"]) == (
        "A1", 15.0, "EUR", "Home > Cups",
    )  # fmt: skip


E, W, A = "error", "warning", "advice"
FLAWS = [
    ("no title", {"title": None}, "title_missing", E),
    ("blank title", {"title": "   "}, "title_missing", E),
    ("no id", {"id": None}, "id_missing", E),
    ("no category", {"google_product_category": None}, "category_missing", E),
    ("id is nan", {"id": "NaN"}, "id_placeholder", E),
    ("control character in id", {"id": "A\x011"}, "id_unfit_characters", E),
    ("private character in id", {"id": "A\ue0001"}, "id_unfit_characters", E),
    ("id of 51", {"id": "x" * 51}, "id_too_long", E),
    ("path-like id", {"id": "../../etc/passwd"}, "id_path_like", W),
    ("absolute path as id", {"id": "/etc/passwd"}, "id_path_like", W),
    ("id is its group", {"item_group_id": "A1"}, "id_equals_group", A),
    ("decimal comma", {"price": "15,00 EUR"}, "price_syntax", E),
    ("no currency", {"price": "15.00"}, "price_syntax", E),
    ("symbol", {"price": "$15.00"}, "price_syntax", E),
    ("thousands", {"price": "1,500.00 USD"}, "price_syntax", E),
    ("two spaces", {"price": "15.00  EUR"}, "price_syntax", E),
    ("foreign digits", {"price": "\u0661\u0665 EUR"}, "price_syntax", E),
    ("exponent", {"price": "1e3 EUR"}, "price_syntax", E),
    ("unknown currency", {"price": "15.00 XXX"}, "price_currency", E),
    ("negative price", {"price": "-1.00 EUR"}, "price_not_positive", E),
    ("zero price", {"price": "0.00 EUR"}, "price_not_positive", E),
    ("sale equals price", {"sale_price": "15.00 EUR"}, "sale_price_not_below_price", W),
    ("sale in dollars", {"sale_price": "9.00 USD"}, "sale_price_other_currency", W),
    ("sale unread", {"sale_price": "half"}, "sale_price_invalid", W),
    (
        "sale ends before it starts",
        {"sale_price": "9 EUR", "sale_price_effective_date": "2026-03-02/2026-03-01"},
        "sale_period_invalid", W,
    ),
    (
        "a period without a sale", {"sale_price_effective_date": "2026-03-01/2026-03-02"},
        "sale_period_without_sale", A,
    ),
    ("cost unread", {"cost_of_goods_sold": "cheap"}, "cost_invalid", W),
    ("availability", {"availability": "sometimes"}, "availability_invalid", E),
    ("preorder without date", {"availability": "pre-order"}, "availability_date_missing", E),
    (
        "preorder, unread date", {"availability": "preorder", "availability_date": "soon"},
        "availability_date_invalid", E,
    ),
    (
        "preorder in 366 days", {"availability": "preorder", "availability_date": "2027-03-02T00:00Z"},
        "availability_date_too_far", E,
    ),
    (
        "preorder in the past", {"availability": "preorder", "availability_date": "2026-02-01"},
        "availability_date_past", W,
    ),
    ("expired", {"expiration_date": "2026-03-01T00:00Z"}, "expired", W),
    ("expiry unread", {"expiration_date": "2026-13-01"}, "expiration_date_invalid", E),
    ("condition", {"condition": "fair"}, "condition_invalid", E),
    ("relative link", {"link": "/a1"}, "link_not_absolute", E),
    ("script link", {"link": "javascript:alert(1)"}, "link_not_absolute", E),
    ("link with a user", {"link": "https://example.com@evil.com/"}, "link_not_absolute", E),
    ("link with a space", {"link": "https://example.com/a b"}, "link_not_absolute", E),
    ("relative image", {"image_link": "a1.jpg"}, "image_link_not_absolute", E),
    ("insecure image", {"image_link": "http://example.com/a.jpg"}, "image_link_not_secure", A),
    ("11 more images", {"additional_image_link": ",".join("abcdefghijk")}, "too_many_images", W),
    ("title of 151", {"title": "x" * 151}, "title_too_long", W),
    ("label of 101", {"custom_label_3": "x" * 101}, "custom_label_3_too_long", E),
    ("bell in title", {"title": "ding\x07"}, "control_characters", W),
    ("formula", {"title": "=cmd|' /C calc'!A0"}, "formula_like", A),
    ("gtin", {"gtin": "4006381333932"}, "gtin_invalid", W),
    ("no identifier", {"brand": None}, "identifiers_missing", W),
    ("inventory", {"inventory": "-3"}, "inventory_invalid", W),
    ("handling time", {"max_handling_time": "2 days"}, "max_handling_time_invalid", W),
    ("an attribute nobody declared", {"season": "winter"}, "undeclared_attributes", A),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "severity"), [flaw[1:] for flaw in FLAWS], ids=[flaw[0] for flaw in FLAWS]
)
def test_each_flaw_has_its_code(change, code, severity):
    result = judge({**GOOD, **change})
    assert (code, severity) in codes(result)
    assert result.items.num_rows == (0 if severity == E else 1)
    assert {row["severity"] for row in result.issues.to_pylist()} <= {severity, A}


FINE = [
    {"id": "x" * 50},
    {"id": "A/1"},
    {"title": "x" * 150},
    {"price": "15 JPY"},
    {"sale_price": "14.99 EUR"},
    {"sale_price": "9 EUR", "sale_price_effective_date": "2026-03-01T00:00+0100/2026-03-08"},
    {"availability": "preorder", "availability_date": "2027-03-01T00:00Z"},
    {"brand": None, "mpn": "M1"},
    {"brand": None, "identifier_exists": "FALSE"},
    {"gtin": "4006381333931"},
    {"custom_label_0": "x" * 100},
    {"google_product_category": None, "product_type": "Cups"},
    {"additional_image_link": ",".join("abcdefghij")},
]


@pytest.mark.parametrize("change", FINE, ids=[" ".join(change) for change in FINE])
def test_values_at_the_edge_are_fine(change):
    result = judge({**GOOD, **change})
    assert codes(result) == set()
    assert result.items.num_rows == 1


def test_a_sale_price_that_cannot_hold_is_left_out():
    rows = [
        {**GOOD, "id": "A", "sale_price": "9.50 EUR", "sale_price_effective_date": "2026-03-01/2026-03-02"},
        {**GOOD, "id": "B", "sale_price": "19.50 EUR"},
        {**GOOD, "id": "C", "sale_price": "9.50 USD"},
        {**GOOD, "id": "D", "sale_price": "9.50 EUR", "sale_price_effective_date": "March"},
    ]  # fmt: skip
    items = judge(*rows).items.to_pylist()
    assert [item["sale_price"] for item in items] == [9.5, None, None, None]
    assert items[0]["sale_starts"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert items[0]["sale_ends"] == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_cost_in_another_currency_is_no_cost():
    rows = [
        {**GOOD, "cost_of_goods_sold": "5 EUR"},
        {**GOOD, "id": "B", "cost_of_goods_sold": "5 USD"},
    ]
    assert judge(*rows).items["cost_of_goods_sold"].to_pylist() == [5.0, None]


def test_rows_that_share_an_id_and_disagree_are_all_disapproved():
    result = judge(GOOD, {**GOOD, "price": "14.00 EUR"}, {**GOOD, "id": "B"})
    assert codes(result) == {("id_conflict", E)}
    assert result.issues["line"].to_pylist() == [2, 3]
    assert result.items["item_id"].to_pylist() == ["B"]


def test_of_rows_that_agree_the_first_is_kept():
    result = judge(GOOD, GOOD, GOOD)
    assert codes(result) == {("id_repeated", E)}
    assert result.issues["line"].to_pylist() == [3, 4]
    assert result.items.num_rows == 1


def test_ids_that_differ_by_case_only_are_warned_of():
    result = judge({**GOOD, "id": "a1"}, {**GOOD, "id": "A1"}, {**GOOD, "id": "B"})
    assert codes(result) == {("id_case_clash", W)}
    assert result.issues["line"].to_pylist() == [2, 3]


@pytest.mark.parametrize(
    ("written", "category", "issues"),
    [
        ("2", "Home > Cups", set()),
        ("home >cups", "Home > Cups", set()),
        ("Home > Plates", "other", {("category_unknown", W)}),
        ("99", "other", {("category_unknown", W)}),
    ],
)
def test_a_category_is_looked_up_in_the_taxonomy(tmp_path, written, category, issues):
    path = tmp_path / "taxonomy.txt"
    path.write_text(TAXONOMY)
    result = judge({**GOOD, "google_product_category": written}, taxonomy=str(path))
    assert result.items["category"].to_pylist() == [category]
    assert codes(result) == issues


def test_brands_get_their_commonest_spelling():
    brands = ["Nike", "NIKE", "Nike", "Ann  &  Co", "puma", "Puma"]
    result = judge(*({**GOOD, "id": str(n), "brand": brand} for n, brand in enumerate(brands)))
    assert result.items["brand"].to_pylist() == ["Nike", "Nike", "Nike", "Ann & Co", "Puma", "Puma"]
    assert result.counts() == {"brand_spelling": 3}


def test_variants_belong_in_a_group():
    red, blue = {**GOOD, "color": "red"}, {**GOOD, "id": "A2", "color": "blue"}
    assert codes(judge(red, blue)) == {("variants_without_group", W)}
    grouped = [{**row, "item_group_id": "G"} for row in (red, blue)]
    assert codes(judge(*grouped)) == set()
    assert codes(judge(red, {**red, "id": "A2"})) == set()


def test_a_group_has_one_brand():
    rows = [
        {**GOOD, "item_group_id": "G"},
        {**GOOD, "id": "A2", "brand": "Mugger", "item_group_id": "G"},
    ]
    result = judge(*rows, {**GOOD, "id": "A3", "item_group_id": "H"})
    assert codes(result) == {("group_mixed_brand", W)}
    assert result.issues["line"].to_pylist() == [2, 3]


def test_more_than_1000_values_of_a_label_stop_the_feed():
    def labelled(count):
        return [{**GOOD, "id": str(n), "custom_label_0": f"v{n % count}"} for n in range(1001)]

    assert codes(judge(*labelled(1000))) == set()
    result = judge(*labelled(1001))
    assert codes(result) == {("custom_label_0_overflow", E)}
    with pytest.raises(
        GateError, match="custom_label_0_overflow: 1001 distinct values of at most 1000"
    ):
        result.require_publishable(max_error_rate=1.0)


def test_labels_are_not_case_sensitive():
    rows = [{**GOOD, "id": str(n), "custom_label_0": f"{'vV'[n % 2]}{n // 2}"} for n in range(2000)]
    assert codes(judge(*rows)) == set()


def test_5000_labels_in_all():
    rows = [
        {**GOOD, "id": str(n), **{f"custom_label_{i}": f"v{n}" for i in range(5)}}
        for n in range(1001)
    ]
    assert ("custom_labels_overflow", E) in codes(judge(*rows))


def test_two_currencies_in_one_feed():
    assert codes(judge(GOOD, {**GOOD, "id": "B", "price": "9 USD"})) == {("mixed_currencies", W)}


def test_a_line_that_meta_does_not_read():
    assert codes(judge(GOOD, longest_line=5 * 1024**2)) == set()
    assert codes(judge(GOOD, longest_line=5 * 1024**2 + 1)) == {("line_too_long_for_meta", W)}


@pytest.mark.parametrize("vertical", ["content", "saas", "education", "leads"])
def test_the_minimum_feed_is_enough_outside_retail(vertical):
    minimum = {name: GOOD[name] for name in ("id", "title", "link", "image_link")}
    result = judge(minimum, vertical=vertical)
    assert result.items.num_rows == 1
    assert result.items["category"].to_pylist() == ["other"]
    assert {code for code, severity in codes(judge(minimum)) if severity == E} == {
        "availability_missing", "category_missing", "description_missing", "price_missing",
    }  # fmt: skip


def test_custom_attributes_are_carried_and_their_values_checked():
    rows = [
        {**GOOD, "season": "winter"},
        {**GOOD, "id": "B", "season": "sprnig"},
        {**GOOD, "id": "C"},
    ]
    result = judge(*rows, custom_attributes={"season": ["winter", "spring"], "note": []})
    assert codes(result) == {("season_undeclared", W)}
    assert result.attributes.to_pylist() == [
        {"item_id": "A1", "attribute": "season", "attribute_value": "winter"},
        {"item_id": "B", "attribute": "season", "attribute_value": "sprnig"},
    ]


def test_a_client_may_weigh_and_own_issues_differently():
    bad = {**GOOD, "title": "x" * 151}
    options = {"severities": {"title_too_long": "error"}, "owners": {"title_too_long": "copy desk"}}
    issue = judge(bad, **options).issues.to_pylist()[0]
    assert (issue["severity"], issue["owner"]) == ("error", "copy desk")
    assert judge(bad, **options).items.num_rows == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"severities": {"titel_too_long": "error"}}, "Did you mean 'title_too_long'"),
        ({"owners": {"nothing like it at all": "x"}}, "is no issue code"),
        ({"owners": {"title_too_long": " "}}, "every check has an owner"),
        ({"severities": {"id_conflict": "warning"}}, "cannot stand in the catalog"),
        ({"severities": {"title_too_long": "fatal"}}, "severities"),
        ({"vertical": "groceries"}, "vertical"),
    ],
)
def test_a_config_that_cannot_hold_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        judge(GOOD, **options)


def test_every_issue_names_an_owner():
    result = judge(
        *(
            {**GOOD, **change, "id": change.get("id", str(n))}
            for n, (_, change, *_) in enumerate(FLAWS)
        )
    )
    assert result.issues.num_rows
    assert all(result.issues["owner"].to_pylist())
    assert list(dict.fromkeys(result.issues["severity"].to_pylist())) == [E, W, A]


def test_the_gate_names_rate_reason_and_owner():
    rows = [{**GOOD, "id": str(n)} for n in range(8)]
    bad = [
        {**GOOD, "id": "bad1", "availability": "limited"},
        {**GOOD, "id": "bad2", "availability": "limited"},
    ]
    result = judge(*rows, *bad)
    assert result.error_rate == 2 / 10
    result.require_publishable(max_error_rate=0.2)
    with pytest.raises(GateError) as caught:
        result.require_publishable(max_error_rate=0.19)
    assert str(caught.value) == (
        "feed.tsv: 2 of 10 rows (20.0%) are no items; most for 'availability_invalid' (2; line 10: 'limited'; owner "
        "merchandising); at most 19.0% may be lost, so the last good snapshot stays. Mend the feed, map its values under "
        "'reader.spellings', or raise 'max_error_rate'."
    )
    assert caught.value.exit_code == 1


def test_a_feed_without_items_is_not_published():
    empty = RawFeed(
        "feed.tsv", pa.table({"line": pa.array([], pa.int64())}), REJECTS.schema.empty_table()
    )
    result = validate_feed(empty, FeedConfig(), as_of=AS_OF)
    assert result.items.schema == FEED_ITEMS.schema
    assert result.issues.schema == FEED_ISSUES.schema
    with pytest.raises(GateError, match="it holds no items"):
        result.require_publishable(max_error_rate=1.0)


def test_figures_account_for_every_row(tmp_path):
    path = tmp_path / "f.tsv"
    path.write_text(
        "id\ttitle\tlink\timage_link\n1\ta\thttps://e.com\thttps://e.com/i\n2\n3\tc\tx\thttps://e.com/i\n"
    )
    result = validate_feed(read_feed(path), FeedConfig(vertical="content"), as_of=AS_OF)
    assert result.figures() == {
        "rows": 3, "accepted": 1, "disapproved": 1, "rejected": 1, "error_rate": 2 / 3,
        "issues": {"link_not_absolute": 1, "wrong_column_count": 1}, "limits_compiled": "2026-11-22",
    }  # fmt: skip


_texts = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(
        [
            *GOOD.values(),
            "NaN",
            "15,00 EUR",
            "in stock",
            "=1+1",
            "../x",
            "2026-03-01",
            "no",
            "x" * 5001,
        ]
    ),
)
_names = st.sampled_from(
    [*GOOD, "sale_price", "gtin", "item_group_id", "custom_label_0", "expiration_date", "inventory"]
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(_names, _texts), max_size=6))
def test_rows_in_are_rows_out_whatever_is_in_them(changes):
    result = judge(*({**GOOD, **change} for change in changes))
    assert result.rows == len(changes)
    assert result.items.num_rows + result.disapproved + result.rejects.num_rows == len(changes)
    errors = {
        row["line"]
        for row in result.issues.to_pylist()
        if row["severity"] == Severity.ERROR and row["line"]
    }
    assert len(errors) == result.disapproved


@settings(max_examples=30)
@given(st.permutations(range(len(FLAWS))))
def test_the_order_of_rows_changes_no_verdict(order):
    rows = [
        {**GOOD, **change, "id": change.get("id", f"r{n}")}
        for n, (_, change, *_) in enumerate(FLAWS)
    ]
    one, other = judge(*rows), judge(*(rows[n] for n in order))
    assert one.items.equals(other.items)
    assert one.counts() == other.counts()


@pytest.mark.parametrize(
    ("name", "accepted", "errors"),
    [
        ("313radu_product-feed.xml", 6, {"availability_invalid": 1}),
        ("apparix_google-merchant-feed.xml", 4, {}),
        ("facebook_dpa_rss.xml", 1, {}),
        ("meiro_demo_store_feed.xml", 34, {"availability_invalid": 8}),
    ],
)
def test_real_feeds(name, accepted, errors):
    if not (FEEDS / name).is_file():
        pytest.skip("the sample feeds are not here")
    result = validate_feed(read_feed(FEEDS / name), FeedConfig(), as_of=AS_OF)
    assert result.items.num_rows == accepted
    found = [row["issue_code"] for row in result.issues.to_pylist() if row["severity"] == "error"]
    assert {code: found.count(code) for code in found} == errors


def test_the_repair_that_the_gate_names_mends_a_real_feed():
    path = FEEDS / "meiro_demo_store_feed.xml"
    if not path.is_file():
        pytest.skip("the sample feeds are not here")
    config = FeedConfig()
    with pytest.raises(GateError, match="'limited_availability'; owner merchandising"):
        validate_feed(read_feed(path), config, as_of=AS_OF).require_publishable(max_error_rate=0.1)
    reader = validate(
        FeedReaderConfig,
        json.loads('{"spellings": {"availability": {"limited_availability": "in_stock"}}}'),
        subject="test",
    )
    mended = validate_feed(read_feed(path, reader), config, as_of=AS_OF)
    mended.require_publishable(max_error_rate=0)
    assert mended.items.num_rows == 42
