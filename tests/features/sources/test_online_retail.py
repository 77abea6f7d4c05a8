"""Online Retail: cancellations, guests, postage and write-offs, each row in its place."""

from collections import Counter
from pathlib import Path

import pytest

from features.config import validate
from features.sources.online_retail import OnlineRetailConfig, read_online_retail

DATA = Path(__file__).parents[3] / "../shared/data/online_retail"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


def read(tmp_path, *rows, **options):
    (tmp_path / "r.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    config = validate(OnlineRetailConfig, {"file": "r.csv", **options}, subject="test")
    return read_online_retail(config, tmp_path / "r.csv", name="r.csv")


def test_purchases_and_cancellations(tmp_path):
    result = read(
        tmp_path,
        "536365,85123A,HEART,6,2011-07-01 08:26:00,2.55,17850.0,United Kingdom",
        "C536379,85123A,HEART,-2,2011-12-01 09:41:00,2.55,17850.0,United Kingdom",
    )
    names = ("event_name", "item_id", "quantity", "value", "currency", "transaction_id", "user_id")
    assert [tuple(row[name] for name in names) for row in result.events.to_pylist()] == [
        ("purchase", "85123A", 6.0, 15.3, "GBP", "536365", "17850"),
        ("refund", "85123A", 2.0, 5.1, "GBP", "C536379", "17850"),
    ]
    assert [time.hour for time in result.events["time"].to_pylist()] == [7, 9]


@pytest.mark.parametrize(
    ("row", "code", "shown"),
    [
        (
            "536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.0,12583.0,France",
            "non_product_code",
            "POST",
        ),
        ("536589,21777,,-10,2010-12-01 16:50:00,0.0,,UK", "stock_adjustment", "-10"),
        ("536589,21777,,10,2010-12-01 16:50:00,0.0,nan,UK", "stock_adjustment", "10"),
        ("536589,21777,x,1,2010-12-01 16:50:00,-5.0,1,UK", "negative_price", "-5.0"),
        ("536589,21777,x,one,2010-12-01 16:50:00,5.0,1,UK", "bad_quantity", "one"),
        ("536589,21777,x,1,2010-12-01 16:50:00,five,1,UK", "bad_value", "five"),
        ("536589,21777,x,1,first of May,5.0,1,UK", "bad_timestamp", "first of May"),
    ],
)
def test_each_reason_of_refusal(tmp_path, row, code, shown):
    result = read(tmp_path, row, "536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850.0,UK")
    assert [(r["reason_code"], r["line"], r["raw_value"]) for r in result.rejects.to_pylist()] == [
        (code, 2, shown)
    ]
    assert result.events.num_rows == 1


def test_a_gift_to_a_known_customer_is_a_purchase(tmp_path):
    result = read(tmp_path, "537197,22841,TIN,1,2010-12-05 14:02:00,0.0,12647.0,Germany")
    assert result.events["value"].to_pylist() == [0.0]


def test_a_guest_is_one_anonymous_person_per_invoice_or_is_rejected(tmp_path):
    rows = [
        "536414,22139,x,56,2010-12-01 11:52:00,1.0,,UK",
        "536414,22140,x,1,2010-12-01 11:52:00,1.0,,UK",
    ]
    result = read(tmp_path, *rows)
    assert result.events["anonymous_id"].to_pylist() == ["guest-536414"] * 2
    assert result.events["user_id"].null_count == 2
    assert read(tmp_path, *rows, guests="reject").counts == {"no_identity": 2}


def test_the_whole_year_is_accounted_for():
    path = DATA / "online_retail.parquet"
    if not path.is_file():
        pytest.skip("the Online Retail file is not here")
    result = read_online_retail(OnlineRetailConfig(file=path.name), path, name=path.name)
    assert result.rows == 541_909
    assert result.counts == {"non_product_code": 2995, "stock_adjustment": 2452}
    assert Counter(result.events["event_name"].to_pylist()) == {
        "purchase": 527_758,
        "refund": 8_704,
    }
    assert result.rows == 527_758 + 8_704 + 2_995 + 2_452
    assert result.events["event_id"].null_count == 0
