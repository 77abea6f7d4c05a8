"""The tables of how far a treatment reached and what it did there: exposure, attribution, funnel, reach; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from training.reports.experiment_words import amount, difference, estimate, population
from training.reports.page import UNKNOWN, number, percent, significant
from training.reports.table import Cell, Table, figure, row


def exposure_table(part: Mapping[str, Any]) -> Table:
    """What the treatment did to those it reached, by the assignment and by ghost exposures."""
    rows = []
    stage = part["on_exposed"]
    if stage is not None:
        rows += [
            row("exposed in the treated arm", _share(stage["share_treated"])),
            row("exposed in the control", _share(stage["share_control"])),
            row(
                "effect on those exposed by the assignment",
                estimate(stage["effect"], told=stage["convention"]),
            ),
        ]
    ghosts = part["by_ghosts"]
    if ghosts is not None:
        rows += [
            row("share exposed, or would have been", _share(ghosts["share"])),
            row("effect among them, by ghost exposures", _by_ghosts(ghosts)),
        ]
    return Table(
        f"Those the treatment reached: {part['treated']}, {part['outcome']}",
        ("Figure", "Value [95 %]"),
        tuple(rows),
        "Exposed and unexposed persons are never compared with each other.",
    )


def attributed_table(rules: Sequence[Mapping[str, Any]]) -> Table:
    """What rules would credit, beside what was won."""
    rows = [
        row(
            rule["treated"],
            rule["rule"],
            figure(
                number(rule["conversions"]),
                rule["conversions"],
                told=f"{percent(rule['rate'], 3)} of the treated rows",
            ),
            figure(
                percent(rule["share_of_conversions"]),
                rule["share_of_conversions"],
                told="credited, of all conversions of the treated arm",
            ),
            estimate(rule["incremental"], told=rule["convention"]),
            _quotient(rule["overstatement"], told=rule["convention"]),
            _anyway(rule["anyway"], told=rule["convention"]),
        )
        for rule in rules
    ]
    return Table(
        "What attribution would credit",
        ("Treated", "Rule", "Credited", "Of its conversions", "Incremental per row [95 %]", "Credited over incremental [95 %]",
         "Would have happened anyway [95 %]"),
        tuple(rows),
        "Rules credit conversions after a click or view, whatever caused them. The increment is the experiment's. Withheld where it is "
        "not told from 0.",
    )  # fmt: skip


def channels_table(channels: Sequence[Mapping[str, Any]]) -> Table:
    """What last click credits to each channel in both arms, and how the treatment moves it."""
    rows = [
        row(
            one["treated"],
            one["channel"],
            figure(number(one["conversions_treated"]), one["conversions_treated"], told="conversions of the treated arm"),
            figure(number(one["conversions_control"]), one["conversions_control"], told="conversions of the control"),
            difference(one["lift"], "binary"),
        )
        for one in channels
    ]  # fmt: skip
    window = channels[0]["click_days"] if channels else 0
    return Table(
        "Last click of all channels",
        ("Treated", "Channel", "Credited, treated", "Credited, control", "Change per row, points [95 %]"),
        tuple(rows),
        f"A conversion is credited to the channel of the last click in the {window} days before it. The changes add up to that of conversions: "
        "a channel with a change below 0 loses credit to the treatment.",
    )  # fmt: skip


def tiers_table(levels: Sequence[Mapping[str, Any]]) -> Table:
    """Every outcome by intent tier, a row per tier and arm."""
    outcomes = list(dict.fromkeys(one["outcome"] for one in levels))
    places: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for one in levels:
        places.setdefault((one["tier"], one["arm"]), {})[one["outcome"]] = one
    gross = {one["outcome"] for one in levels if one["kind"] == "incremental_ratio"}
    heads = [name.replace("_", " ") + (", gross" if name in gross else "") for name in outcomes]
    rows = []
    for (tier, arm), found in places.items():
        assigned = found[outcomes[0]]["n_rows"]
        rows.append(
            row(
                tier,
                arm,
                figure(number(assigned), assigned, told="rows assigned to the arm in the tier"),
                *(_tier_level(found[outcome]) for outcome in outcomes),
                mark="chosen" if tier == "all" else "",
            )
        )
    return Table(
        "Funnel in figures: every outcome by intent tier and arm",
        ("Tier", "Arm", "Rows", *heads),
        tuple(rows),
        "Means per assigned row, or ratios of sums, reached or not. Levels, not effects: tiers differ by who is in them. Gross: all of the arm's "
        "numerator over all of its denominator, whatever caused it. A dash: nothing to divide "
        "by, or fewer than 30 rows.",
    )


def _tier_level(found: Mapping[str, Any]) -> Cell:
    level = found["level"]
    if level is None or level["value"] is None:
        return Cell(UNKNOWN)
    kind, unit, low, high = found["kind"], found["unit"], level["low"], level["high"]
    interval = (
        "no interval"
        if low is None
        else f"95 % interval {amount(low, kind, unit)} to {amount(high, kind, unit)}"
    )
    return figure(
        amount(level["value"], kind, unit),
        level["value"],
        told=f"{interval}; {number(found['n_rows'])} rows of {found['arm']} in tier {found['tier']}; mean per row, or ratio of sums with the "
        "delta method",
        low=low,
        high=high,
    )


def cohorts_table(cohorts: Sequence[Mapping[str, Any]]) -> Table:
    """What cohorts brought as time went by, treated beside control."""
    rows = []
    for one in cohorts:
        lift = one["lift"]
        levels = [
            Cell("too few rows, or days not over")
            if lift is None
            else figure(
                amount(lift[name], "continuous", one["unit"]), lift[name], told=population(lift)
            )
            for name in ("base_mean", "treated_mean")
        ]
        rows.append(
            row(
                one["treated"],
                one["cohort"],
                figure(str(one["days"]), one["days"], told="days since assignment"),
                figure(number(one["n_rows"]), one["n_rows"], told="rows of both arms"),
                *levels,
                Cell(UNKNOWN) if lift is None else difference(lift),
                mark="chosen" if one["cohort"] == "all" else "",
            )
        )
    return Table(
        "Value of cohorts as time goes by",
        ("Treated", "Cohort", "Days", "Rows", "Without", "With", "Difference [95 %]"),
        tuple(rows),
        "Value per assigned row within so many days after assignment. A cohort appears once these days are over for all of its rows. Intervals "
        "hold for each line by itself.",
    )


def funnel_table(cells: Sequence[Mapping[str, Any]]) -> Table:
    """Lift by intent tier and impressions, as it is and shrunken."""
    rows = [
        row(
            cell["treated"],
            cell["tier"],
            cell["frequency"],
            figure(number(cell["n_rows"]), cell["n_rows"], told="rows of both arms"),
            difference(cell["lift"]),
            _shrunken(cell),
            mark="chosen" if cell["frequency"] == "all" else "",
        )
        for cell in cells
    ]
    outcome = cells[0]["outcome"] if cells else ""
    return Table(
        f"Funnel: intent tier, impressions and lift of {outcome}",
        ("Treated", "Tier", "Impressions", "Rows", "Difference [95 %]", "Shrunken [95 %]"),
        tuple(rows),
        "Impressions count ghost impressions in the control, so both arms of a cell hold the same kind of rows. Shrunken: moved "
        "towards the mean of all cells as far as the noise of the cell asks for (empirical Bayes, variance between cells by "
        "Paule and Mandel); with fewer than four cells none is moved.",
    )


def reach_table(arms: Sequence[Mapping[str, Any]]) -> Table:
    """How many rows of each arm were reached, and how often."""
    names = sorted(
        {name for arm in arms for name in arm["distribution"]},
        key=lambda name: int(name.split()[0]),
    )
    rows = [
        row(
            arm["arm"],
            figure(number(arm["rows"]), arm["rows"], told="everybody assigned to the arm"),
            figure(
                f"{number(arm['reached'])} ({percent(arm['reached'] / arm['rows'])})",
                arm["reached"],
                told="rows with at least one impression, of everybody assigned to the arm",
            ),
            figure(number(arm["mean"], 2), arm["mean"], told="impressions over reached rows"),
            *(
                figure(
                    number(arm["distribution"][name]),
                    arm["distribution"][name],
                    told=f"rows with {name} impressions: {percent(arm['distribution'][name] / arm['rows'])} of the arm",
                )
                for name in names
            ),
        )
        for arm in arms
    ]
    return Table(
        "Reach and frequency",
        ("Arm", "Rows", "Reached", "Impressions per reached row", *names),
        tuple(rows),
        "Rows by number of impressions; in the control, of ghost impressions.",
    )


def _share(value: float) -> Cell:
    return figure(percent(value, 2), value, told="share of the rows assigned")


def _by_ghosts(ghosts: Mapping[str, Any]) -> Cell:
    if ghosts["effect"] is None:
        p_value = ghosts["sample_ratio"]["p_value"]
        return Cell(
            f"withheld: sample ratio of these rows has p {p_value:.2g}", ghosts["convention"]
        )
    return difference(ghosts["effect"], told=ghosts["convention"])


def _quotient(found: Mapping[str, Any], *, told: str) -> Cell:
    if found["low"] is None:
        return Cell("withheld", told)
    return figure(
        f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]",
        found["value"],
        told=told,
        low=found["low"],
        high=found["high"],
    )


def _anyway(found: Mapping[str, Any], *, told: str) -> Cell:
    if found["low"] is None:
        return Cell(UNKNOWN, told)
    ends = f"{percent(found['low'], 0)}, {percent(found['high'], 0)}"
    return figure(
        f"{percent(found['value'], 0)} [{ends}]",
        found["value"],
        told=told,
        low=found["low"],
        high=found["high"],
    )


def _shrunken(cell: Mapping[str, Any]) -> Cell:
    if cell["shrunken"] is None:
        return Cell(UNKNOWN)
    low, high = cell["shrunken_low"], cell["shrunken_high"]
    return figure(
        f"{significant(cell['shrunken'], sign='+')} [{significant(low, sign='+')}, {significant(high, sign='+')}]",
        cell["shrunken"],
        told="the difference beside it, moved towards the mean of all cells of its family; 95 % interval of the cell's noise and "
        "the mean's, not of the variance between cells",
        low=low,
        high=high,
    )
