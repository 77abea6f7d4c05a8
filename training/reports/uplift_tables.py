"""The tables of an uplift evaluation, from stored figures; nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from training.reports.page import UNKNOWN, number, percent

_TOP: Final = 8
"""Features listed."""

Table = dict[str, Any]
"""title, head, rows and note."""


def uplift_tables(contrast: Mapping[str, Any]) -> list[Table]:
    """Every table of one contrast, an entry of `contrasts` in `metrics.json`; those without content are left out."""
    test = contrast["test"]
    tables = [_rankings(test, contrast["currency"]), _top(test), _segments(test["segments"])]
    if test["policy"] is not None:
        tables.append(_money_table(test["policy"], test["best_share"], contrast["currency"]))
    if contrast["explanation"]["features"]:
        tables.append(_explanation(contrast["explanation"]))
    if contrast["choice"] is not None:
        tables.append(_choice_table(contrast["choice"]))
    if contrast["repeated"]:
        tables.append(_repeated_table(contrast["repeated"]))
    if contrast["screening"]["dropped"]:
        tables.append(_dropped(contrast["screening"]["dropped"]))
    return tables


def interval(estimate: Mapping[str, Any], digits: int) -> str:
    """1.23 [1.01, 1.45]; the value alone where there is no interval."""
    if estimate["value"] is None:
        return UNKNOWN
    if estimate["low"] is None:
        return f"{number(estimate['value'], digits)} [too few outcomes]"
    ends = f"{number(estimate['low'], digits)}, {number(estimate['high'], digits)}"
    return f"{number(estimate['value'], digits)} [{ends}]"


def _rankings(test: Mapping[str, Any], currency: str | None) -> Table:
    rows = [
        ["by uplift", interval(test["qini"], 5), interval(test["autoc"], 5)],
        [
            "by expected outcome without treatment",
            interval(test["baseline_qini"], 5),
            interval(test["baseline_autoc"], 5),
        ],
        ["random order", number(0, 5), number(0, 5)],
        [
            "by uplift minus by expected outcome, paired",
            interval(test["qini_over_baseline"], 5),
            UNKNOWN,
        ],
    ]
    if test["best_share"] is not None:
        profits = [
            _profit(test["best_share"]),
            _profit(test["baseline_best_share"]),
            interval(test["policy"]["contact_all"], 4) + " (everybody)",
            UNKNOWN,
        ]
        rows = [[*row, profit] for row, profit in zip(rows, profits, strict=True)]
    money = [] if test["best_share"] is None else [f"profit per row at its best share, {currency}"]
    return {
        "title": "Rankings beside each other",
        "head": ["ranking", "Qini per head", "AUTOC", *money],
        "rows": rows,
        "note": "Both areas are per head, not divided by anything; ties averaged; 95 % intervals. Ranking by expected outcome is "
        "what a response model does.",
    }


def _profit(best: Mapping[str, Any]) -> str:
    return f"{interval({**best, 'value': best['profit']}, 4)} at {percent(best['share'], 0)}"


def _top(test: Mapping[str, Any]) -> Table:
    return {
        "title": "Best-ranked share",
        "head": ["share", "effect, by uplift", "effect, by expected outcome", "difference, paired"],
        "rows": [
            [
                percent(item["share"], 0),
                *(interval(item[key], 5) for key in ("effect", "baseline", "over_baseline")),
            ]
            for item in test["top"]
        ],
        "note": f"A random order has the average effect, {interval(test['average_effect'], 5)}, at every share.",
    }


def _segments(found: list[Mapping[str, Any]]) -> Table:
    return {
        "title": "Segments",
        "head": ["segment", "tenths", "share of rows", "effect", "outcome without treatment"],
        "rows": [
            [
                item["name"],
                ", ".join(str(k) for k in item["bins"]),
                percent(item["share"]),
                interval(item["effect"], 5),
                number(item["expected_outcome"], 4),
            ]
            for item in found
        ],
        "note": "Tenths by predicted uplift, 1 = highest. Names hold for tenths as groups, with Bonferroni's allowance, and say "
        "nothing certain of a person; intervals allow for the tenths having been put together by what they show.",
    }


def _money_table(policy: Mapping[str, Any], best: Mapping[str, Any], currency: str) -> Table:
    return {
        "title": "Worth in money",
        "head": ["rule", "share contacted", f"value per row over contacting nobody, {currency}"],
        "rows": [
            [
                "whoever is predicted to be worth it",
                percent(policy["share"]),
                interval(policy["value"], 4),
            ],
            ["everybody", percent(1.0), interval(policy["contact_all"], 4)],
            ["at random, at the same cost", UNKNOWN, interval(policy["random"], 4)],
            ["difference to everybody, paired", UNKNOWN, interval(policy["over_all"], 4)],
            ["difference to random, paired", UNKNOWN, interval(policy["over_random"], 4)],
            [
                "most profitable share of the ranking",
                f"{percent(best['share'], 0)} [{percent(best['share_low'], 0)}, {percent(best['share_high'], 0)}]",
                interval({**best, "value": best["profit"]}, 4),
            ],
        ],
        "note": "Doubly robust, 95 % intervals. The most profitable share was searched on the same rows: its value is "
        f"corrected for that (uncorrected {number(best['naive'], 4)}) and its interval holds for every share at once.",
    }


def _explanation(explained: Mapping[str, Any]) -> Table:
    return {
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


def _choice_table(choice: Mapping[str, Any]) -> Table:
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


def _repeated_table(repeated: Mapping[str, Any]) -> Table:
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


def _dropped(features: list[Mapping[str, Any]]) -> Table:
    return {
        "title": "Features left out",
        "head": ["feature", "reason", "note"],
        "rows": [[item["name"], item["reason"], item["note"]] for item in features],
        "note": "No model saw these columns.",
    }
