"""Plots as SVG text, one question each. No statistics here: figures come in ready."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import altair as alt
import pandas as pd

INK: Final = "#1f2933"
ACCENT: Final = "#0b6e99"
MUTED: Final = "#9aa5b1"
TRUTH: Final = "#c4511f"
GRID: Final = "#e4e7eb"
_FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"
"""Fonts of one width, the first of which the SVG writer brings along: labels fit in every browser."""

_FONT_SIZE: Final = 12
"""Pixels; readable where a phone shows a plot at two thirds of its size."""

_TICKS: Final = 7


class Dot(NamedTuple):
    """An estimate with its interval.

    Attributes:
        row: label of the line it stands on.
        panel: label of the panel.
        value, low, high: estimate and ends of its interval.
        truth: planted value, None where there is none.
    """

    row: str
    panel: str
    value: float
    low: float
    high: float
    truth: float | None = None


def dot_plot(
    dots: Sequence[Dot],
    *,
    axis: str,
    number: str,
    reference: float | None = None,
    width: int = 620,
) -> str:
    """Estimates with intervals, a line per row, a panel per panel; planted values as diamonds.

    Args:
        dots: at least one.
        axis: title of the value axis, with its unit.
        number: d3 format of the axis.
        reference: value of a dashed line, None = no line.
        width: of the plot with one panel, in pixels.
    """
    data = pd.DataFrame(dots, columns=list(Dot._fields))
    rows, panels = (list(dict.fromkeys(data[name])) for name in ("row", "panel"))
    y = alt.Y("row:N", sort=rows, title=None, axis=alt.Axis(labelLimit=240))
    ticks = alt.Axis(format=number, tickCount=max(_TICKS // len(panels), 3), labelOverlap=True)
    x = alt.X("value:Q", title=axis, axis=ticks, scale=alt.Scale(zero=False))
    base = alt.Chart()
    layers: list[Any] = [
        base.mark_rule(color=ACCENT, strokeWidth=2).encode(
            y=y, x=alt.X("low:Q", title=axis), x2="high:Q"
        ),
        base.mark_point(color=ACCENT, filled=True, size=70, opacity=1).encode(y=y, x=x),
    ]
    if reference is not None:
        once = alt.Chart(pd.DataFrame({"value": [reference]}))
        line = once.mark_rule(color=MUTED, strokeDash=[4, 3]).encode(x="value:Q")
        layers.insert(0, line)
    if data["truth"].notna().any():
        diamond = base.mark_point(
            color=TRUTH, shape="diamond", size=90, strokeWidth=2, filled=False
        )
        layers.append(diamond.encode(y=y, x="truth:Q"))
    if len(panels) == 1:
        return _svg(alt.layer(*layers, data=data).properties(width=width, height=alt.Step(26)))
    layered = alt.layer(*layers).properties(width=690 // len(panels), height=alt.Step(26))
    facet = alt.Column("panel:N", sort=panels, title=None)
    return _svg(layered.facet(column=facet, data=data).resolve_scale(x="independent"))


def gain_plot(curves: pd.DataFrame, *, unit: str) -> str:
    """Gain against share treated, a line per ranking, over the line of a random ranking.

    Args:
        curves: columns share, gain, ranking.
        unit: what the gain is measured in.
    """
    return share_plot(curves.rename(columns={"gain": "value"}), axis=unit)


def share_plot(
    curves: pd.DataFrame, *, axis: str, band: pd.DataFrame | None = None, width: int = 620
) -> str:
    """A value against the share of people contacted, a line per ranking.

    Args:
        curves: columns share, value, ranking; at most three rankings.
        axis: title of the value axis, with its unit.
        band: columns share, low, high: an area behind the first ranking; None = no area.
        width: of the plot, in pixels.
    """
    rankings = list(dict.fromkeys(curves["ranking"]))
    colours = [ACCENT, INK, MUTED][: len(rankings)]
    x = alt.X(
        "share:Q",
        title="Share of people contacted, best first",
        axis=alt.Axis(format="%", tickCount=_TICKS),
    )
    y = alt.Y("value:Q", title=axis)
    colour = alt.Color(
        "ranking:N",
        sort=rankings,
        scale=alt.Scale(domain=rankings, range=colours),
        legend=alt.Legend(title=None, orient="top", direction="vertical", labelLimit=320),
    )
    lines = alt.Chart(curves).mark_line().encode(x=x, y=y, color=colour)
    if band is None:
        return _svg(lines.properties(width=width, height=300))
    area = (
        alt.Chart(band.dropna())
        .mark_area(color=ACCENT, opacity=0.15)
        .encode(x=x, y=alt.Y("low:Q", title=axis), y2="high:Q")
    )
    return _svg(alt.layer(area, lines).properties(width=width, height=300))


def column_plot(
    columns: Sequence[Dot], *, axis: str, title: str, number: str, reference: float, width: int
) -> str:
    """Columns with intervals in the given order, and a dashed line across.

    Args:
        columns: at least one; an interval may be missing (NaN). The panel is not used.
        axis: title of the value axis, with its unit.
        title: of the axis of the rows.
        number: d3 format of the value axis.
        reference: value of the dashed line.
        width: of the plot, in pixels.
    """
    data = pd.DataFrame(columns, columns=list(Dot._fields))
    label = alt.X("row:N", sort=list(data["row"]), title=title, axis=alt.Axis(labelAngle=0))
    base = alt.Chart(data).encode(x=label)
    bars = base.mark_bar(color=ACCENT, opacity=0.55).encode(
        y=alt.Y("value:Q", title=axis, axis=alt.Axis(format=number, tickCount=_TICKS))
    )
    whiskers = (
        alt.Chart(data.dropna(subset=["low", "high"]))
        .mark_rule(color=INK, strokeWidth=1.5)
        .encode(x=label, y="low:Q", y2="high:Q")
    )
    line = alt.Chart(pd.DataFrame({"value": [reference]}))
    across = line.mark_rule(color=TRUTH, strokeDash=[4, 3]).encode(y="value:Q")
    return _svg(alt.layer(bars, whiskers, across).properties(width=width, height=300))


def agreement_plot(points: pd.DataFrame, *, predicted: str, measured: str, width: int) -> str:
    """Measured values with intervals against predicted ones, over the line on which both are the same.

    Args:
        points: columns predicted, value, low, high; an interval may be missing (NaN).
        predicted: title of the horizontal axis.
        measured: title of the vertical axis.
        width: of the plot, in pixels.
    """
    ends = [float(points["predicted"].min()), float(points["predicted"].max())]
    diagonal = alt.Chart(pd.DataFrame({"predicted": ends, "value": ends}))
    x = alt.X(
        "predicted:Q",
        title=predicted,
        scale=alt.Scale(zero=False, padding=12),
        axis=alt.Axis(tickCount=_TICKS),
    )
    y = alt.Y("value:Q", title=measured, scale=alt.Scale(zero=False))
    line = diagonal.mark_line(color=TRUTH, strokeDash=[4, 3], strokeWidth=1.5).encode(x=x, y=y)
    base = alt.Chart(points)
    whiskers = (
        alt.Chart(points.dropna(subset=["low", "high"]))
        .mark_rule(color=ACCENT, strokeWidth=2)
        .encode(x=x, y=alt.Y("low:Q", title=measured), y2="high:Q")
    )
    dots = base.mark_point(color=ACCENT, filled=True, size=70, opacity=1).encode(x=x, y=y)
    return _svg(alt.layer(line, whiskers, dots).properties(width=width, height=300))


def line_plot(points: pd.DataFrame, *, axis: str, number: str, height: int = 150) -> str:
    """Values over days, a line per name; a missing value is a gap.

    Args:
        points: columns line, day (ISO date) and value; at most six lines.
        axis: title of the value axis.
        number: d3 format of the value axis.
        height: of the plot, in pixels.
    """
    lines = list(dict.fromkeys(points["line"]))
    day = pd.to_datetime(points["day"], utc=True)
    data = points.assign(day=day.dt.strftime("%Y-%m-%dT00:00:00Z"))
    x = alt.X(
        "day:T",
        title=None,
        scale=alt.Scale(type="utc"),
        axis=alt.Axis(format="%Y-%m-%d", tickCount=_TICKS, labelOverlap=True),
    )
    y = alt.Y("value:Q", title=axis, axis=alt.Axis(format=number, tickCount=4))
    colour = alt.Color(
        "line:N",
        sort=lines,
        scale=alt.Scale(domain=lines, range=[ACCENT, TRUTH, INK, MUTED, "#7b5ea7", "#4d7c0f"]),
        legend=alt.Legend(title=None, orient="right", labelLimit=200) if len(lines) > 1 else None,
    )
    # a dot as well: a day between two gaps has no line
    mark = alt.Chart(data).mark_line(
        strokeWidth=1.5, invalid="break-paths-show-path-domains", point={"size": 12}
    )
    return _svg(mark.encode(x=x, y=y, color=colour).properties(width=620, height=height))


def week_plot(points: pd.DataFrame, *, axis: str, highlight: Sequence[str]) -> str:
    """Values over weeks, a line per name; the highlighted ones are thicker.

    Args:
        points: columns line, week (whole numbers) and value; at most ten lines.
        axis: title of the value axis, with its unit.
        highlight: lines that the page is about.
    """
    lines = list(dict.fromkeys(points["line"]))
    data = points.assign(mark=points["line"].isin(list(highlight)))
    colour = alt.Color(
        "line:N",
        sort=lines,
        scale=alt.Scale(domain=lines, scheme="tableau10"),
        legend=alt.Legend(title=None, orient="right", labelLimit=200),
    )
    width = alt.condition("datum.mark", alt.value(3.5), alt.value(1.5))
    mark = (
        alt.Chart(data)
        .mark_line()
        .encode(
            x=alt.X("week:Q", title="Week", axis=alt.Axis(tickMinStep=1)),
            y=alt.Y("value:Q", title=axis, axis=alt.Axis(tickCount=_TICKS)),
            color=colour,
            strokeWidth=width,
        )
    )
    return _svg(mark.properties(width=560, height=340))


def bar_plot(bars: pd.DataFrame, *, axis: str, number: str, highlight: Sequence[str] = ()) -> str:
    """Horizontal bars in the given order, with their value beside them.

    Args:
        bars: columns label and value.
        axis: title of the value axis.
        number: d3 format of the values.
        highlight: labels drawn in the accent colour.
    """
    labels = list(bars["label"])
    data = bars.assign(mark=bars["label"].isin(list(highlight)))
    y = alt.Y("label:N", sort=labels, title=None, axis=alt.Axis(labelLimit=240))
    x = alt.X("value:Q", title=axis, axis=alt.Axis(format=number))
    base = alt.Chart(data).encode(y=y, x=x)
    colour = alt.condition("datum.mark", alt.value(ACCENT), alt.value(MUTED))
    text = base.mark_text(align="left", dx=4, color=INK).encode(
        text=alt.Text("value:Q", format=number)
    )
    layered = alt.layer(base.mark_bar().encode(color=colour), text)
    return _svg(layered.properties(width=560, height=alt.Step(26)))


def _svg(chart: Any) -> str:
    styled = (
        chart.configure(font=_FONT, background="white")
        .configure_axis(
            labelColor=INK,
            titleColor=INK,
            gridColor=GRID,
            titleFontWeight="normal",
            labelFontSize=_FONT_SIZE,
            titleFontSize=_FONT_SIZE,
        )
        .configure_legend(labelColor=INK, labelFontSize=_FONT_SIZE)
        .configure_view(stroke=None)
        .configure_header(labelColor=INK, labelFontWeight="bold")
    )
    sink = io.StringIO()
    styled.save(sink, format="svg")
    return sink.getvalue()
