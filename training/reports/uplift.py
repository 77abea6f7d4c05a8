"""The page and the model card of an uplift training, from its stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from features import columns as c
from training.reports.page import UNKNOWN, Said, number, percent, render_page, trusted_svg
from training.reports.table import Cell, Row, Table, figure, row
from training.reports.uplift_charts import uplift_charts
from training.reports.uplift_tables import interval, judged_on, uplift_tables

OBSERVATIONAL: Final = (
    "Observational: the treatment was not drawn by lot. Every figure rests on estimated probabilities and on the features; "
    "whatever else steered the treatment is in the figures too."
)


def uplift_page(metrics: Mapping[str, Any], curves: pd.DataFrame) -> str:
    """One self-contained HTML page.

    Args:
        metrics: content of `metrics.json`.
        curves: content of `curves.parquet`.
    """
    contrasts = metrics["contrasts"]
    first = next(iter(contrasts.values()))
    randomised = metrics["design"] == "randomised"
    population = metrics["population"]
    return render_page(
        "uplift.html.j2",
        {
            "title": f"Uplift on {first['outcome']}",
            "lead": f"{number(population['rows'])} assigned rows; rankings are judged on rows that no model has seen.",
            "caution": "" if randomised else OBSERVATIONAL,
            "effects": _effects(metrics, randomised=randomised),
            "verdicts": [
                Said(
                    f"{item['treated']} against {item['control']}, on {number(item['test']['n_rows'])} unseen rows: "
                    f"{item['verdict']}.",
                    judged_on(item["test"]),
                )
                for item in contrasts.values()
            ],
            "contrasts": [
                _contrast(contrast, curves[curves[c.CONTRAST] == name], metrics)
                for name, contrast in contrasts.items()
            ],
            "card": [{"name": name, "text": text} for name, text in model_card(metrics).items()],
        },
    )


def model_card(metrics: Mapping[str, Any]) -> dict[str, str]:
    """What the models are, what they were judged on, and what they must not be used for, by heading."""
    contrasts = list(metrics["contrasts"].values())
    first = contrasts[0]
    arms = ", ".join(f"'{item['treated']}'" for item in contrasts)
    population = metrics["population"]
    return {
        "Population": f"{number(population['rows'])} rows assigned to {arms} or '{first['control']}'"
        + (f", of {number(population['persons'])} persons" if population["persons"] else ""),
        "Estimand": _estimand(metrics, arms),
        "Design": "randomised; known assignment probabilities"
        if metrics["design"] == "randomised"
        else f"{OBSERVATIONAL} {_assignment(metrics)}",
        "Learner": ", ".join(sorted({item["learner"] for item in contrasts})) + _cap(first),
        "Judged on": "; ".join(
            f"'{item['treated']}': {number(item['test']['n_rows'])} test rows, Qini per head "
            f"{interval(item['test']['qini'], 5)}, calibration slope {interval(item['test']['calibration']['slope'], 2)}"
            for item in contrasts
        ),
        "Verdict": "; ".join(f"'{item['treated']}': {item['verdict']}" for item in contrasts),
        "Features": ", ".join(item["feature"] for item in first["explanation"]["features"])
        or "the score is the same for everybody",
        "Must not be used for": "people, treatments, outcomes or times unlike those of the data; statements about single "
        "persons; calling the score a likelihood to respond; "
        + (
            "claims of lift without a new randomised holdout"
            if metrics["design"] == "randomised"
            else "claims that the treatment caused anything: only a randomised test can show that"
        ),
    }


def _cap(contrast: Mapping[str, Any]) -> str:
    cap = contrast["learning_cap"]
    return (
        "" if cap is None else f"; learned from outcomes up to {number(cap)}, judged on whole ones"
    )


def _estimand(metrics: Mapping[str, Any], arms: str) -> str:
    first = next(iter(metrics["contrasts"].values()))
    outcome = f"{first['outcome']} ({first['outcome_kind']})"
    if metrics["design"] == "randomised":
        return (
            f"effect of being assigned to {arms} instead of '{first['control']}' on {outcome}, per row, "
            "whether or not the treatment reached it (intention to treat)"
        )
    return (
        f"difference in {outcome} per row between {arms} and '{first['control']}', adjusted for the features; an effect "
        "only if the features hold everything that steered both treatment and outcome"
    )


def _assignment(metrics: Mapping[str, Any]) -> str:
    """What is known of the assignment: checked against the recorded probabilities, or how far the arms overlap."""
    check = metrics["checks"]["sample_ratio"]
    if check is None:
        return "Probabilities are estimated: " + "; ".join(
            f"'{item['treated']}': {_overlap(item['overlap'])}"
            for item in metrics["contrasts"].values()
        )
    return f"Sample-ratio check passed (chi-square {check['chi2']:.2f}, p {check['p_value']:.3f})."


def _overlap(overlap: Mapping[str, Any]) -> str:
    return (
        f"{percent(overlap['share_clipped'])} of the rows clipped, from {number(overlap['smallest'], 3)} to "
        f"{number(overlap['largest'], 3)}, AUC {number(overlap['auc'], 3)}; {number(overlap['n_treated'])} treated and "
        f"{number(overlap['n_control'])} other rows are worth {number(overlap['effective_treated'], 0)} and "
        f"{number(overlap['effective_control'], 0)} of equal weight"
    )


def _effects(metrics: Mapping[str, Any], *, randomised: bool) -> Table:
    found = metrics["average_effects"]
    return Table(
        "What the treatment changed on average"
        if randomised
        else "Difference between the arms, adjusted for the features",
        ("Treated", "Compared with", "Outcome", "Without", "With", "Difference [95 %]", "Relative [95 %]"),
        tuple(_effect_row(one) for one in found),
        f"Everybody assigned, train and test rows: {found[0]['convention']}. {_assignment(metrics)}",
    )  # fmt: skip


def _effect_row(effect: Mapping[str, Any]) -> Row:
    told = f"everybody assigned, train and test rows: {effect['convention']}"
    relative = Cell(UNKNOWN, told)
    if effect["relative"] is not None:
        low, high = effect["relative_low"], effect["relative_high"]
        relative = figure(
            f"{percent(effect['relative'], 0)} [{percent(low, 0)}, {percent(high, 0)}]",
            effect["relative"],
            told=told,
            low=low,
            high=high,
        )
    return row(
        effect["treated"],
        effect["control"],
        effect["outcome"],
        figure(number(effect["base_mean"], 6), effect["base_mean"], told=told),
        figure(number(effect["treated_mean"], 6), effect["treated_mean"], told=told),
        figure(
            f"{effect['effect']:+.6f} [{effect['low']:+.6f}, {effect['high']:+.6f}]",
            effect["effect"],
            told=told,
            low=effect["low"],
            high=effect["high"],
        ),
        relative,
    )


def _contrast(
    contrast: Mapping[str, Any], curves: pd.DataFrame, metrics: Mapping[str, Any]
) -> dict[str, Any]:
    test = contrast["test"]
    figures = [
        ("average effect on the test rows", test["average_effect"], 5),
        ("Qini per head (random order = 0)", test["qini"], 5),
        ("Qini above ranking by expected outcome, paired", test["qini_over_baseline"], 5),
        ("AUTOC (random order = 0)", test["autoc"], 5),
        ("calibration slope (1 = right size)", test["calibration"]["slope"], 2),
    ]
    if test["policy"] is not None:
        figures.append(
            (
                f"value per row of contacting whoever is worth it, {contrast['currency']}",
                test["policy"]["value"],
                4,
            )
        )
    told = f"{judged_on(test)}; Qini: {metrics['conventions']['qini']}"
    return {
        "title": f"{contrast['treated']} against {contrast['control']}",
        "sentence": Said(
            f"On {number(test['n_rows'])} unseen rows: {contrast['verdict']}.", judged_on(test)
        ),
        "figures": [
            {"label": label, "value": interval(estimate, digits), "told": told}
            for label, estimate, digits in figures
        ],
        "plots": [
            {"chart": trusted_svg(chart.svg), "caption": chart.caption}
            for chart in uplift_charts(contrast, curves).values()
        ],
        "tables": uplift_tables(contrast),
    }
