"""Drawings hold one mark per figure, in place, and no label can break out of its text."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from training.reports.charts import (
    ACCENT,
    MUTED,
    TRUTH,
    Dot,
    agreement_plot,
    bar_plot,
    column_plot,
    dot_plot,
    gain_plot,
    line_plot,
    share_plot,
)

HOSTILE = '<script>alert("1")</script>&'


def elements(svg):
    """Elements of a drawing, which has to be well-formed."""
    return list(ET.fromstring(svg).iter())  # noqa: S314 - our own text


def marks(svg):
    return Counter(node.get("aria-roledescription") for node in elements(svg))


def texts(svg):
    return [node.text for node in elements(svg) if node.tag.endswith("}text")]


def coloured(svg, colour):
    """Marks filled or drawn in a colour."""
    described = [node for node in elements(svg) if node.get("role") == "graphics-symbol"]
    return sum(colour in (node.get("fill"), node.get("stroke")) for node in described)


def dashed(svg):
    return sum(node.get("stroke-dasharray") == "4,3" for node in elements(svg))


DOTS = (
    Dot("one", "", 1, 0, 2, truth=1.5),
    Dot("two", "", 2, 1, 3),
    Dot("three", "", 3, 2, 4, truth=2.5),
)


def test_an_estimate_is_a_point_and_a_line_and_a_truth_a_diamond():
    svg = dot_plot(DOTS, axis="effect", number=".1f", reference=0)
    assert marks(svg)["point"] == 3 + 2
    assert marks(svg)["rule mark"] == 3 + 1
    assert coloured(svg, TRUTH) == 2
    assert coloured(svg, ACCENT) == 3 + 3
    assert dashed(svg) == 1
    assert [text for text in texts(svg) if text in {"one", "two", "three"}] == [
        "one",
        "two",
        "three",
    ]


def test_without_truth_and_reference_there_are_no_diamonds_and_no_dashes():
    svg = dot_plot([Dot("one", "", 1, 0, 2), Dot("two", "", 2, 1, 3)], axis="effect", number=".1f")
    assert (marks(svg)["point"], coloured(svg, TRUTH), dashed(svg)) == (2, 0, 0)


def test_panels_come_in_the_order_given_each_with_its_dots():
    dots = [Dot("x", "zebra", 1, 0, 2), Dot("y", "zebra", 2, 1, 3), Dot("x", "ape", 3, 2, 4)]
    svg = dot_plot(dots, axis="effect", number=".1f")
    assert marks(svg)["point"] == marks(svg)["rule mark"] == 3
    assert [text for text in texts(svg) if text in {"zebra", "ape"}] == ["zebra", "ape"]


@pytest.mark.parametrize("rankings", [["model"], ["model", "baseline", "random"]])
def test_a_line_per_ranking_and_a_legend_that_names_it(rankings):
    curves = pd.DataFrame(
        [
            (share, share * place, name)
            for place, name in enumerate(rankings)
            for share in (0, 0.5, 1)
        ],
        columns=["share", "gain", "ranking"],
    )
    svg = gain_plot(curves, unit="gain per head")
    assert marks(svg)["line mark"] == len(rankings)
    assert [text for text in texts(svg) if text in rankings] == rankings


def test_a_bar_per_label_with_its_value_beside_it():
    bars = pd.DataFrame({"label": ["z", "a", "m"], "value": [1, -2, 1234.4]})
    svg = bar_plot(bars, axis="profit", number="+,.0f", highlight=["a"])
    assert marks(svg)["bar"] == marks(svg)["text mark"] == 3
    assert texts(svg)[-3:] == ["+1", "\u22122", "+1,234"]
    assert [text for text in texts(svg) if text in {"z", "a", "m"}] == ["z", "a", "m"]
    assert (coloured(svg, ACCENT), coloured(svg, MUTED)) == (1, 2)


def days(line, values):
    names = [f"2026-03-{day:02d}" for day in range(1, len(values) + 1)]
    return pd.DataFrame({"line": line, "day": names, "value": values})


def drawn(svg):
    """How many separate strokes the lines consist of."""
    strokes = [n for n in elements(svg) if n.get("aria-roledescription") == "line mark"]
    return sum(stroke.get("d").count("M") for stroke in strokes)


def test_a_gap_breaks_the_line_and_a_lonely_day_is_a_dot():
    whole = line_plot(days("a", [0.1, 0.2, 0.3, 0.4]), axis="share", number="%")
    broken = line_plot(days("a", [0.1, 0.2, None, 0.4]), axis="share", number="%")
    assert (drawn(whole), drawn(broken)) == (1, 2)
    assert (marks(whole)["point"], marks(broken)["point"]) == (4, 3)


def test_each_line_has_its_name_and_one_line_needs_none():
    both = pd.concat([days("first", [1.0, 2.0]), days("second", [2.0, 1.0])])
    svg = line_plot(both, axis="events", number=",.0f")
    assert {"first", "second", "events"} <= set(texts(svg))
    assert (coloured(svg, ACCENT), coloured(svg, TRUTH)) == (2 + 1, 2 + 1)
    assert "a" not in texts(line_plot(days("a", [1.0]), axis="events", number=",.0f"))


def test_days_are_days_in_every_time_zone():
    svg = line_plot(days("a", [1.0, 2.0]), axis="events", number=",.0f")
    assert {"2026-03-01", "2026-03-02"} <= set(texts(svg))


def drawings(label):
    curves = pd.DataFrame({"share": [0, 1], "gain": [0, 1], "ranking": label})
    bars = pd.DataFrame({"label": [label], "value": [1.0]})
    return {
        "row": dot_plot([Dot(label, "", 1, 0, 2, 1)], axis="a", number=".1f"),
        "panel": dot_plot(
            [Dot("x", label, 1, 0, 2), Dot("x", "q", 1, 0, 2)], axis="a", number=".1f"
        ),
        "axis": dot_plot([Dot("x", "", 1, 0, 2)], axis=label, number=".1f"),
        "ranking": gain_plot(curves, unit="u"),
        "unit": gain_plot(curves.assign(ranking="x"), unit=label),
        "line": line_plot(
            pd.concat([days(label, [1.0]), days("q", [2.0])]), axis="a", number=".0f"
        ),
        "day axis": line_plot(days("x", [1.0]), axis=label, number=".0f"),
        "bar": bar_plot(bars, axis="a", number=".0f"),
    }


def test_a_hostile_label_stays_text():
    for place, svg in drawings(HOSTILE).items():
        assert HOSTILE in texts(svg), place
        assert "<script" not in svg, place
        assert not any(node.tag.endswith("script") for node in elements(svg)), place


def test_the_same_figures_give_the_same_drawing():
    assert drawings("x") == drawings("x")


def test_columns_have_whiskers_where_an_interval_is_known():
    columns = [Dot("1", "", 3, 2, 4), Dot("2", "", 1, float("nan"), float("nan"))]
    svg = column_plot(columns, axis="effect", title="tenth", number=".1f", reference=2, width=300)
    assert marks(svg)["bar"] == 2
    assert marks(svg)["rule mark"] == 1 + 1
    assert dashed(svg) == 1


def test_agreement_has_a_diagonal_and_a_whisker_per_known_interval():
    nan = float("nan")
    points = pd.DataFrame(
        [(1.0, 1.5, 1.0, 2.0), (2.0, 1.8, nan, nan)], columns=["predicted", "value", "low", "high"]
    )
    svg = agreement_plot(points, predicted="p", measured="m", width=300)
    assert (marks(svg)["point"], marks(svg)["rule mark"], dashed(svg)) == (2, 1, 1)


def test_a_band_lies_behind_the_first_ranking_only_where_it_is_known():
    curves = pd.DataFrame({"share": [0, 1], "value": [0, 1], "ranking": "model"})
    band = pd.DataFrame({"share": [0.5, 1], "low": [float("nan"), 0], "high": [float("nan"), 2]})
    drawn = [share_plot(curves, axis="gain", band=given) for given in (None, band)]
    assert [marks(svg)["area mark"] for svg in drawn] == [0, 1]
