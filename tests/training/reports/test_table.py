"""Tables as the page has them: the number behind a text, what it rests on, one base for all pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from training.reports import charts
from training.reports.page import UNKNOWN, render_page
from training.reports.table import Cell, Table, figure, row

FOLDER = Path(charts.__file__).parent
NAN = float("nan")

TABLE = Table(
    "Prices",
    ("Name", "Price", "Share"),
    (
        row("a", figure("1.50", 1.5, told="own", low=1, high=2), figure("3 %", 0.03)),
        row("b", Cell(UNKNOWN, "withheld"), UNKNOWN, mark="chosen"),
    ),
    about={"Price": "all shops", "Share": 'of "all" <rows>'},
)


@pytest.fixture
def html(tmp_path):
    (tmp_path / "x.html.j2").write_text(
        '{% import "parts.html.j2" as parts %}{{ parts.grid(table) }}'
    )
    return render_page("x.html.j2", {"table": TABLE}, folder=tmp_path)


def test_columns_of_numbers_stand_right():
    assert TABLE.right == {1, 2}


def test_what_a_figure_rests_on_is_its_own_or_that_of_its_column():
    (_, price, share), (_, withheld, nothing) = (one.cells for one in TABLE.rows)
    assert TABLE.told(1, price) == "own"
    assert TABLE.told(2, share) == 'of "all" <rows>'
    assert TABLE.told(1, withheld) == "withheld"
    assert TABLE.told(2, nothing) == ""  # no figure, nothing behind it


def test_numbers_that_are_none_are_unknown():
    cell = figure("-", NAN, low=float("inf"), high=None)
    assert (cell.value, cell.low, cell.high) == (None, None, None)
    assert figure("7", 7).value == 7.0


def test_cells_carry_their_numbers_and_texts(html):
    assert '<td class="right" data-value="1.5" data-low="1.0" data-high="2.0">' in html
    assert '<button type="button" class="told" title="own">1.50</button>' in html
    assert 'title="of &#34;all&#34; &lt;rows&gt;">3 %</button>' in html
    assert '<tr class="chosen">' in html
    assert html.count("data-value") == 2
    assert '<th scope="col" class="right">Price</th>' in html


def test_every_page_has_the_same_base():
    texts = {path.name: path.read_text() for path in FOLDER.glob("*.j2")}
    assert [name for name, text in texts.items() if "<html" in text] == ["base.html.j2"]
    assert [name for name, text in texts.items() if "<table" in text] == ["parts.html.j2"]


def test_the_style_turns_every_colour_of_the_charts():
    style = (FOLDER / "page.css").read_text()
    for colour in (charts.INK, charts.ACCENT, charts.MUTED, charts.TRUTH, charts.GRID):
        assert f'[stroke="{colour}"]' in style
        light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
        assert colour in light
        assert colour not in dark
