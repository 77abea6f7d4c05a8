"""The model card and the plots of a recommender training, from its stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from training.reports.charts import Dot, dot_plot, line_plot
from training.reports.page import UNKNOWN, number, percent

_DIGITS: Final = 4
_LINES: Final = 6
_CONVENTIONS: Final = (
    "Relevance is binary: an item wanted in the test, in a list of {k}. nDCG has its ideal over min(k, relevant items); recall "
    "is hits over relevant items; each value is the mean over {unit}. Intervals: {level} bootstrap over persons, all lists of a "
    "person drawn together."
)
_MISUSE: Final = (
    "claims of what showing these lists sells (ranking what is bought anyway is not effect: that takes a randomised test); "
    "statements about single persons; shops, catalogues or times unlike those of the data; comparing scores between persons"
)


def history_card(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """The card of a recommender trained on a project's histories, by heading.

    Args:
        metrics: content of `metrics.json`.
        config: of the training.
    """
    champion, k = _champion(metrics), config["k"]
    weeks = metrics["populations"]
    first, last = weeks[0], weeks[-1]
    novel = champion["metrics"][f"ndcg_at_{k}.novel"]["estimate"]
    return {
        "Model": _model(champion["kind"], champion["chosen"]),
        "Data": f"{number(metrics['interactions'])} weighted events on {number(metrics['items'])} items before "
        f"{metrics['as_of']}; the registered model is fitted on all of them",
        "Population": f"persons with a relevant item after a cut-off: {number(sum(w['with_all'] for w in weeks))} (person, "
        f"cut-off) pairs, {number(sum(w['cold_persons'] for w in weeks))} of them without any history; "
        f"{number(sum(w['unseen_pairs'] for w in weeks))} of {number(sum(w['pairs'] for w in weeks))} wanted items were unknown "
        "to every model",
        "Protocol": f"fitted before {first['cutoff']}, judged on {len(weeks)} cut-offs until {last['cutoff']}: "
        f"{' or '.join(config['target_events'])} of the next {config['horizon_days']} days, repeats allowed; settings and champion "
        f"chosen on earlier weeks ({', '.join(metrics['validation_cutoffs'])})",
        "Metrics": _metric_table(champion["metrics"])
        + "\n\n"
        + _CONVENTIONS.format(
            k=k, unit="(person, cut-off) pairs", level=percent(config["level"], 0)
        ),
        "Beside the others": _others(metrics, f"ndcg_at_{k}.all"),
        "Known gaps": f"{percent(champion['coverage'])} of the items appear in some list, Gini of their exposure "
        f"{number(champion['gini'], 3)} (1 = one item for everybody); what a person never had is found with nDCG "
        f"{number(novel, _DIGITS)}; judged on what people did with "
        "whatever they were shown then, and not by a randomised test of these lists",
        "Must not be used for": _MISUSE,
    }


def flat_card(metrics: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, str]:
    """The card of a recommender trained on flat files; arguments as in `history_card`."""
    champion = _champion(metrics)
    split = config["split"]
    protocol = {
        "random_by_item": f"{percent(split.get('train_share'), 0)} of each item's rows train, drawn at random, "
        f"{split.get('seeds')} times; blind to time, so flattering to models that look ahead",
        "next_item": "the next item of every prefix of later sessions",
    }[split["kind"]]
    return {
        "Model": _model(champion["kind"], champion["chosen"][0]),
        "Data": f"{number(metrics['items'])} items; the registered model is fitted on all training rows",
        "Population": f"{number(metrics['lists'])} lists",
        "Protocol": f"{protocol}; items already seen are {'allowed' if config['show_seen'] else 'left out'}; settings chosen inside "
        "the training rows",
        "Metrics": _metric_table(champion["metrics"])
        + "\n\n"
        + _CONVENTIONS.format(k=config["k"], unit="lists", level=percent(config["level"], 0)),
        "Beside the others": _others(metrics, metrics["metric"]),
        "Known gaps": "coverage and exposure are not measured on flat files; persons without training rows are not judged",
        "Must not be used for": _MISUSE,
    }


def recommender_plots(metrics: Mapping[str, Any], metric: str) -> dict[str, str]:
    """SVG plots by file name: every model's metric with its interval, and from histories the nDCG of the best week by week.

    Args:
        metrics: content of `metrics.json`.
        metric: name of the metric, without its targets.
    """
    dots = [
        Dot(_label(model), name.partition(".")[2], found["estimate"], found["low"], found["high"])
        for model in metrics["models"]
        for name, found in model["metrics"].items()
        if name.partition(".")[0] == metric and found["estimate"] is not None
    ]
    plots = {f"{metric}.svg": dot_plot(dots, axis=metric.replace("_", " "), number=".3~f")}
    if "populations" in metrics:
        weeks = [population["cutoff"][:10] for population in metrics["populations"]]
        best = sorted(metrics["models"], key=lambda model: -sum(model["ndcg_by_cutoff"]))
        points = [
            {"line": _label(model), "day": week, "value": value}
            for model in best[:_LINES]
            for week, value in zip(weeks, model["ndcg_by_cutoff"], strict=True)
        ]
        plots["ndcg_by_cutoff.svg"] = line_plot(
            pd.DataFrame(points), axis="nDCG, all targets", number=".3~f", height=260
        )
    return plots


def _champion(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(
        model for model in metrics["models"] if model["kind"] == metrics["champion"]
    )
    return found


def _model(kind: str, settings: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} {value}" for name, value in settings.items() if name != "kind")
    return f"{kind.replace('_', ' ')} ({told})"


def _metric_table(metrics: Mapping[str, Any]) -> str:
    rows = [f"| {name} | {_interval(found)} |" for name, found in metrics.items()]
    return "\n".join(["| metric | mean [interval] |", "|---|---|", *rows])


def _interval(found: Mapping[str, Any]) -> str:
    ends: Sequence[str] = [number(found[end], _DIGITS) for end in ("low", "high")]
    return f"{number(found['estimate'], _DIGITS)} [{', '.join(ends)}]"


def _others(metrics: Mapping[str, Any], metric: str) -> str:
    others = [
        f"{_label(model)} {_interval(model['metrics'][metric])}"
        for model in metrics["models"]
        if model["kind"] != metrics["champion"]
    ]
    return f"{metric}: " + ("; ".join(others) or UNKNOWN)


def _label(model: Mapping[str, Any]) -> str:
    return str(model["kind"]).replace("_", " ")
