"""Lists for any history file, and persons for items: from the library and from the command line."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.errors import ConfigError, InputError, SchemaError
from features.sources.flat_table import read_flat_table
from serving.cli import app
from serving.recommend_file import Wanted, recommend_file, require_known, write_found
from training.recommend_file import recommend_rows
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig
from training.recommenders.registry import load

DAY = 86_400


@pytest.fixture(scope="module")
def bundle(make_histories, day, tmp_path_factory):
    """A model of items i0 to i7, i0 the most popular; a purchase counts 2, a view 1."""
    rows = [(f"p{p}", 20, f"i{i}", f"t{p}", 1.0) for p in range(8) for i in range(8 - p)]
    folder = tmp_path_factory.mktemp("model") / "bundle"
    config = BuyAgainConfig(weights={"purchase": 2.0, "view": 1.0}, half_life_days=10)
    BuyAgain(config).fit(make_histories(*rows).everyone(day(30))).save(folder)
    return folder


def write(folder, text, name="history.csv"):
    (folder / name).write_text(text)
    return folder / name


HISTORY = f"""person_id,item_id,time
new,i7,{10 * DAY}
new,i3,{20 * DAY}
other,unheard-of,{20 * DAY}
,i1,{20 * DAY}
"""
CATALOG = """item_id,category,price,availability,item_group_id,brand
i0,cups,5,in_stock,,x
i1,cups,9,in_stock,,y
i2,mugs,5,in_stock,,x
i3,mugs,6,out_of_stock,mug,x
i4,mugs,6,in_stock,mug,y
i7,mugs,20,in_stock,,y
"""


def lists(found, person="new", *columns):
    rows = [row for row in found.table.to_pylist() if row["person_id"] == person]
    return [tuple(row[name] for name in ("item_id", "level", *columns)) for row in rows]


def test_new_persons_are_folded_in_and_lists_are_filled(bundle, tmp_path):
    found = recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=3))
    assert lists(found) == [("i3", "exact"), ("i7", "exact"), ("i0", "best_seller")]
    assert [item for item, _ in lists(found, "other")] == ["i0", "i1", "i2"]
    scores = [row["score"] for row in found.table.to_pylist()]
    # 10 days and one half-life apart, as of just after the last row
    assert scores[0] / scores[1] == pytest.approx(2, rel=1e-5)
    assert scores[2] is None
    assert (found.persons, found.refused, found.unknown_items) == (2, 1, 1)
    assert found.lines()[0] == "2 persons, 6 rows, 4 of them filled"


def test_the_items_are_those_the_model_alone_lists(bundle, tmp_path):
    history = write(tmp_path, HISTORY)
    alone = recommend_rows(load(bundle), read_flat_table(history), k=5).table
    found = recommend_file(bundle, history, Wanted(k=5)).table
    assert found["item_id"].to_pylist() == alone["item_id"].to_pylist()


def test_every_row_has_its_reasons(bundle, tmp_path):
    found = recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=3))
    told = ("source_item_id", "source_event", "recommender", "reason_codes", "filters_passed")
    rules = "not_in_catalog;suppressed;blocked_category;not_in_stock;just_bought"
    assert lists(found, "new", *told)[0] == (
        "i3", "exact", "i3", "purchase", "buy_again", "exact;from_own_item", rules,
    )  # fmt: skip
    assert lists(found, "other", *told)[0][5] == "best_seller;from_no_event;filled;cold_start"
    assert len(set(found.table["recommender_version"].to_pylist())) == 1


def test_a_catalog_says_what_is_there_and_what_stands_in(bundle, tmp_path):
    """i3 is out of stock, i4 of its group stands in; i7 is dear; i2 is a mug, but costs 5 for 20."""
    catalog = write(tmp_path, CATALOG, "catalog.csv")
    found = recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=4, catalog=catalog))
    assert lists(found) == [
        ("i4", "group"),
        ("i7", "exact"),
        ("i2", "category_price"),
        ("i0", "best_seller"),
    ]
    assert lists(found, "other") == [(f"i{n}", "best_seller") for n in (0, 1, 2, 4)]


def test_a_catalog_is_checked(bundle, tmp_path):
    """An id twice, and a price that is none, refuse a row; a price that is not there does not."""
    more = "i2,mugs,5,in_stock,,x\ni5,cups,dear,in_stock,,x\ni6,cups,,in_stock,,x\n"
    catalog = write(tmp_path, CATALOG + more, "catalog.csv")
    found = recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=9, catalog=catalog))
    assert found.refused == 1 + 2
    assert {item for item, _ in lists(found)} == {"i0", "i1", "i2", "i4", "i6", "i7"}
    bad = write(tmp_path, "id\nx\n", "bad.csv")
    with pytest.raises(SchemaError, match="column 'item_id' is missing"):
        recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=4, catalog=bad))
    dates = tmp_path / "dates.parquet"
    pq.write_table(pa.table({"item_id": ["i1"], "price": [date(2024, 1, 1)]}), dates)
    with pytest.raises(
        SchemaError, match=r"column 'price' is date32.day.; prices are numbers, without"
    ):
        recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=4, catalog=dates))


MERCHANDISING = """kind: lists
merchandising:
  boosts: [{attribute: brand, values: [y], factor: 4}]
  pin: [i0]
diversity: {caps: [{attribute: category, most: 2}]}
"""


def test_a_shop_has_its_wishes(bundle, tmp_path):
    history, catalog = write(tmp_path, HISTORY), write(tmp_path, CATALOG, "catalog.csv")
    wishes = write(tmp_path, MERCHANDISING, "wishes.yaml")
    found = recommend_file(bundle, history, Wanted(k=4, catalog=catalog, lists=wishes))
    assert lists(found) == [
        ("i0", "pinned"),
        ("i7", "exact"),
        ("i4", "group"),
        ("i1", "best_seller"),
    ]
    rows = [row for row in found.table.to_pylist() if row["person_id"] == "new"]
    assert rows[1]["score_after"] == pytest.approx(4 * rows[1]["score"])
    gain = (2, 1)  # scores of i3, for which i4 stands in, and of i7
    dcg = gain[0] + gain[1] / np.log2(3)
    assert rows[0]["gain_lost"] == pytest.approx(
        1 - (gain[1] / np.log2(3) + gain[0] / 2) / dcg, rel=1e-4
    )
    assert rows[0]["relevance_lost"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(
        ConfigError,
        match=r"'boosts\[0\]' uses the attribute 'brand', which no item has; items have: item_id",
    ):
        recommend_file(bundle, history, Wanted(k=4, lists=wishes))


def test_seen_items_and_unlisted_items_can_be_left_out(bundle, tmp_path):
    items = write(tmp_path, "item_id\ni3\ni5\ni6\n", "items.csv")
    found = recommend_file(
        bundle, write(tmp_path, HISTORY), Wanted(k=3, items=items, exclude_seen=True)
    )
    assert [item for item, _ in lists(found)] == ["i5", "i6"]
    assert found.table["filters_passed"][0].as_py().endswith("just_bought;seen")


def test_event_names_weigh_and_unknown_ones_are_refused(bundle, tmp_path):
    text = f"person_id,item_id,time,event_name\na,i1,{DAY},view\na,i2,{DAY},purchase\na,i3,{DAY},look\n"
    found = recommend_file(bundle, write(tmp_path, text), Wanted(k=2))
    assert lists(found, "a", "reco_kind") == [
        ("i2", "exact", "buy_again"),
        ("i1", "exact", "reminder"),
    ]
    assert found.refused == 1


def test_a_list_is_there_even_where_nothing_may_be_shown(bundle, tmp_path):
    catalog = write(tmp_path, "item_id,availability\ni3,out_of_stock\n", "catalog.csv")
    found = recommend_file(bundle, write(tmp_path, HISTORY), Wanted(k=3, catalog=catalog))
    assert lists(found, "new", "reco_kind") == [(None, "static", "static")]


AUDIENCE = f"""person_id,item_id,time
ann,i5,{20 * DAY}
ann,i6,{19 * DAY}
bob,i6,{20 * DAY}
bob,i5,{18 * DAY}
cat,i5,{20 * DAY}
dan,i5,{20 * DAY}
dan,i6,{10 * DAY}
eve,i0,{20 * DAY}
"""


def test_persons_for_an_item_come_from_the_same_lists(bundle, tmp_path):
    """i6 stands second with ann (one day older) and dan (ten days), first with bob; cat and eve have it as a filler at most."""
    wanted = Wanted(k=8, for_items=("i6", "nothing", "i6"))
    found = recommend_file(bundle, write(tmp_path, AUDIENCE), wanted)
    rows = found.table.to_pylist()
    assert [(r["item_id"], r["rank"], r["person_id"], r["list_place"]) for r in rows] == [
        ("i6", 1, "bob", 1),
        ("i6", 2, "ann", 2),
        ("i6", 3, "dan", 2),
        ("nothing", 1, None, None),
    ]
    assert [r["reason_codes"] for r in rows] == ["on_list;exact"] * 3 + ["item_not_in_catalog"]
    everybody = recommend_file(bundle, write(tmp_path, AUDIENCE), Wanted(k=8)).table.to_pylist()
    own = {r["person_id"]: r["rank"] for r in everybody if r["item_id"] == "i6" and r["score"]}
    assert own == {r["person_id"]: r["list_place"] for r in rows if r["person_id"]}
    best = recommend_file(bundle, write(tmp_path, AUDIENCE), Wanted(k=8, for_items=("i6",), top=2))
    assert best.table["person_id"].to_pylist() == ["bob", "ann"]


def test_an_item_nobody_is_to_be_shown_says_so(bundle, tmp_path):
    catalog = write(tmp_path, "item_id,availability\ni6,out_of_stock\ni5,in_stock\n", "catalog.csv")
    found = recommend_file(
        bundle, write(tmp_path, AUDIENCE), Wanted(k=3, for_items=("i6",), catalog=catalog)
    )
    assert found.table["reason_codes"].to_pylist() == ["on_no_list"]
    require_known(found)


def test_what_cannot_be_used_is_refused(bundle, tmp_path):
    history = write(tmp_path, HISTORY)
    with pytest.raises(ConfigError, match="k: 0; it must be 1 or more"):
        recommend_file(bundle, history, Wanted(k=0))
    with pytest.raises(ConfigError, match="top: 0; it must be 1 or more"):
        recommend_file(bundle, history, Wanted(k=1, top=0))
    with pytest.raises(SchemaError, match="column 'item_id' is missing"):
        recommend_file(bundle, write(tmp_path, "person_id,time\na,1\n", "x.csv"), Wanted(k=1))
    with pytest.raises(InputError, match="has no row with person, item, time"):
        recommend_file(
            bundle, write(tmp_path, "person_id,item_id,time\n,i1,1\n", "y.csv"), Wanted(k=1)
        )
    items = write(tmp_path, "item_id\nnothing\n", "items.csv")
    with pytest.raises(InputError, match="holds no item that the model knows"):
        recommend_file(bundle, history, Wanted(k=1, items=items))
    found = recommend_file(bundle, history, Wanted(k=1))
    with pytest.raises(ConfigError, match=r"ends with '\.csv'; lists are written as \.parquet"):
        write_found(found, tmp_path / "lists.csv")


def test_parts_of_the_persons_change_nothing(bundle, tmp_path, monkeypatch):
    whole = recommend_file(bundle, write(tmp_path, AUDIENCE), Wanted(k=4)).table
    monkeypatch.setattr("serving.recommend_file._EVENTS_PER_PART", 2)
    assert recommend_file(bundle, write(tmp_path, AUDIENCE), Wanted(k=4)).table.equals(whole)


def test_the_command_writes_what_the_function_finds(bundle, tmp_path):
    history, out = write(tmp_path, HISTORY), tmp_path / "recs.parquet"
    arguments = [
        "recommend",
        "--bundle",
        str(bundle),
        "--history",
        str(history),
        "--k",
        "3",
        "--out",
        str(out),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0
    assert "2 persons, 6 rows, 4 of them filled" in result.stdout
    assert pq.read_table(out).equals(recommend_file(bundle, history, Wanted(k=3)).table)
    assert not list(tmp_path.glob(".recs*"))
    result = CliRunner().invoke(app, [*arguments, "--for-item", "i7", "--for-item", "zz"])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith(
        "item 'zz': is not in the catalog; persons are sought for items"
    )
    assert pq.read_table(out)["reason_codes"].to_pylist() == [
        "on_list;exact",
        "item_not_in_catalog",
    ]
