"""Always-valid intervals on 78 real online experiments: `python -m benchmarks.experiment_asos FILE`.

FILE holds checkpoints of counts, means and variances per experiment, variant and metric (ASOS Digital Experiments Dataset,
arXiv 2111.10198). Looks at every checkpoint: how many would be stopped by the confidence sequence, how many by peeking at
fixed-horizon intervals, how many are a finding at the last checkpoint, and how much wider the sequence is there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from training.experiments.sequential import Looks, confidence_sequence

KEYS = ["experiment_id", "variant_id", "metric_id"]
PLANS = {"rows at the last checkpoint": 1.0, "a tenth of them": 0.1, "ten times them": 10.0}


def all_looks(table: pd.DataFrame, *, plan: float) -> list[Looks]:
    """One sequence per experiment, variant and metric, planned for `plan` times the rows of its last checkpoint."""
    found = []
    for _, checks in table.sort_values("time_since_start").groupby(KEYS):
        count, mean, variance = (
            checks[[f"{name}_c", f"{name}_t"]].to_numpy() for name in ("count", "mean", "variance")
        )
        found.append(
            confidence_sequence(count, mean, variance, planned_rows=plan * count[-1].sum())
        )
    return found


def main() -> None:
    """Print a line per plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    table = pd.read_parquet(parser.parse_args().file).dropna()
    table = table[(table["variance_c"] > 0) & (table["variance_t"] > 0)]
    for name, plan in PLANS.items():
        looks = all_looks(table, plan=plan)
        last = sum(abs(one.z[-1]) > 1.959964 for one in looks)
        peeked = sum(one.stopped_fixed is not None for one in looks)
        stopped = sum(one.stopped is not None for one in looks)
        both = sum(one.stopped is not None and abs(one.z[-1]) > 1.959964 for one in looks)
        ended = [one for one in looks if np.isfinite(one.low[-1])]
        wider = np.median(
            [
                (one.high[-1] - one.low[-1]) / (one.fixed_high[-1] - one.fixed_low[-1])
                for one in ended
            ]
        )
        print(
            f"planned for {name}: {len(looks)} comparisons; finding at the last checkpoint {last}; "
            f"by peeking at fixed-horizon intervals {peeked}; by the sequence {stopped}, of which {both} also at the last "
            f"checkpoint; sequence wider by {wider:.2f} there"
        )


if __name__ == "__main__":
    main()
