"""The page opens offline, says what is simulated, shows every figure, and cannot be broken by a title."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.project import Project
from features.steps.ingest import INGEST, QUALITY
from features.steps.simulate import SIMULATE
from serving.report import PAGE, REPORT, write_report
from serving.score import SCORE
from training.reports.page import money, number, points
from training.steps import MEASURE, METRICS, TRAIN_RECOMMENDER

SECTIONS = [
    "In short",
    "What came in",
    "Can the facts be trusted?",
    "Which items: recommenders compared",
    "Which people: does the uplift ranking work?",
    "Who may be contacted: the waterfall",
    "What they are shown: the gallery",
    "Checked again: the audit of what was published",
    "What the simulated campaign changed",
    "What the decisions are worth",
    "Ten persons",
    "How these figures were made",
]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """Tags with their attributes, and the texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self._inside = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip():
            self.texts.append(" ".join(data.split()))

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)

    @property
    def text(self):
        return " ".join(self.texts)


@pytest.fixture(scope="module")
def project(finished_project):
    return Project(finished_project)


@pytest.fixture(scope="module")
def html(project):
    return (project.workspace.current(REPORT).path / PAGE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_fetched_and_nothing_runs(html, page):
    assert not {tag for tag, _ in page.tags} & {
        "link", "iframe", "img", "object", "embed", "base", "form", "image", "use",
    }  # fmt: skip
    names = {name for _, attributes in page.tags for name in attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert page.count("script") == 1
    (policy,) = [one["content"] for _, one in page.tags if "http-equiv" in one]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "url(" not in html
    assert "@import" not in html
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", html))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}


def test_it_says_that_the_campaign_is_simulated(page):
    assert "The purchase histories are real; the campaign is simulated." in page.text
    assert "In the simulated campaign, being assigned to treatment changed" in page.text


def test_every_section_is_there_in_order(html):
    assert re.findall(r"<h2>(.*?)</h2>", html) == SECTIONS
    assert all(len(section) > 300 for section in re.split("<section[^>]*>", html)[1:])


def test_it_shows_at_most_ten_persons(html):
    assert 2 <= html.count('<article class="example">') <= 10


def test_figures_are_those_of_the_stored_runs(project, page):
    workspace = project.workspace
    scored = workspace.current(SCORE).manifest["figures"]
    ingested = workspace.current(INGEST).manifest["figures"]
    lift = workspace.current(MEASURE).json("lift.json")["outcomes"][0]
    effect = lift["lift"]
    policies = workspace.current(MEASURE).json("policies.json")
    shown = [
        f"Of {number(scored['persons'])} persons, {number(scored['eligible'])} may be contacted",
        f"within the budget of {money(scored['budget'], 'USD')}",
        f"by {points(effect['effect'])} points (95 % interval {points(effect['low'])} to {points(effect['high'])};",
        f"planted {points(lift['planted'])})",
        f"the chosen contacts earn {money(policies[0]['profit'], 'USD')} after cost",
        f"Rows read {number(ingested['rows_in'])}",
        f"Rejects {number(ingested['rejects'])}",
        f"Simulated assignments {number(workspace.current(SIMULATE).manifest['figures']['assignments'])}",
        "Intention-to-treat effect with 95 % interval",
        "percentile bootstrap over persons",
        *[money(policy["profit"], "USD") for policy in policies],
    ]
    missing = [text for text in shown if text not in page.text]
    assert not missing


def test_every_model_rule_and_step_has_its_row(project, page):
    metrics = project.workspace.current(TRAIN_RECOMMENDER).json(METRICS)
    for model in metrics["models"]:
        assert model["kind"].replace("_", " ") in page.text
    for rule in ("erased", "no consent", "frequency cap", "not in catalog", "just bought"):
        assert rule in page.text
    checks = project.workspace.current(INGEST).json(QUALITY)["checks"]
    assert page.count("svg") == 5 + sum(bool(check["series"]) for check in checks)
    for step in (INGEST, SIMULATE, TRAIN_RECOMMENDER, SCORE, MEASURE):
        assert project.workspace.current(step).run_id in page.text


def test_nothing_but_the_randomised_comparison_is_called_lift(html):
    """Of the sections, only the summary and the campaign's own may use the word."""
    for title, section in zip(SECTIONS, re.split("<section[^>]*>", html)[1:], strict=True):
        words = re.findall(r"[a-z]+", Page(section).text.lower())
        assert ("lift" not in words) or title in {"In short", "What the simulated campaign changed"}


def rewrite(path, **columns):
    table = pq.read_table(path)
    for name, change in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), change(table[name]))
    pq.write_table(table, path)


def test_a_hostile_title_stays_text(finished_project, tmp_path):
    folder = shutil.copytree(finished_project, tmp_path / "copy", symlinks=True)
    project = Project(folder)
    workspace = project.workspace

    def hostile(texts):
        return pc.if_else(pc.is_valid(texts), pa.scalar(HOSTILE), texts)

    rewrite(workspace.current(SCORE).path / "decisions.parquet", **{c.TITLE: hostile})
    shown = (c.HEADLINE, c.BODY, c.LINK, c.PRICE_TEXT, c.TEMPLATE)
    rewrite(workspace.current(SCORE).path / "creatives.parquet", **dict.fromkeys(shown, hostile))
    rewrite(workspace.current(INGEST).path / "catalog.parquet", **{c.TITLE: hostile})
    shutil.rmtree(workspace.root / REPORT)
    html = (write_report(project).path / PAGE).read_text(encoding="utf-8")
    page = Page(html)
    assert (page.count("script"), page.count("img")) == (1, 0)
    assert html.count("<script") == 1  # the page's own
    assert HOSTILE in page.text
    histories = [text for text in page.texts if text.startswith(HOSTILE)]
    assert len(histories) > 10


def test_a_report_needs_every_step(project_folder):
    with pytest.raises(Exception, match="has no finished run"):
        write_report(Project(project_folder))
