"""The page escapes what it is given, refuses what is missing, and writes numbers one way."""

from __future__ import annotations

import jinja2
import pytest

from training.reports.page import (
    UNKNOWN,
    money,
    number,
    p_value,
    percent,
    points,
    render_page,
    significant,
    trusted_svg,
)

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def render(tmp_path):
    """Render a template text with the page's own settings."""

    def run(text, **facts):
        (tmp_path / "x.html.j2").write_text(text)
        return render_page("x.html.j2", facts, folder=tmp_path)

    return run


def test_a_value_cannot_become_markup(render):
    text = render('<h1 title="{{ t }}">{{ t }}</h1>', t=f'"{HOSTILE}')
    inert = "&#34;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert text == f'<h1 title="{inert}">{inert}</h1>'


def test_a_value_cannot_become_a_template(render):
    assert render("{{ t }}", t="{{ 7 * 6 }}") == "{{ 7 * 6 }}"


def test_only_a_drawing_enters_as_it_is(render):
    assert render("{{ s }}", s=trusted_svg("<svg/>")) == "<svg/>"


@pytest.mark.parametrize(
    "text", ["{{ missing }}", "{{ known.missing }}", "{% if missing %}{% endif %}"]
)
def test_a_missing_fact_is_an_error(render, text):
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        render(text, known={})


def test_a_missing_fact_stops_the_project_page():
    with pytest.raises(jinja2.UndefinedError, match="is undefined"):
        render_page("project.html.j2", {})


def test_filters_are_at_hand(render):
    text = "{{ x | number(1) }}|{{ x | percent }}|{{ x | points }}|{{ x | money('USD') }}"
    assert render(text, x=0.5) == "0.5|50.0 %|+50.00|0.50 USD"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (number(1234567.8), "1,234,568"),
        (number(1234.56, 1), "1,234.6"),
        (number(-0.25, 2), "-0.25"),
        (number(0), "0"),
        (percent(0.1234), "12.3 %"),
        (percent(1, 0), "100 %"),
        (points(0.0123), "+1.23"),
        (points(-0.0123, 1), "-1.2"),
        (money(1234.5, "EUR"), "1,234.50 EUR"),
        (money(-0.5, "USD", 1), "-0.5 USD"),
    ],
)
def test_formats(text, expected):
    assert text == expected


def test_the_unknown_is_a_dash():
    dashes = {number(None), percent(None), points(None), money(None, "USD")}
    assert dashes == {UNKNOWN}


@pytest.mark.parametrize(
    ("value", "words"), [(0.01234, "0.0123"), (0.0001, "0.0001"), (1.5e-11, "< 0.0001")]
)
def test_a_p_value_is_never_written_as_zero(value, words):
    assert p_value(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(0.012346, "0.01235"), (-12.346, "-12.35"), (17_752.4, "17,752")]
)
def test_four_digits_and_every_digit_before_the_point(value, words):
    assert significant(value) == words
    assert significant(abs(value), sign="+") == "+" + words.lstrip("-")
