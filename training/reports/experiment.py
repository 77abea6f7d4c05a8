"""The page of a measured experiment, from its stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.reports.charts import Dot, dot_plot
from training.reports.experiment_tables import (
    checks_table,
    days_table,
    effects_table,
    levels_table,
    ratios_table,
    segments_table,
)
from training.reports.experiment_words import change, interval_text, population, relative, with_unit
from training.reports.funnel_tables import (
    attributed_table,
    channels_table,
    cohorts_table,
    exposure_table,
    funnel_table,
    reach_table,
    tiers_table,
)
from training.reports.page import Said, number, percent, render_page, trusted_svg
from training.reports.quality import feed_table
from training.reports.table import Table

_ESTIMAND: Final = "Intention to treat: everybody assigned is counted, whether or not the treatment reached them. Intervals are 95 %."
_MOST_LEVELS: Final = 24
"""Segments drawn; all of them are in the table."""


def experiment_page(found: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        found: content of `lift.json`.
    """
    headlines = [effect for effect in found["effects"] if effect["headline"]]
    primary = [effect for effect in headlines if effect["primary"]]
    return render_page(
        "experiment.html.j2",
        {
            "title": f"What {' and '.join(found['arms'][1:])} changed",
            "lead": f"{number(found['rows'])} assigned rows, {number(found['units'])} independent units, "
            f"compared with '{found['arms'][0]}'. {_ESTIMAND}",
            "sentences": [
                *(_sentence(effect, found["effects"]) for effect in primary),
                *(
                    _anyway(rule)
                    for rule in found["attributed"]
                    if rule["anyway"]["low"] is not None
                ),
            ],
            "notice": found["notice"],
            "declared": _declared(found["design"]),
            "plots": _effect_plots(headlines),
            "tabs": _tabs(found),
        },
    )


def _tabs(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Parts of the page by name, those without content left out."""
    parts: list[tuple[str, list[dict[str, Any]], list[Table]]] = [
        (
            "Effects",
            [],
            [
                effects_table(found["effects"]),
                levels_table(found["levels"]),
                ratios_table(found["ratios"]),
            ],
        ),
        (
            "Funnel",
            [],
            [
                tiers_table(found.get("tiers", [])),
                funnel_table(found["funnel"]),
                reach_table(found["reach"]),
                *map(exposure_table, found["exposure"]),
                cohorts_table(found.get("cohorts", [])),
                *([feed_table(found["facts"])] if found.get("facts") else []),
            ],
        ),
        (
            "Attribution",
            [],
            [attributed_table(found["attributed"]), channels_table(found.get("channels", []))],
        ),
        ("Segments", _segment_plots(found), [segments_table(found["segments"])]),
        ("Days", _day_plots(found), [days_table(part) for part in found["days"]]),
        ("Checks", [], [checks_table(found["checks"])]),
    ]
    shown = [(name, plots, [one for one in tables if one.rows]) for name, plots, tables in parts]
    return [
        {"name": name, "plots": plots, "tables": tables}
        for name, plots, tables in shown
        if plots or tables
    ]


def _sentence(effect: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> Said:
    lift = effect["lift"]
    told = lift["low"] is not None and (lift["low"] > 0 or lift["high"] < 0)
    verdict = "" if told else " This is not told from no change."
    share = "" if lift["relative"] is None else f", {relative(lift)} of what it is without"
    adjusted = "" if effect["p_holm"] is None else f"; p {effect['p_holm']:.2g} after Holm"
    return Said(
        f"{effect['treated']} changed {effect['outcome'].replace('_', ' ')} by {change(effect)} per row"
        f" ({interval_text(effect)}{share}{adjusted}).{verdict}{_in_all(effect)}{_whole(effect, others)}",
        population(lift),
    )


def _in_all(effect: Mapping[str, Any]) -> str:
    """The difference summed over the treated rows, where that is money or another amount with a unit."""
    lift = effect["lift"]
    if not effect["unit"] or effect["kind"] != "continuous" or lift["low"] is None:
        return ""
    total, low, high = (lift[name] * lift["n_treated"] for name in ("effect", "low", "high"))
    name = effect["outcome"].replace("_", " ")
    won = " that would not have come otherwise" if low > 0 else ""
    return (
        f" Over its {number(lift['n_treated'])} treated rows that is {with_unit(f'{total:+,.0f}', effect['unit'])} of {name}{won} "
        f"({low:+,.0f} to {high:+,.0f})."
    )


def _whole(effect: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    """The figure of whole values, where the headline is of capped ones."""
    same = ("treated", "outcome", "method")
    found = [
        other
        for other in others
        if other["cap"] is None and all(other[key] == effect[key] for key in same)
    ]
    if effect["cap"] is None or not found:
        return ""
    return f" Values count up to {number(effect['cap'])}; whole: {change(found[0])} ({interval_text(found[0])})."


def _anyway(rule: Mapping[str, Any]) -> Said:
    share = rule["anyway"]
    ends = f"{percent(share['low'], 0)} to {percent(share['high'], 0)}"
    return Said(
        f"Of {number(rule['conversions'])} conversions that {rule['rule']} credits to {rule['treated']}, {percent(share['value'], 0)} would "
        f"have happened anyway (95 % interval {ends}).",
        rule["convention"],
    )


def _declared(design: Mapping[str, Any]) -> str:
    caps = {
        name: outcome["cap"]
        for name, outcome in design["outcomes"].items()
        if outcome.get("cap") is not None
    }
    text = f"Declared before looking: primary outcomes {', '.join(design['primary'])}; headline estimate {design['method']}"
    if caps:
        text += "; values count up to " + ", ".join(
            f"{number(cap)} for {name}" for name, cap in caps.items()
        )
    if design["planned_rows"] is not None:
        text += f"; planned to end at {number(design['planned_rows'])} rows"
    return text + "."


def _effect_plots(headlines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    dots = [
        Dot(
            effect["outcome"].replace("_", " "),
            effect["treated"],
            effect["lift"]["relative"],
            effect["lift"]["relative_low"],
            effect["lift"]["relative_high"],
        )
        for effect in headlines
        if None
        not in (effect["lift"][key] for key in ("relative", "relative_low", "relative_high"))
    ]
    if not dots:
        return []
    chart = dot_plot(dots, axis="change relative to the control", number="+.0%", reference=0.0)
    return [_plot(chart, "Headline effects relative to the control's mean, with 95 % intervals.")]


def _segment_plots(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    shown = [part for part in found["segments"] if part["lift"] is not None]
    dots = [
        Dot(
            f"{part['segment']} {part['level']}",
            part["treated"],
            part["lift"]["effect"],
            part["lift"]["low"],
            part["lift"]["high"],
        )
        for part in shown[:_MOST_LEVELS]
    ]
    if not dots:
        return []
    chart = dot_plot(
        dots, axis=f"change of {shown[0]['outcome']} per row", number="+.3~g", reference=0.0
    )
    return [
        _plot(
            chart,
            "The first primary outcome by what was known before assignment. Intervals are not adjusted for looking at many; "
            "the p-values in the table are.",
        )
    ]


def _day_plots(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    plots = []
    for part in found["days"]:
        whole = part["planned_rows"] is not None
        low, high = ("valid_low", "valid_high") if whole else ("low", "high")
        dots = [
            Dot(
                f"day {day['day']}",
                part["treated"],
                day["so_far"]["effect"],
                day[low] if whole else day["so_far"][low],
                day[high] if whole else day["so_far"][high],
            )
            for day in part["days"]
            if day["so_far"] is not None and (not whole or day[low] is not None)
        ]
        if dots:
            chart = dot_plot(
                dots, axis=f"change of {part['outcome']} per row", number="+.3~g", reference=0.0
            )
            plots.append(_plot(chart, f"Up to and with each day, {_ALWAYS if whole else _ONCE}"))
    return plots


_ALWAYS: Final = "with intervals that hold at all days together, however often one looks."
_ONCE: Final = "with intervals that hold for one look at one day; do not stop by them."


def _plot(chart: str, caption: str) -> dict[str, Any]:
    return {"chart": trusted_svg(chart), "caption": caption}
