"""A template fills slots and does nothing else; whatever stands in a slot is text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.creative.templates import parse_template


def test_slots_and_filters():
    template = parse_template("{{ title | upper }} for {{ price }}")
    assert template.slots == ("price", "title")
    assert template.fill({"title": "Red socks", "price": "3.00 EUR"}) == "RED SOCKS for 3.00 EUR"
    assert template.own_words().split() == ["for"]


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ title.upper() }}",
        "{{ title['x'] }}",
        "{{ 7 * 7 }}",
        "{{ 'a' * 1000000000 }}",
        "{% for i in x %}{{ i }}{% endfor %}",
        "{% include 'x' %}",
        "{% set x = 1 %}",
        "{{ title | attr('y') }}",
        "{{ title | replace('a', 'b') }}",
        "{{ title | e }}",
        "{{ self }}{{ x if y }}",
    ],
)
def test_whatever_does_more_than_fill_slots_is_refused(text):
    with pytest.raises(ValueError, match="does more than fill slots"):
        parse_template(text)


@pytest.mark.parametrize("text", ["{{ title", "{% if %}", "{{ }}"])
def test_a_broken_template_is_refused(text):
    with pytest.raises(ValueError, match="is no template"):
        parse_template(text)


@given(st.text(max_size=40))
def test_a_value_is_text_whatever_it_looks_like(value):
    assert parse_template("<{{ title }}>").fill({"title": value}) == f"<{value}>"


def test_a_template_in_a_title_is_not_run():
    found = parse_template("{{ title }}").fill({"title": "{{ 7 * 7 }}{% raw %}"})
    assert found == "{{ 7 * 7 }}{% raw %}"
