"""The page in a browser: no request, no error, tabs and tables by keyboard, downloads, texts behind figures, light and dark."""

from __future__ import annotations

import csv

import pytest

from features.project import Project
from serving.report import PAGE, REPORT
from training.reports.charts import Dot, dot_plot
from training.reports.page import UNKNOWN, Said, render_page, trusted_svg
from training.reports.table import Cell, Table, figure, row

HOSTILE = "<img src=x onerror=window.broken=1><script>window.broken=1</script>"
TOLD = "120 rows, mean [95 %]"

TABLE = Table(
    "Prices, and what they hide",
    ("Name", "Price [95 %]", "Note"),
    (
        row("beta", figure("10.50 USD", 10.5, told=TOLD, low=9.25, high=11.75), "=1+1"),
        row("Alpha", figure("-2.00 USD", -2, told="second"), 'says "no", twice'),
        row("gamma", Cell(UNKNOWN), "+49 30 123"),
        row(HOSTILE, figure("9.00 USD", 9, told="third"), "@SUM(A1)"),
    ),
)


WIDE = Table(
    "More columns than a phone has room for",
    tuple(f"column_{place}" for place in range(12)),
    (row(*(f"{place:,}" for place in range(12))),),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    chart = dot_plot([Dot("a", "", 1, 0, 2)], axis="effect", number=".1f", reference=0)
    plot = {"chart": trusted_svg(chart), "caption": HOSTILE}
    tabs = [
        {"name": name, "plots": [], "tables": tables}
        for name, tables in {"First": [TABLE], "Second": [TABLE], HOSTILE: [TABLE, WIDE]}.items()
    ]
    text = render_page(
        "experiment.html.j2",
        {
            "title": HOSTILE, "lead": "lead", "notice": "", "declared": "", "sentences": [Said("said.", TOLD)], "plots": [plot],
            "tabs": tabs,
        },
    )  # fmt: skip
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def page(browser, path):
    """The page at the size of a desktop, freshly loaded."""
    size(browser, 1200)
    browser.call("Emulation.setEmulatedMedia", features=[])
    browser.open(path)
    return browser


def size(browser, width):
    browser.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500,
    )  # fmt: skip


def requests(browser):
    return [
        event["params"]["request"]["url"]
        for event in browser.events
        if event["method"] == "Network.requestWillBeSent"
    ]


def complaints(browser):
    noisy = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
    return [event for event in browser.events if event["method"] in noisy]


def column(page, place, table=0):
    return page.run(
        f"[...document.querySelectorAll('table')[{table}].tBodies[0].rows].map(row => row.cells[{place}].innerText.trim())"
    )


def test_only_the_file_is_asked_for_and_nothing_complains(page, path):
    assert requests(page) == [path.as_uri()]
    assert complaints(page) == []
    assert page.run("window.broken") is None


def test_the_policy_stops_every_other_script(page):
    page.run(
        "{const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s)}"
    )
    page.run("document.body.insertAdjacentHTML('beforeend', '<img src=https://example.org/x.png>')")
    assert page.run("window.broken") is None
    page.wait("Network.loadingFailed")
    (failed,) = [e["params"] for e in page.events if e["method"] == "Network.loadingFailed"]
    assert failed["blockedReason"] == "csp"


SELECTED = "[...document.querySelectorAll('[role=tab]')].map(tab => tab.getAttribute('aria-selected') + tab.tabIndex)"
SHOWN = "[...document.querySelectorAll('[role=tabpanel]')].map(panel => panel.checkVisibility())"


def test_tabs_move_by_arrows_home_and_end(page):
    assert page.run(SELECTED) == ["true0", "false-1", "false-1"]
    page.run("document.querySelector('[role=tab]').focus()")
    places = {"ArrowRight": 1, "End": 2, "ArrowLeft": 1, "Home": 0}
    for key, place in places.items():
        page.press(key)
        assert page.run(SHOWN) == [place == k for k in range(3)]
        assert page.run(SELECTED)[place] == "true0"
        assert page.run("document.activeElement.id") == f"tab-{place}"
    page.press("ArrowLeft")
    assert page.run(SHOWN) == [False, False, True]
    page.press("ArrowRight")
    assert page.run(SHOWN) == [True, False, False]
    assert page.run(
        "[...document.querySelectorAll('[role=tab]')].every(tab => "
        "document.getElementById(tab.getAttribute('aria-controls')).getAttribute('aria-labelledby') === tab.id)"
    )


def test_a_tab_is_chosen_by_click(page):
    page.run("document.querySelectorAll('[role=tab]')[1].click()")
    assert page.run(SHOWN) == [False, True, False]


SORTED = "[...document.querySelector('table').tHead.rows[0].cells].map(head => head.getAttribute('aria-sort'))"


def test_numbers_sort_by_value_and_the_unknown_stays_last(page):
    page.run("document.querySelectorAll('th button')[1].focus()")
    page.press("Enter")
    assert column(page, 1) == ["-2.00 USD", "9.00 USD", "10.50 USD", UNKNOWN]
    assert page.run(SORTED) == ["none", "ascending", "none"]
    page.press(" ")
    assert column(page, 1) == ["10.50 USD", "9.00 USD", "-2.00 USD", UNKNOWN]
    assert page.run(SORTED) == ["none", "descending", "none"]


def test_texts_sort_by_the_alphabet_and_other_tables_stay(page):
    page.run("document.querySelector('th button').click()")
    assert column(page, 0) == [HOSTILE, "Alpha", "beta", "gamma"]
    assert page.run(SORTED) == ["ascending", "none", "none"]
    page.run("document.querySelectorAll('[role=tab]')[1].click()")
    assert column(page, 0, table=1) == ["beta", "Alpha", "gamma", HOSTILE]


def test_a_download_has_numbers_in_full_and_no_formula(page):
    page.run("document.querySelectorAll('th button')[1].click()")
    page.run("document.querySelector('.csv').click()")
    while not any(
        event["method"] == "Browser.downloadProgress" and event["params"]["state"] == "completed"
        for event in page.events
    ):
        page.next()
    (file,) = page.downloads.iterdir()
    assert file.name == "prices_and_what_they_hide.csv"
    with file.open(encoding="utf-8-sig", newline="") as text:
        rows = list(csv.reader(text))
    assert rows == [
        ["Name", "Price [95 %]", "Price [95 %], low", "Price [95 %], high", "Price [95 %], population and convention", "Note"],
        ["Alpha", "-2.0", "", "", "second", 'says "no", twice'],
        [HOSTILE, "9.0", "", "", "third", "'@SUM(A1)"],
        ["beta", "10.5", "9.25", "11.75", TOLD, "'=1+1"],
        ["gamma", UNKNOWN, "", "", "", "'+49 30 123"],
    ]  # fmt: skip
    assert len(requests(page)) == 1


BOX = "document.querySelector('#told').hidden ? null : document.querySelector('#told').textContent"


def test_what_a_figure_rests_on_comes_by_focus_and_goes_by_escape(page):
    page.run("document.querySelector('td .told').focus()")
    assert page.run(BOX) == TOLD
    assert page.run("document.activeElement.getAttribute('aria-describedby')") == "told"
    page.press("ArrowDown")
    assert page.run(BOX) == "second"
    page.press("ArrowUp")
    page.press("Escape")
    assert page.run(BOX) is None
    assert page.run("document.activeElement.getAttribute('aria-describedby')") is None


def test_a_table_is_one_stop_for_its_figures(page):
    stops = "[...document.querySelector('table').querySelectorAll('button.told')].map(one => one.tabIndex)"
    assert page.run(stops) == [0, -1, -1]
    page.run("document.querySelector('td .told').focus()")
    page.press("ArrowRight")
    assert page.run(stops) == [-1, 0, -1]


def test_what_a_figure_rests_on_comes_by_hover_and_by_touch(page):
    place = page.run(
        "(() => { const one = document.querySelector('.told.mark').getBoundingClientRect(); return [one.x + 3, one.y + 3]; })()"
    )
    at = dict(zip("xy", place, strict=True))
    page.call("Input.dispatchMouseEvent", type="mouseMoved", **at)
    assert page.run(BOX) == TOLD
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    assert page.run(BOX) is None
    page.run(
        "window.tapped = new Promise(done => document.addEventListener('click', () => done(1), {once: true})); 1"
    )
    page.call("Emulation.setTouchEmulationEnabled", enabled=True)
    page.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[at])
    page.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    page.run("window.tapped")
    page.call("Emulation.setTouchEmulationEnabled", enabled=False)
    assert page.run(BOX) == TOLD


PAINT = """(() => {
  const lightness = (colour) => colour.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0);
  const style = (query) => getComputedStyle(document.querySelector(query));
  return {
    paper: lightness(style("section").backgroundColor), ink: lightness(style("body").color),
    chart: lightness(style("figure svg > rect").fill), label: lightness(style("figure svg text").fill),
  };
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_and_charts_follow_the_colour_scheme(page, scheme):
    page.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
    found = page.run(PAINT)
    assert found["paper"] == found["chart"]
    assert found["ink"] == found["label"]
    difference = 400 if scheme == "light" else -400
    assert (found["paper"] - found["ink"]) / difference > 1


def test_nothing_sticks_out_of_a_phone(page):
    size(page, 390)
    for place in range(3):
        page.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        assert page.run("document.documentElement.scrollWidth") == 390
    wide = "[...document.querySelectorAll('.scroll')].at(-1)"
    assert page.run(f"{wide}.scrollWidth > {wide}.clientWidth")


def test_without_script_everything_is_there(page, path):
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(path)
    page.call("Emulation.setScriptExecutionDisabled", value=False)
    assert page.run(
        "[...document.querySelectorAll('[data-tab]')].every(part => part.checkVisibility())"
    )
    assert page.run("document.querySelector('td .told').title") == TOLD


def test_the_page_of_a_project(browser, finished_project):
    path = Project(finished_project).workspace.current(REPORT).path / PAGE
    size(browser, 390)
    browser.open(path)
    assert requests(browser) == [path.as_uri()]
    assert complaints(browser) == []
    assert browser.run(SHOWN) == [True, False, False, False, False, False]
    for place in range(6):
        browser.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        assert browser.run("document.documentElement.scrollWidth") == 390
