"""The page and the model card of an uplift training, from its stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from features import columns as c
from training.reports.charts import Dot, dot_plot, gain_plot
from training.reports.page import UNKNOWN, number, percent, render_page, trusted_svg

_RANKINGS: Final = {"uplift": "ranked by uplift", "expected outcome": "ranked by expected outcome"}
_TOP: Final = 8

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
            "effects_title": "What the treatment changed on average"
            if randomised
            else "Difference between the arms, adjusted for the features",
            "effects": [_effect_row(row) for row in metrics["average_effects"]],
            "effects_note": "Everybody assigned, train and test rows: "
            + metrics["average_effects"][0]["convention"]
            + ". "
            + _assignment(metrics),
            "contrasts": [
                _contrast(name, contrast, curves[curves[c.CONTRAST] == name], metrics)
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
        "Learner": ", ".join(sorted({item["learner"] for item in contrasts})),
        "Judged on": "; ".join(
            f"'{item['treated']}': {number(item['test']['n_rows'])} test rows, Qini per head "
            f"{_interval(item['test']['qini'], 5)}, calibration slope {_interval(item['test']['calibration']['slope'], 2)}"
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


def card_text(metrics: Mapping[str, Any]) -> str:
    """The model card as Markdown."""
    sections = [f"## {name}\n\n{text}\n" for name, text in model_card(metrics).items()]
    return "# Model card\n\n" + "\n".join(sections)


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


def _effect_row(row: Mapping[str, Any]) -> dict[str, str]:
    relative = UNKNOWN
    if row["relative"] is not None:
        ends = f"{percent(row['relative_low'], 0)}, {percent(row['relative_high'], 0)}"
        relative = f"{percent(row['relative'], 0)} [{ends}]"
    return {
        "treated": row["treated"],
        "control": row["control"],
        "outcome": row["outcome"],
        "base": number(row["base_mean"], 6),
        "with_treatment": number(row["treated_mean"], 6),
        "effect": f"{row['effect']:+.6f} [{row['low']:+.6f}, {row['high']:+.6f}]",
        "relative": relative,
    }


def _contrast(
    name: str, contrast: Mapping[str, Any], curves: pd.DataFrame, metrics: Mapping[str, Any]
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
            ("value per row of contacting whoever is worth it", test["policy"]["value"], 4)
        )
    return {
        "title": f"{contrast['treated']} against {contrast['control']}",
        "sentence": f"On {number(test['n_rows'])} unseen rows: {contrast['verdict']}.",
        "figures": [
            {"label": label, "value": _interval(estimate, digits)}
            for label, estimate, digits in figures
        ],
        "plots": _plots(contrast, curves),
        "tables": [*_tables(contrast), _share_table(test)],
        "name": name,
        "convention": metrics["conventions"]["qini"],
    }


def _plots(contrast: Mapping[str, Any], curves: pd.DataFrame) -> list[dict[str, Any]]:
    test, outcome = contrast["test"], contrast["outcome"]
    lines = pd.DataFrame(
        {
            "share": curves[c.TREATED_SHARE],
            "gain": curves[c.GAIN],
            "ranking": curves[c.RANKED_BY].map(_RANKINGS),
        }
    )
    random = pd.DataFrame(
        {
            "share": [0.0, 1.0],
            "gain": [0.0, test["average_effect"]["value"]],
            "ranking": "random order",
        }
    )
    deciles = [_decile(item) for item in test["bins"]]
    return [
        {
            "chart": trusted_svg(
                gain_plot(pd.concat([lines, random]), unit=f"Incremental {outcome} per row")
            ),
            "caption": "What is gained by contacting the best-ranked share; above the line of a random order = the "
            "ranking finds people who change.",
        },
        {
            "chart": trusted_svg(
                dot_plot(deciles, axis=f"Effect on {outcome}", number="+.3f", reference=0)
            ),
            "caption": "Calibration: measured effect by decile of predicted uplift with 95 % intervals; diamonds: mean "
            "predicted uplift. Right predictions lie inside.",
        },
    ]


def _tables(contrast: Mapping[str, Any]) -> list[dict[str, Any]]:
    test = contrast["test"]
    tables = [
        {
            "title": "Best-ranked share",
            "head": ["share", "effect inside", "minus ranking by expected outcome, paired"],
            "rows": [
                [
                    percent(item["share"], 0),
                    _interval(item["effect"], 5),
                    _interval(item["over_baseline"], 5),
                ]
                for item in test["top"]
            ],
            "note": "A random ranking has the average effect at every share.",
        },
        {
            "title": "Segments",
            "head": [
                "segment",
                "bins",
                "share of rows",
                "effect",
                "expected outcome without treatment",
            ],
            "rows": [
                [
                    item["name"],
                    ", ".join(str(k) for k in item["bins"]),
                    percent(item["share"]),
                    _interval(item["effect"], 5),
                    number(item["expected_outcome"], 4),
                ]
                for item in test["segments"]
            ],
            "note": "Names hold for score bins as groups, with Bonferroni's allowance; they say nothing certain of a person.",
        },
    ]
    if test["policy"] is not None:
        tables.append(_money_table(test["policy"], test["best_share"]))
    explained = contrast["explanation"]
    if explained["features"]:
        tables.append(
            {
                "title": "What the score depends on",
                "head": ["feature", "mean size", "share", "share over folds", "direction"],
                "rows": [
                    [
                        item["feature"],
                        number(item["mean_size"], 5),
                        percent(item["share"], 0),
                        f"{percent(item['share_low'], 0)} to {percent(item['share_high'], 0)}",
                        number(item["direction"], 2),
                    ]
                    for item in explained["features"][:_TOP]
                ],
                "note": f"SHAP values of a boosted imitation of the score (fidelity {percent(explained['fidelity'], 0)}).",
            }
        )
    if contrast["choice"] is not None:
        tables.append(_choice_table(contrast["choice"]))
    if contrast["repeated"]:
        tables.append(_repeated_table(contrast["repeated"]))
    if contrast["screening"]["dropped"]:
        tables.append(
            {
                "title": "Features left out",
                "head": ["feature", "reason", "note"],
                "rows": [
                    [d["name"], d["reason"], d["note"]] for d in contrast["screening"]["dropped"]
                ],
                "note": "No model saw these columns.",
            }
        )
    return tables


def _money_table(policy: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": "Worth in money",
        "head": ["rule", "share contacted", "value per row over contacting nobody"],
        "rows": [
            [
                "whoever is predicted to be worth it",
                percent(policy["share"]),
                _interval(policy["value"], 4),
            ],
            ["everybody", percent(1.0), _interval(policy["contact_all"], 4)],
            ["at random, at the same cost", UNKNOWN, _interval(policy["random"], 4)],
            ["difference to everybody, paired", UNKNOWN, _interval(policy["over_all"], 4)],
            ["difference to random, paired", UNKNOWN, _interval(policy["over_random"], 4)],
            [
                "most profitable share of the ranking",
                f"{percent(best['share'], 0)} [{percent(best['share_low'], 0)}, {percent(best['share_high'], 0)}]",
                f"{number(best['profit'], 4)} [{number(best['low'], 4)}, {number(best['high'], 4)}]",
            ],
        ],
        "note": "Doubly robust, 95 % intervals. The most profitable share was searched on the same rows: its value is "
        f"corrected for that (uncorrected {number(best['naive'], 4)}) and its interval holds for every share at once.",
    }


def _choice_table(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": "Learners that were tried",
        "head": ["learner", "base model", "effect model", "gain in doubly robust loss", "weight"],
        "rows": [
            [
                item["config"]["kind"],
                _base(item["config"]["base"]),
                _base(item["config"].get("effect")),
                f"{item['gain']:+.2e} (se {item['gain_se']:.0e})",
                number(item["weight"], 2),
            ]
            for item in choice["candidates"]
        ],
        "note": "Out of fold, on the train part, against the average effect for everybody. Differences from the average are "
        f"multiplied by {choice['shrinkage']:.2f}.",
    }


def _base(config: Mapping[str, Any] | None) -> str:
    if config is None:
        return UNKNOWN
    if config["kind"] == "linear":
        return f"linear, penalty {config['penalty']:g}"
    return f"{config['n_trees']} trees, {config['n_leaves']} leaves"


def _repeated_table(repeated: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": "Repeated splits",
        "head": ["figure", "mean [95 %]", "sd between splits", "splits"],
        "rows": [
            [
                name.replace("_", " "),
                f"{number(item['mean'], 5)} [{number(item['low'], 5)}, {number(item['high'], 5)}]",
                number(item["sd"], 5),
                str(item["n_splits"]),
            ]
            for name, item in repeated.items()
        ],
        "note": "Intervals are corrected for the rows that splits share (Nadeau and Bengio).",
    }


def _share_table(test: Mapping[str, Any]) -> dict[str, Any]:
    check = test["treated_share"]
    rows = zip(check["n_rows"], check["observed"], check["expected"], strict=True)
    return {
        "title": "Treated share by score bin",
        "head": ["bin", "rows", "treated", "expected from the probability"],
        "rows": [
            [str(k), number(n), number(seen), number(due, 1)]
            for k, (n, seen, due) in enumerate(rows, start=1)
        ],
        "note": "A score made of what was known before a random assignment cannot predict it; where probabilities are "
        "estimated, a small p says that they fit badly along the score: chi-square "
        f"{check['chi2']:.1f}, {check['df']} degrees of freedom, p {check['p_value']:.3f}.",
    }


def _interval(estimate: Mapping[str, Any], digits: int) -> str:
    if estimate["value"] is None:
        return UNKNOWN
    ends = f"{number(estimate['low'], digits)}, {number(estimate['high'], digits)}"
    return f"{number(estimate['value'], digits)} [{ends}]"


def _decile(item: Mapping[str, Any]) -> Dot:
    effect = item["effect"]
    row = f"decile {item['bin']}"
    return Dot(row, "", effect["value"], effect["low"], effect["high"], item["score_mean"])
