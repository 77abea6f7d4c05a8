"""Meta catalog: a golden file with Meta's own words, and rows that Meta would refuse."""

from __future__ import annotations

import pytest

from serving.exports.base import Unavailable, require_valid
from serving.exports.meta_catalog import MetaCatalogConfig, file_format, prepare

CONFIG = MetaCatalogConfig(kind="meta_catalog")
GOLDEN = (
    b"id,title,description,availability,condition,price,link,image_link,brand,gtin,mpn,additional_image_link,sale_price,"
    b"sale_price_effective_date,item_group_id,google_product_category,product_type,custom_label_0,custom_label_1,"
    b"custom_label_2,custom_label_3,custom_label_4\n"
    b"a1,Item a1,About a1,in stock,new,12.50 EUR,https://shop.example/a1,https://shop.example/a1.jpg,Own,,,"
    b'"https://shop.example/x.jpg,https://shop.example/y.jpg",,,,,Food,,,,,\n'
    b"b2,Item b2,About b2,available for order,new,12.50 EUR,https://shop.example/b2,https://shop.example/b2.jpg,Own,,,"
    b",,,,,Food,,,,,\n"
)


@pytest.fixture
def facts(make):
    images = "https://shop.example/x.jpg,javascript:alert(1),https://shop.example/y.jpg"
    items = [
        make.feed_item("a1", additional_image_link=images),
        make.feed_item("b2", availability="backorder"),
        make.feed_item("c3", brand=None),
        make.feed_item("d4", image_link="data:image/png;base64,AAAA"),
        make.feed_item("e5", condition=None),
        make.feed_item("f6", availability=None),
    ]
    return make.facts([make.decision("p1")], feed=items)


def test_golden_file(facts, tmp_path):
    (found,) = prepare("meta", CONFIG, facts)
    path = tmp_path / "meta.csv"
    file_format(CONFIG, facts).write(path, found.rows)
    assert path.read_bytes() == GOLDEN
    require_valid(path, file_format(CONFIG, facts), found.rows)
    assert found.drops == {
        "availability_missing": 1, "condition_missing": 1, "identifiers_missing": 1, "image_link_missing": 1,
    }  # fmt: skip


def test_a_default_condition_and_the_stricter_limit_as_a_warning(make):
    items = [make.feed_item("e5", condition=None, title="x" * 101)]
    config = MetaCatalogConfig(kind="meta_catalog", default_condition="used")
    (found,) = prepare("meta", config, make.facts([make.decision("p1")], feed=items))
    assert found.rows[0][4] == "used"
    assert found.warnings == ("1 items have a title longer than 100 characters, Meta's stricter limit",)  # fmt: skip


def test_without_feed_it_says_why(make):
    outcome = prepare("meta", CONFIG, make.facts([make.decision("p1")]))
    assert isinstance(outcome, Unavailable)
    assert "no product feed" in outcome.why


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (b",in stock,", b",in_stock,", "row 2: availability_invalid"),
        (b",new,12.50", b",good,12.50", "row 2: condition_invalid"),
        (b",Own,,,\"", b",,,,\"", "row 2: identifiers_missing"),
        (b"12.50 EUR", b"EUR 12.50", "row 2: price_invalid"),
        (b"About a1", b"", "row 2: description_missing"),
        (b"\nb2,", b"\na1,", "row 3: 'id' occur twice"),
        (b"Item a1", b"@Item", "row 2: 'title' starts like a formula"),
    ],
)  # fmt: skip
def test_planted_faults_are_found(facts, tmp_path, before, after, fault):
    path = tmp_path / "meta.csv"
    assert before in GOLDEN
    path.write_bytes(GOLDEN.replace(before, after, 1))
    (found, *_) = file_format(CONFIG, facts).faults(path)
    assert found.startswith(fault)
