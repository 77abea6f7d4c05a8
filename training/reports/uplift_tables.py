"""The tables of an uplift evaluation, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.reports.page import UNKNOWN, number, percent
from training.reports.table import Cell, Table, figure, row

_TOP: Final = 8
"""Features listed."""


def uplift_tables(contrast: Mapping[str, Any]) -> list[Table]:
    """Every table of one contrast, an entry of `contrasts` in `metrics.json`; those without content are left out."""
    test = contrast["test"]
    told = judged_on(test)
    tables = [
        _rankings(test, contrast["currency"], told),
        _top(test, told),
        _segments(test["segments"], told),
    ]
    if test["policy"] is not None:
        tables.append(_money_table(test["policy"], test["best_share"], contrast["currency"], told))
    if contrast["explanation"]["features"]:
        tables.append(_explanation(contrast["explanation"]))
    if contrast["tuned"] is not None:
        tables.append(_tuned_table(contrast["tuned"]))
    if contrast["choice"] is not None:
        tables.append(_choice_table(contrast["choice"]))
    if contrast["repeated"]:
        tables.append(_repeated_table(contrast["repeated"]))
    if contrast["screening"]["dropped"]:
        tables.append(_dropped(contrast["screening"]["dropped"]))
    return tables


def judged_on(test: Mapping[str, Any]) -> str:
    """Population and interval of the figures of a test."""
    return f"{number(test['n_rows'])} assigned rows that no model has seen; 95 % interval"


def interval(estimate: Mapping[str, Any], digits: int) -> str:
    """1.23 [1.01, 1.45]; the value alone where there is no interval."""
    if estimate["value"] is None:
        return UNKNOWN
    if estimate["low"] is None:
        return f"{number(estimate['value'], digits)} [too few outcomes]"
    ends = f"{number(estimate['low'], digits)}, {number(estimate['high'], digits)}"
    return f"{number(estimate['value'], digits)} [{ends}]"


def interval_cell(estimate: Mapping[str, Any], digits: int, *, told: str, tail: str = "") -> Cell:
    """An estimate with its interval; what stands behind it is `tail`."""
    return figure(
        interval(estimate, digits) + tail,
        estimate["value"],
        told=told,
        low=estimate["low"],
        high=estimate["high"],
    )


def _rankings(test: Mapping[str, Any], currency: str | None, told: str) -> Table:
    def cells(name: str, *keys: str) -> list[Cell]:
        return [Cell(name), *(interval_cell(test[key], 5, told=told) for key in keys)]

    rows = [
        cells("by uplift", "qini", "autoc"),
        cells("by expected outcome without treatment", "baseline_qini", "baseline_autoc"),
        [Cell("random order"), *(figure(number(0, 5), 0, told="by definition") for _ in range(2))],
        [
            *cells("by uplift minus by expected outcome, paired", "qini_over_baseline"),
            Cell(UNKNOWN),
        ],
    ]
    head = ["Ranking", "Qini per head", "AUTOC"]
    if test["best_share"] is not None:
        head.append(f"profit per row at its best share, {currency}")
        everybody = interval_cell(test["policy"]["contact_all"], 4, told=told, tail=" (everybody)")
        profits = [
            _profit(test["best_share"], told),
            _profit(test["baseline_best_share"], told),
            everybody,
            Cell(UNKNOWN),
        ]
        rows = [[*cells, profit] for cells, profit in zip(rows, profits, strict=True)]
    return Table(
        "Rankings beside each other",
        tuple(head),
        tuple(row(*cells) for cells in rows),
        "Both areas are per head, not divided by anything; ties averaged; 95 % intervals. Ranking by expected outcome is "
        "what a response model does.",
    )


def _profit(best: Mapping[str, Any], told: str) -> Cell:
    tail = f" at {percent(best['share'], 0)}"
    return interval_cell({**best, "value": best["profit"]}, 4, told=told, tail=tail)


def _top(test: Mapping[str, Any], told: str) -> Table:
    return Table(
        "Best-ranked share",
        ("Share", "Effect, by uplift", "Effect, by expected outcome", "Difference, paired"),
        tuple(
            row(
                figure(percent(item["share"], 0), item["share"]),
                *(
                    interval_cell(item[key], 5, told=told)
                    for key in ("effect", "baseline", "over_baseline")
                ),
            )
            for item in test["top"]
        ),
        f"A random order has the average effect, {interval(test['average_effect'], 5)}, at every share.",
    )


def _segments(found: list[Mapping[str, Any]], told: str) -> Table:
    return Table(
        "Segments",
        ("Segment", "Tenths", "Share of rows", "Effect", "Outcome without treatment"),
        tuple(
            row(
                item["name"],
                ", ".join(str(k) for k in item["bins"]),
                figure(percent(item["share"]), item["share"]),
                interval_cell(item["effect"], 5, told=told),
                figure(number(item["expected_outcome"], 4), item["expected_outcome"]),
            )
            for item in found
        ),
        "Tenths by predicted uplift, 1 = highest. A segment is persuadable or harmed where its interval leaves out 0; the "
        "intervals allow for the tenths having been put together by what they show. Names hold for segments as wholes and say "
        "nothing certain of a person.",
        {
            "Share of rows": "of the rows that no model has seen",
            "Outcome without treatment": "mean of the predictions for the rows of the segment",
        },
    )


def _money_table(
    policy: Mapping[str, Any], best: Mapping[str, Any], currency: str, told: str
) -> Table:
    def line(name: str, estimate: Mapping[str, Any], share: Cell | str = UNKNOWN) -> Any:
        return row(name, share, interval_cell(estimate, 4, told=f"{told}; doubly robust"))

    ends = f"{percent(best['share_low'], 0)}, {percent(best['share_high'], 0)}"
    best_share = figure(
        f"{percent(best['share'], 0)} [{ends}]",
        best["share"],
        told=told,
        low=best["share_low"],
        high=best["share_high"],
    )
    return Table(
        "Worth in money",
        ("Rule", "Share contacted", f"value per row over contacting nobody, {currency}"),
        (
            line(
                "whoever is predicted to be worth it",
                policy["value"],
                figure(percent(policy["share"]), policy["share"], told=told),
            ),
            line("everybody", policy["contact_all"], figure(percent(1.0), 1.0)),
            line("at random, at the same cost", policy["random"]),
            line("difference to everybody, paired", policy["over_all"]),
            line("difference to random, paired", policy["over_random"]),
            line(
                "most profitable share of the ranking",
                {**best, "value": best["profit"]},
                best_share,
            ),
        ),
        "Doubly robust, 95 % intervals. The most profitable share was searched on the same rows: its value is "
        f"corrected for that (uncorrected {number(best['naive'], 4)}) and its interval holds for every share at once.",
    )


def _explanation(explained: Mapping[str, Any]) -> Table:
    told = "SHAP values of a boosted imitation of the score"
    return Table(
        "What the score depends on",
        ("Feature", "Mean size", "Share", "Share over folds", "Direction"),
        tuple(
            row(
                item["feature"],
                figure(number(item["mean_size"], 5), item["mean_size"], told=told),
                figure(percent(item["share"], 0), item["share"], told=told),
                figure(
                    f"{percent(item['share_low'], 0)} to {percent(item['share_high'], 0)}",
                    item["share"],
                    told=f"{told}; smallest and largest over the folds",
                    low=item["share_low"],
                    high=item["share_high"],
                ),
                figure(
                    number(item["direction"], 2),
                    item["direction"],
                    told="correlation of the feature with its part of the score, from -1 to 1",
                ),
            )
            for item in explained["features"][:_TOP]
        ),
        f"SHAP values of a boosted imitation of the score (fidelity {percent(explained['fidelity'], 0)}).",
    )


def _tuned_table(entries: list[Mapping[str, Any]]) -> Table:
    gain = "Gain in doubly robust loss"
    return Table(
        "Settings that were tried",
        ("Entry", "Trials", "Stopped early", "Best setting", gain),
        tuple(
            row(
                item["name"],
                figure(number(item["trials"]), item["trials"]),
                figure(number(item["pruned"]), item["pruned"]),
                _setting(item["setting"]),
                figure(f"{item['gain']:+.2e}", item["gain"]),
            )
            for item in entries
        ),
        "The best of several trials flatters itself: what the learner is worth is told by the test rows.",
        {gain: "folds of the train part, against the average effect for everybody"},
    )


def _setting(content: Mapping[str, Any]) -> str:
    """Nested settings on one line, as in a config file."""
    parts = []
    for key, value in content.items():
        if isinstance(value, Mapping):
            parts.append(f"{key}: {{{_setting(value)}}}")
        else:
            parts.append(f"{key}: {value:.4g}" if isinstance(value, float) else f"{key}: {value}")
    return ", ".join(parts)


def _choice_table(choice: Mapping[str, Any]) -> Table:
    return Table(
        "Learners that were tried",
        ("Learner", "Base model", "Effect model", "Gain in doubly robust loss", "Weight"),
        tuple(
            row(
                item["config"]["kind"],
                _base(item["config"]["base"]),
                _base(item["config"].get("effect")),
                figure(f"{item['gain']:+.2e} (se {item['gain_se']:.0e})", item["gain"]),
                figure(number(item["weight"], 2), item["weight"]),
            )
            for item in choice["candidates"]
        ),
        "Out of fold, on the train part, against the average effect for everybody. Differences from the average are "
        f"multiplied by {choice['shrinkage']:.2f}.",
        {
            "Gain in doubly robust loss": "rows of the train part, out of fold, against the average effect for everybody",
            "Weight": "in the score, non-negative; of differences from the average, which are shrunk afterwards",
        },
    )


def _base(config: Mapping[str, Any] | None) -> str:
    if config is None:
        return UNKNOWN
    if config["kind"] == "linear":
        return f"linear, penalty {config['penalty']:g}"
    return f"{config['n_trees']} trees, {config['n_leaves']} leaves"


def _repeated_table(repeated: Mapping[str, Any]) -> Table:
    return Table(
        "Repeated splits",
        ("Figure", "Mean [95 %]", "Sd between splits", "Splits"),
        tuple(
            row(
                name.replace("_", " "),
                interval_cell(
                    {**item, "value": item["mean"]}, 5, told="test rows of every split, corrected"
                ),
                figure(number(item["sd"], 5), item["sd"]),
                figure(str(item["n_splits"]), item["n_splits"]),
            )
            for name, item in repeated.items()
        ),
        "Intervals are corrected for the rows that splits share (Nadeau and Bengio).",
    )


def _dropped(features: list[Mapping[str, Any]]) -> Table:
    return Table(
        "Features left out",
        ("Feature", "Reason", "Note"),
        tuple(row(item["name"], item["reason"], item["note"]) for item in features),
        "No model saw these columns.",
    )
