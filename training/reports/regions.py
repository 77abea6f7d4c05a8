"""The pages of a test on regions, before and after it, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from training.reports.experiment_words import with_unit
from training.reports.page import UNKNOWN, Said, number, percent, render_page, significant
from training.reports.table import Cell, Table, figure, row

_METHODS: Final = {
    "synthetic_control": "synthetic control",
    "difference_in_differences": "difference in differences",
}


_ALARM: Final = 0.05


def region_page(found: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        found: content of `lift.json` of a test on regions.
    """
    periods = (
        f"{found['treated']} of {found['regions']} regions treated by lot, {found['days_after']} days measured, "
        f"{found['days_before']} days before; {number(found['possible'])} assignments were possible"
    )
    return _page(
        "What a test on regions changed",
        periods,
        [_said(effect, periods) for effect in found["effects"] if effect["headline"]],
        "Headline declared beforehand: " + _METHODS[found["design"]["method"]] + ".",
        {
            "Effects": [_effects(found["effects"], periods), _checks(found["checks"])],
            "Controls": [_weights(found["weights"])] if found["weights"] else [],
            "Days": [_days(found["days"])],
        },
    )


def region_design_page(found: Mapping[str, Any]) -> str:
    """One self-contained HTML page.

    Args:
        found: content of `design.json` of a test on regions.
    """
    declared = found["declared"]
    lead = (
        f"Tried on {number(found['days'])} days of {number(len(found['lot']))} regions; {number(found['possible'])} assignments are "
        f"possible; {percent(declared['power'], 0)} power, {percent(declared['alpha'], 0)} two-sided"
    )
    return _page(
        "What a test on regions could find",
        lead,
        [Said(plan["sentence"], lead) for plan in found["plans"]],
        f"Lot drawn with the salt '{declared['salt']}'.",
        {"Lengths": [_plans(found["plans"])], "Regions": [_lot(found["lot"])]},
    )


def _page(
    title: str, lead: str, sentences: Sequence[Said], declared: str, tabs: Mapping[str, list[Table]]
) -> str:
    return render_page(
        "experiment.html.j2",
        {
            "title": title,
            "lead": f"{lead}.",
            "sentences": sentences,
            "declared": declared,
            "notice": "",
            "plots": [],
            "tabs": [
                {"name": name, "plots": [], "tables": tables}
                for name, tables in tabs.items()
                if tables
            ],
        },
    )


def _end(value: float | None) -> str:
    return "no end" if value is None else f"{100 * value:+.1f} %"


def _lift(lift: Mapping[str, Any]) -> str:
    return f"{100 * lift['relative']:+.1f} % [{_end(lift['low'])}, {_end(lift['high'])}]"


def _total(effect: Mapping[str, Any]) -> str:
    """What was won in all, with the ends of its interval."""
    ends = [
        "no end" if effect[end] is None else significant(effect[end], sign="+")
        for end in ("total_low", "total_high")
    ]
    return f"{with_unit(significant(effect['total'], sign='+'), effect['unit'])} [{ends[0]}, {ends[1]}]"


def _said(effect: Mapping[str, Any], periods: str) -> Said:
    lift, unit = effect["lift"], effect["unit"]
    total = with_unit(significant(effect["total"], sign="+"), unit)
    told = lift["p_value"] <= _ALARM
    text = (
        f"In the treated regions {effect['outcome'].replace('_', ' ')} changed by {_lift(lift)} against what it would have been: "
        f"{total} in all (p {lift['p_value']:.3g}).{'' if told else ' This is not told from no change.'}"
    )
    return Said(text, f"{periods}; {effect['convention']}")


def _effects(effects: Sequence[Mapping[str, Any]], periods: str) -> Table:
    rows = []
    for effect in effects:
        lift, unit = effect["lift"], effect["unit"]
        told = f"{periods}; {effect['convention']}"
        holm = effect["p_holm"]
        rows.append(
            row(
                effect["outcome"] + (" (primary)" if effect["primary"] else ""),
                Cell(_METHODS[effect["method"]], effect["convention"]),
                figure(with_unit(significant(effect['before']), unit), effect["before"], told=told),
                figure(with_unit(significant(effect['after']), unit), effect["after"], told=told),
                figure(_lift(lift), lift["relative"], told=told, low=lift["low"], high=lift["high"]),
                figure(_total(effect), effect["total"], told=told,
                       low=effect["total_low"], high=effect["total_high"]),
                figure(f"{lift['p_value']:.3g}", lift["p_value"], told=f"share of {number(lift['assignments'])} assignments"),
                figure(UNKNOWN if holm is None else f"{holm:.3g}", holm, told=told),
                figure(f"{effect['fit']:.4f}", effect["fit"], told="of daily levels, over the regions' own means"),
                mark="chosen" if effect["headline"] else "",
            )
        )  # fmt: skip
    return Table(
        "Every estimate of every outcome",
        ("Outcome", "Without the treatment by", "Per region and day before", "After the start", "Lift [95 %]", "Won in all [95 %]", "p",
         "Holm p", "Misfit before"),
        tuple(rows),
        "Bold: the headline declared beforehand. The interval holds every lift that the assignments possible do not refuse at 5 %; it assumes "
        "the same share in every treated region, and that controls are not touched by the treatment of others.",
    )  # fmt: skip


def _weights(weights: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "What stands for the treated regions",
        ("Outcome", "Control", "Share"),
        tuple(
            row(one["outcome"], one["region"], figure(percent(one["weight"]), one["weight"]))
            for one in weights
        ),
        "Shares sum to 100 %; controls below 0.1 % are left out.",
        {
            "Share": "weight of the control region in the synthetic control, fitted on the days before"
        },
    )


def _days(days: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "By day",
        ("Outcome", "Day", "Treated", "Without", "Difference", "Placebos, 2.5 % to 97.5 %"),
        tuple(
            row(
                one["outcome"],
                one["day"],
                figure(f"{one['treated']:.3f}", one["treated"]),
                figure(f"{one['without']:.3f}", one["without"]),
                figure(f"{one['gap']:+.3f}", one["gap"]),
                f"{one['placebo_low']:+.3f} to {one['placebo_high']:+.3f}",
            )
            for one in days
        ),
        "Levels over the regions' own means before the start. Placebos: the same difference for the other assignments that the lot could "
        "have made.",
        dict.fromkeys(
            ("Treated", "Without", "Difference"),
            "mean over the treated regions of the day's outcome over the region's own mean before the start",
        ),
    )


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "May this be read?",
        ("Check", "", "Found"),
        tuple(
            row(
                check["name"],
                "passed" if check["passed"] else "warning",
                check["found"],
                mark="" if check["passed"] else "bad",
            )
            for check in checks
        ),
        "A gate that fails withholds every result. The test of the period before warns at p < 0.05: it does in one of twenty good tests.",
    )


def _plans(plans: Sequence[Mapping[str, Any]]) -> Table:
    tried = "share of the assignments possible, each in turn the real one, on the last days of the history"
    return Table(
        "What could be found",
        ("Outcome", "Days", "Estimate", "Wanted", "Smallest found", "Power for the wanted", "False alarms"),
        tuple(
            row(
                plan["outcome"],
                figure(str(plan["test_days"]), plan["test_days"], told="length of the test"),
                _METHODS[plan["method"]],
                figure(percent(plan["wanted"]), plan["wanted"], told="relative to what would have been"),
                figure(percent(plan["detectable"]), plan["detectable"], told=tried),
                figure(percent(plan["power"], 0), plan["power"], told=tried),
                figure(percent(plan["false_alarms"]), plan["false_alarms"], told=tried),
                mark="chosen" if plan["answers"] else "",
            )
            for plan in plans
        ),
        "Bold: finds what is wanted. The last days of the history stand for the test, with the lift laid over the treated regions.",
    )  # fmt: skip


def _lot(lot: Sequence[Mapping[str, Any]]) -> Table:
    return Table(
        "The lot",
        ("Region", "Group", "Arm"),
        tuple(
            row(
                one["region"],
                figure(str(one["group"]), one["group"], told="regions of a group are alike"),
                one["arm"],
            )
            for one in lot
        ),
        "Group -1: left out, as the smallest regions make no whole group.",
    )
