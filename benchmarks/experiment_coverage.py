"""How often the 95 % intervals of an experiment hold the truth: `python -m benchmarks.experiment_coverage FILE`.

Simulates experiments in pieces, `--rows N --share S --sets M --seed K`, each of which adds a line to FILE; with `--shop` of the
outcomes that few rows have (conversion, revenue, order value), else of those that all have. Without rows it prints the table of everything in FILE. `--checks` prints how often the sample-ratio check alarms, the variance that CUPED
leaves, and how often daily looks stop a test of nothing.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.experiment_worlds import RHO, intervals, shop_intervals
from training.experiments.checks import SAMPLE_RATIO_ALARM
from training.experiments.effects import ContrastRows, cuped
from training.experiments.sequential import looks_at

DAYS = 60
_SOME, _MOSTLY = 0.005, 0.9
"""Share of intervals withheld from which on it is shown, and from which on it is all there is to show."""


def simulate(*, rows: int, share: float, sets: int, seed: int) -> dict[str, list[int]]:
    """How many intervals held the truth, and how many there were, by figure; a withheld one (NaN) is not counted."""
    rng = np.random.default_rng([seed, rows, round(1000 * share)])
    hits: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for _ in range(sets):
        for name, (low, high, truth) in intervals(rows, share, rng).items():
            given[name] += bool(low <= high)
            hits[name] += bool(low <= truth <= high)
    return {name: [hits[name], given[name]] for name in given}


def simulate_shop(*, rows: int, share: float, sets: int, seed: int) -> dict[str, list[int]]:
    """The same of the outcomes that few rows have."""
    rng = np.random.default_rng([seed, rows, round(1000 * share), 1])
    return {
        name: [int(np.sum((low <= truth) & (truth <= high))), int(np.sum(low <= high))]
        for name, (low, high, truth) in shop_intervals(rows, share, sets, rng).items()
    }


def table(lines: list[str]) -> list[str]:
    """Coverage in percent, one row per figure; in brackets the share withheld for too few outcomes, where it is above 0.5 %."""
    hits: Counter[tuple[str, int, float]] = Counter()
    given: Counter[tuple[str, int, float]] = Counter()
    sets: Counter[tuple[str, int, float]] = Counter()
    pieces = sorted(map(json.loads, lines), key=lambda piece: not piece["shop"])
    for piece in pieces:
        for name, (held, known) in piece["counts"].items():
            cell = (name, piece["rows"], piece["share"])
            hits[cell] += held
            given[cell] += known
            sets[cell] += piece["sets"]
    columns = sorted({(rows, share) for _, rows, share in sets}, key=lambda one: one[::-1])
    heads = [f"{rows:,} rows, {share:.0%} treated" for rows, share in columns]
    printed = ["| 95 % interval of | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name in dict.fromkeys(name for name, _, _ in sets):
        cells = [(name, *column) for column in columns]
        shown = [_percent(hits[cell], given[cell], sets[cell]) for cell in cells]
        printed.append(f"| {name} | {' | '.join(shown)} |")
    return printed


def _percent(hits: int, given: int, sets: int) -> str:
    if not sets:
        return "\u2013"
    withheld = 1 - given / sets
    if withheld > _MOSTLY:
        return "withheld"
    return f"{100 * hits / given:.1f}" + (f" ({withheld:.0%} withheld)" if withheld > _SOME else "")


def checks(seed: int) -> list[str]:
    """The sample-ratio check, CUPED and daily looks, in a line each."""
    rng = np.random.default_rng(seed)
    return [*_sample_ratio(rng), _variance_ratio(rng), *_looks(rng)]


def _sample_ratio(rng: np.random.Generator) -> list[str]:
    lines = []
    for rows, share in ((2_000, 0.5), (200_000, 0.5), (200_000, 0.95)):
        for lost in (0.0, 0.01, 0.02, 0.05):
            sets = 100_000 if lost == 0 else 2_000
            treated = rng.binomial(rows, share, sets)
            left = rng.binomial(treated, 1 - lost)
            found = np.column_stack([rows - treated, left])
            due = found.sum(axis=1, keepdims=True) * [1 - share, share]
            chi2 = np.sum((found - due) ** 2 / due, axis=1)
            alarms = np.mean(stats.chi2.sf(chi2, 1) < SAMPLE_RATIO_ALARM)
            lines.append(
                f"sample ratio, {rows:,} rows, {share:.0%} treated, {lost:.0%} of the treated lost: alarm in {alarms:.3%}"
            )
    return lines


def _variance_ratio(rng: np.random.Generator) -> str:
    ratios = []
    for _ in range(2_000):
        treated = rng.random(2_000) < 0.5
        before = rng.normal(size=2_000)
        outcome = RHO * before + np.sqrt(1 - RHO**2) * rng.normal(size=2_000) + 0.1 * treated
        rows = ContrastRows(treated, np.full(2_000, 0.5), None)
        found = rows.lift(cuped(outcome, before).values).se / rows.lift(outcome).se
        ratios.append(found**2)
    return f"CUPED, correlation {RHO}: mean variance ratio {np.mean(ratios):.4f}, 1 - rho^2 {1 - RHO**2:.4f}"


def _looks(rng: np.random.Generator) -> list[str]:
    lines = []
    for name, rate in (("normal outcome", None), ("conversion of 1 %", 0.01)):
        for per_day in (100, 1_000):
            ever = ever_fixed = 0
            for _ in range(4):
                stopped, fixed = _peek(rng, rate, per_day, sets=1_000)
                ever, ever_fixed = ever + stopped, ever_fixed + fixed
            lines.append(
                f"{DAYS} daily looks at nothing, {name}, {2 * per_day:,} rows a day: stopped {ever / 4_000:.2%}, "
                f"by fixed-horizon intervals {ever_fixed / 4_000:.1%}"
            )
    return lines


def _peek(
    rng: np.random.Generator, rate: float | None, per_day: int, *, sets: int
) -> tuple[int, int]:
    shape = (sets, DAYS, 2)
    count = per_day * np.arange(1.0, DAYS + 1)[:, None]
    if rate is None:
        mean = rng.normal(0, np.sqrt(per_day), shape).cumsum(axis=1) / count
        variance = np.ones(shape)
    else:
        mean = rng.binomial(per_day, rate, shape).cumsum(axis=1) / count
        variance = mean * (1 - mean)
    se = np.sqrt((variance / count).sum(axis=2))
    effect = mean[:, :, 1] - mean[:, :, 0]
    rows = 2 * count[:, 0]
    looks = [
        looks_at(rows, one, own, planned_rows=rows[-1]) for one, own in zip(effect, se, strict=True)
    ]
    ever = sum(one.stopped is not None for one in looks)
    return ever, sum(one.stopped_fixed is not None for one in looks)


def main() -> None:
    """Simulate one piece, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--sets", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shop", action="store_true")
    parser.add_argument("--checks", action="store_true")
    asked = parser.parse_args()
    if asked.checks:
        print("\n".join(checks(asked.seed)))
        return
    if asked.rows is None:
        print("\n".join(table(asked.file.read_text(encoding="utf-8").splitlines())))
        return
    draw = simulate_shop if asked.shop else simulate
    counts = draw(rows=asked.rows, share=asked.share, sets=asked.sets, seed=asked.seed)
    piece = {"rows": asked.rows, "share": asked.share, "sets": asked.sets, "shop": asked.shop}
    piece["counts"] = counts
    with asked.file.open("a", encoding="utf-8") as sink:
        sink.write(json.dumps(piece) + "\n")


if __name__ == "__main__":
    main()
