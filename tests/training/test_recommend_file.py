"""Lists for any history file, from the library and from the command line."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features.errors import ConfigError, InputError, SchemaError
from serving.cli import app
from training.recommend_file import recommend_file, write_recommendations
from training.recommenders.buy_again import BuyAgain, BuyAgainConfig

DAY = 86_400


@pytest.fixture(scope="module")
def bundle(shop, tmp_path_factory):
    """A model of a shop with items i00 to i39; event names decide what counts: a purchase 2, a view 1."""
    purchases, histories, closes = shop
    folder = tmp_path_factory.mktemp("model") / "bundle"
    config = BuyAgainConfig(weights={"purchase": 2.0, "view": 1.0}, half_life_days=10)
    BuyAgain(config).fit(histories(purchases).everyone(closes)).save(folder)
    return folder


def write(folder, text, name="history.csv"):
    (folder / name).write_text(text)
    return folder / name


HISTORY = f"""person_id,item_id,time
new,i07,{10 * DAY}
new,i03,{20 * DAY}
other,unheard-of,{20 * DAY}
,i01,{20 * DAY}
"""


def test_new_persons_are_folded_in_and_lists_are_filled(bundle, tmp_path):
    found = recommend_file(bundle, write(tmp_path, HISTORY), k=3)
    rows = found.table.to_pylist()
    own = [(r["person_id"], r["rank"], r["item_id"], r["level"]) for r in rows]
    assert own[:2] == [("new", 1, "i03", "history"), ("new", 2, "i07", "history")]
    # 10 days and one half-life apart, as of just after the last row
    assert rows[0]["score"] / rows[1]["score"] == pytest.approx(2, rel=1e-5)
    assert rows[0]["score"] == pytest.approx(2, rel=1e-5)
    assert [r["level"] for r in rows[2:]] == ["popular"] * 4
    assert [r["rank"] for r in rows] == [1, 2, 3] * 2
    assert (found.persons, found.refused, found.unknown_items) == (2, 1, 1)
    assert found.lines()[0] == "2 persons, 6 rows, 4 of them popular fillers"


def test_seen_items_and_unlisted_items_can_be_left_out(bundle, tmp_path):
    history = write(tmp_path, HISTORY)
    items = write(tmp_path, "item_id\ni03\ni05\ni06\n", "items.csv")
    found = recommend_file(bundle, history, k=3, items=items, exclude_seen=True)
    mine = [r["item_id"] for r in found.table.to_pylist() if r["person_id"] == "new"]
    assert sorted(mine) == ["i05", "i06"]


def test_event_names_weigh_and_unknown_ones_are_refused(bundle, tmp_path):
    text = f"person_id,item_id,time,event_name\na,i01,{DAY},view\na,i02,{DAY},purchase\na,i03,{DAY},look\n"
    found = recommend_file(bundle, write(tmp_path, text), k=2)
    rows = found.table.to_pylist()
    assert [r["item_id"] for r in rows] == ["i02", "i01"]
    assert [round(r["score"], 4) for r in rows] == [2, 1]
    assert found.refused == 1


def test_what_cannot_be_used_is_refused(bundle, tmp_path):
    history = write(tmp_path, HISTORY)
    with pytest.raises(ConfigError, match="k: 0; it must be 1 or more"):
        recommend_file(bundle, history, k=0)
    with pytest.raises(SchemaError, match="column 'item_id' is missing"):
        recommend_file(bundle, write(tmp_path, "person_id,time\na,1\n", "x.csv"), k=1)
    with pytest.raises(InputError, match="has no row with person, item, time"):
        recommend_file(bundle, write(tmp_path, "person_id,item_id,time\n,i01,1\n", "y.csv"), k=1)
    items = write(tmp_path, "item_id\nnothing\n", "items.csv")
    with pytest.raises(InputError, match="holds no item that the model knows"):
        recommend_file(bundle, history, k=1, items=items)
    found = recommend_file(bundle, history, k=1)
    with pytest.raises(ConfigError, match=r"ends with '\.csv'; lists are written as \.parquet"):
        write_recommendations(found, tmp_path / "lists.csv")


def test_the_command_writes_what_the_function_finds(bundle, tmp_path):
    history, out = write(tmp_path, HISTORY), tmp_path / "recs.parquet"
    arguments = ["recommend", "--bundle", str(bundle), "--history", str(history), "--k", "3"]
    result = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert result.exit_code == 0
    assert "2 persons, 6 rows, 4 of them popular fillers" in result.stdout
    assert pq.read_table(out).equals(recommend_file(bundle, history, k=3).table)
    assert not list(tmp_path.glob(".recs*"))
