"""The parts of the project's page on models: recommenders compared, and whether the uplift ranking works; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features import columns as c
from training.reports.charts import Dot, dot_plot, gain_plot
from training.reports.page import p_value, percent, trusted_svg
from training.reports.table import Cell, Row, Table, figure, row
from training.reports.uplift_charts import known


def recommender_section(
    metrics: Mapping[str, Any], config: Mapping[str, Any], *, decision: str
) -> dict[str, Any]:
    """Every recommender beside the others.

    Args:
        metrics: content of `metrics.json` of the training.
        config: of the training.
        decision: what the contest with the version in force decided, in words.
    """
    k, baseline, champion = config["k"], metrics["baseline"], metrics["champion"]
    models = sorted(metrics["models"], key=lambda m: -m["metrics"][f"ndcg_at_{k}.all"]["estimate"])
    names = {"all": "all targets", "repeat": "bought before", "novel": "never bought before"}
    dots = [
        Dot(_label(model["kind"]), names[target], *_ends(model["metrics"][f"ndcg_at_{k}.{target}"]))
        for target in names
        for model in models
    ]
    evaluated = metrics["populations"]
    first = models[0]
    convention = (
        f"Purchases of the next {config['horizon_days']} days at {len(evaluated)} weekly cut-offs "
        f"({evaluated[0]['cutoff'][:10]} to {evaluated[-1]['cutoff'][:10]}), repeats allowed; settings chosen on earlier "
        "weeks; mean over (person, week) pairs with a relevant item; percentile bootstrap over persons; "
        "nDCG binary, ideal over min(k, relevant items); recall = hits over relevant items; coverage and exposure "
        "Gini over all items the model knows."
    )
    return {
        "sentence": f"{_label(champion)} was chosen on earlier validation weeks ({decision}). On the test weeks, "
        f"{_label(first['kind'])} has the highest nDCG@{k}; every model had {config['trials']} settings to choose from.",
        "chart": trusted_svg(dot_plot(dots, axis=f"nDCG@{k}", number=".3~f")),
        "caption": f"nDCG@{k} with 95 % interval, by kind of target. Panels have their own scale.",
        "table": _models(
            models, config, champion=champion, baseline=_label(baseline), told=convention
        ),
    }


def _models(
    models: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    *,
    champion: str,
    baseline: str,
    told: str,
) -> Table:
    k = config["k"]
    head = (
        "Model", f"nDCG@{k} [95 %]", f"Recall@{k}", "Repeat nDCG", "Novel nDCG", f"Against {baseline}", "Holm p", "Coverage", "Gini",
    )  # fmt: skip
    return Table(
        "Recommenders compared",
        head,
        tuple(_model_row(model, k, champion) for model in models),
        told,
        {
            **dict.fromkeys(head[1:6], told),
            "Holm p": "two-sided bootstrap p-value of the difference, after Holm over all models",
            "Coverage": "share of the items the model knows that stand in some list",
            "Gini": "of the exposure of all items the model knows: 1 = one item for everybody",
        },
    )


def _model_row(model: Mapping[str, Any], k: int, champion: str) -> Row:
    metrics, difference = model["metrics"], model["difference"]
    whole, chosen = metrics[f"ndcg_at_{k}.all"], model["kind"] == champion

    def plain(name: str, digits: int = 3) -> Cell:
        found = metrics[name]
        return figure(
            f"{found['estimate']:.{digits}f}",
            found["estimate"],
            low=found["low"],
            high=found["high"],
        )

    against = Cell("baseline")
    if difference is not None:
        against = _bounded(difference, "+.3f")
    return row(
        _label(model["kind"]) + (" (champion)" if chosen else ""),
        _bounded(whole, ".3f"),
        plain(f"recall_at_{k}.all"),
        plain(f"ndcg_at_{k}.repeat"),
        plain(f"ndcg_at_{k}.novel", 4),
        against,
        figure(p_value(model["adjusted_p_value"]), model["adjusted_p_value"]),
        figure(percent(model["coverage"]), model["coverage"]),
        figure(f"{model['gini']:.3f}", model["gini"]),
        mark="chosen" if chosen else "",
    )


def _bounded(found: Mapping[str, Any], form: str) -> Cell:
    estimate, low, high = _ends(found)
    text = f"{estimate:{form}} [{low:{form}}, {high:{form}}]"
    return figure(text, estimate, low=low, high=high)


def uplift_section(metrics: Mapping[str, Any], curves: pd.DataFrame) -> dict[str, Any]:
    """Whether the ranking of people works, on rows the model had not seen.

    Args:
        metrics: content of `metrics.json` of the training.
        curves: content of its `curves.parquet`.
    """
    (name, contrast), *_ = metrics["contrasts"].items()
    test = contrast["test"]
    outcome = contrast["outcome"]
    curves = curves[curves[c.CONTRAST] == name]
    lines = pd.DataFrame(
        {
            "share": curves[c.TREATED_SHARE],
            "gain": curves[c.GAIN],
            "ranking": curves[c.RANKED_BY].map(
                {"uplift": "ranked by uplift", "expected outcome": "ranked by likelihood to buy"}
            ),
        }
    )
    random = pd.DataFrame(
        {
            "share": [0.0, 1.0],
            "gain": [0.0, test["average_effect"]["value"]],
            "ranking": "random order",
        }
    )
    qini, over = test["qini"], test["qini_over_baseline"]
    works = (
        "better than a random order"
        if known(qini, "low")[0] > 0
        else "not distinguishable from a random order"
    )
    return {
        "sentence": f"On {test['n_rows']:,} later assignments that the model had not seen, its ranking is {works}: Qini "
        f"{_words(qini)} per head. Against ranking by likelihood to buy the difference is {_words(over)}.",
        "plots": [
            {
                "chart": trusted_svg(
                    gain_plot(
                        pd.concat([lines, random]),
                        unit=f"Incremental {outcome} per head of the test rows",
                    )
                ),
                "caption": "Qini curve: what is gained by contacting the best-ranked share; above the line of a random "
                "order = the ranking finds people who change.",
            },
            {
                "chart": trusted_svg(
                    dot_plot(
                        _bins(test["bins"]),
                        axis=f"Effect on {outcome}, points",
                        number="+.0f",
                        reference=0,
                    )
                ),
                "caption": "Measured effect by decile of predicted uplift, 95 % intervals where there are outcomes enough; "
                "diamonds: mean predicted uplift.",
            },
        ],
        "convention": f"Learner: {_label(contrast['learner'])}. Qini: {metrics['conventions']['qini']}; errors clustered by "
        "person.",
    }


def _bins(bins: Sequence[Mapping[str, Any]]) -> list[Dot]:
    dots = []
    for item in bins:
        value, low, high = known(item["effect"], "value", "low", "high")
        ends = {"low": low, "high": high}
        dots.append(in_points(f"decile {item['bin']}", value, ends, truth=item["score_mean"]))
    return dots


def in_points(row: str, value: float, interval: Mapping[str, float], *, truth: float) -> Dot:
    """A difference of shares and its reference, in percentage points."""
    return Dot(row, "", 100 * value, 100 * interval["low"], 100 * interval["high"], 100 * truth)


def _label(name: str) -> str:
    return name.replace("_", " ")


def _ends(interval: Mapping[str, float]) -> tuple[float, float, float]:
    return interval["estimate"], interval["low"], interval["high"]


def _words(figure: Mapping[str, float]) -> str:
    value, low, high = known(figure, "value", "low", "high")
    if np.isnan(low):
        return f"{value:+.4f} (too few outcomes for an interval)"
    return f"{value:+.4f} (95 % interval {low:+.4f} to {high:+.4f})"
