"""The plots of an uplift evaluation as SVG, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd

from features import columns as c
from training.reports.charts import Dot, agreement_plot, column_plot, dot_plot, share_plot
from training.reports.page import percent

WIDTH: Final = 400
"""Pixels of a plot: two fit beside each other."""

OWN, BASELINE, RANDOM = "ranked by uplift", "ranked by expected outcome", "random order"
_RANKINGS: Final = {"uplift": OWN, "expected outcome": BASELINE}


class UpliftChart(NamedTuple):
    """A plot.

    Attributes:
        svg: the drawing.
        caption: what it shows and how to read it.
    """

    svg: str
    caption: str


def uplift_charts(contrast: Mapping[str, Any], curves: pd.DataFrame) -> dict[str, UpliftChart]:
    """Every plot of one contrast by name: gain, toc, deciles, calibration, treated_share, and profit with economics.

    Args:
        contrast: entry of `contrasts` in `metrics.json`.
        curves: its rows of `curves.parquet`.
    """
    charts = {
        "gain": _gain(contrast, curves),
        "toc": _toc(contrast, curves),
        "deciles": _deciles(contrast),
        "calibration": _calibration(contrast),
        "treated_share": _treated_share(contrast["test"]["treated_share"]),
    }
    if contrast["test"]["best_share"] is not None:
        charts["profit"] = _profit(contrast["test"], contrast["currency"])
    return charts


def _gain(contrast: Mapping[str, Any], curves: pd.DataFrame) -> UpliftChart:
    average = contrast["test"]["average_effect"]["value"]
    own = curves[curves[c.RANKED_BY] == "uplift"]
    band = pd.DataFrame({"share": own[c.TREATED_SHARE], "low": own[c.LOW], "high": own[c.HIGH]})
    lines = pd.concat([_start(), _lines(curves, c.GAIN), _straight(0.0, average)])
    svg = share_plot(
        lines, axis=f"Incremental {contrast['outcome']} per row", band=band, width=WIDTH
    )
    return UpliftChart(
        svg,
        "Qini curve: what is gained by contacting the best-ranked share, with its pointwise 95 % interval. Above the line of "
        "a random order = the ranking finds people who change.",
    )


def _toc(contrast: Mapping[str, Any], curves: pd.DataFrame) -> UpliftChart:
    lines = pd.concat([_lines(curves, c.TOC), _straight(0.0, 0.0)])
    lines = lines[(lines["share"] >= _FIRST) | (lines["ranking"] == RANDOM)]
    svg = share_plot(lines, axis=f"Effect on {contrast['outcome']} above average", width=WIDTH)
    return UpliftChart(
        svg,
        "Targeting curve (TOC): effect inside the best-ranked share minus the average effect, from "
        f"{percent(_FIRST, 0)} on; a random order has 0 everywhere.",
    )


_FIRST: Final = 0.05
"""The targeting curve of fewer people is nearly all noise."""


def _deciles(contrast: Mapping[str, Any]) -> UpliftChart:
    test = contrast["test"]
    columns = [
        Dot(str(item["bin"]), "", *known(item["effect"], "value", "low", "high"))
        for item in test["bins"]
    ]
    svg = column_plot(
        columns,
        axis=f"Effect on {contrast['outcome']}",
        title="Tenth of the rows by predicted uplift, 1 = highest",
        number="+.3~f",
        reference=test["average_effect"]["value"],
        width=WIDTH,
    )
    return UpliftChart(
        svg,
        "Measured effect by decile of predicted uplift with 95 % intervals; dashed: the average effect. A ranking that works "
        "falls from left to right.",
    )


def _calibration(contrast: Mapping[str, Any]) -> UpliftChart:
    slope = contrast["test"]["calibration"]["slope"]
    points = pd.DataFrame(
        [
            (item["score_mean"], *known(item["effect"], "value", "low", "high"))
            for item in contrast["test"]["bins"]
        ],
        columns=["predicted", "value", "low", "high"],
    )
    svg = agreement_plot(
        points, predicted="Predicted uplift", measured="Measured effect", width=WIDTH
    )
    words = "every row has the same prediction"
    if slope["value"] is not None:
        words = f"slope {slope['value']:.2f} [{slope['low']:.2f}, {slope['high']:.2f}]"
    return UpliftChart(
        svg,
        f"Calibration by decile: right predictions lie on the dashed line ({words}; 1 = differences of the right size, "
        "below 1 = exaggerated).",
    )


def _treated_share(check: Mapping[str, Any]) -> UpliftChart:
    bins = zip(
        check["n_rows"],
        check["observed"],
        check["expected"],
        check["low"],
        check["high"],
        strict=True,
    )
    dots = [
        Dot(f"{k} ({rows:,} rows)", "", due / rows, low, high, seen / rows)
        for k, (rows, seen, due, low, high) in enumerate(bins, start=1)
    ]
    svg = dot_plot(dots, axis="Share treated", number=".1%", width=WIDTH - 70)
    verdict = "passed" if check["passed"] else "failed"
    return UpliftChart(
        svg,
        "Treated share by decile of predicted uplift: diamonds what was found, lines where 95 % of shares lie when the score is "
        f"blind to the assignment. Test {verdict}: chi-square {check['chi2']:.1f}, {check['df']} degrees of freedom, "
        f"p {check['p_value']:.3f}.",
    )


def _profit(test: Mapping[str, Any], currency: str) -> UpliftChart:
    own, other = test["best_share"], test["baseline_best_share"]
    lines = [
        pd.DataFrame({"share": best["shares"], "value": best["curve"], "ranking": ranking})
        for best, ranking in ((own, OWN), (other, BASELINE))
    ]
    band = pd.DataFrame(
        {"share": own["shares"], "low": own["curve_low"], "high": own["curve_high"]}
    )
    svg = share_plot(
        pd.concat([*lines, _straight(0.0, own["curve"][-1])]),
        axis=f"Profit per row over contacting nobody, {currency}",
        band=band,
        width=WIDTH,
    )
    return UpliftChart(
        svg,
        "Profit curve: worth of contacting the best-ranked share less its cost, with the pointwise 95 % interval. Most "
        f"profitable share {percent(own['share'], 0)} [{percent(own['share_low'], 0)}, {percent(own['share_high'], 0)}].",
    )


def _lines(curves: pd.DataFrame, value: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "share": curves[c.TREATED_SHARE],
            "value": curves[value],
            "ranking": curves[c.RANKED_BY].map(_RANKINGS),
        }
    )


def _start() -> pd.DataFrame:
    """Nobody contacted, nothing gained."""
    return pd.DataFrame({"share": 0.0, "value": 0.0, "ranking": [OWN, BASELINE]})


def _straight(first: float, last: float) -> pd.DataFrame:
    return pd.DataFrame({"share": [0.0, 1.0], "value": [first, last], "ranking": RANDOM})


def known(figure: Mapping[str, Any], *names: str) -> list[float]:
    """Numbers of a stored figure, NaN where it has none: too few rows or outcomes for it."""
    return [np.nan if figure[name] is None else figure[name] for name in names]
