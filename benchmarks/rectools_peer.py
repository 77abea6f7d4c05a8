"""RecTools' ranking metrics, in an environment of their own: run by `benchmarks.ranking_metrics_rectools`.

Imports nothing of this project. Reads the file of lists named on the command line, then measures once per line of input and
answers with JSON: the means and the seconds.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import MRR, NDCG, Precision, Recall, calc_metrics


def main() -> None:
    """Serve rounds until the input ends."""
    data = np.load(sys.argv[1])
    n_rows, k = data["recommended"].shape
    lists = pd.DataFrame(
        {
            Columns.User: np.repeat(np.arange(n_rows), k),
            Columns.Item: data["recommended"].ravel(),
            Columns.Rank: np.tile(np.arange(1, k + 1), n_rows),
        }
    )
    wanted = pd.DataFrame({Columns.User: data["row"], Columns.Item: data["item"]})
    metrics = {
        "precision": Precision(k=k),
        "recall": Recall(k=k),
        "ndcg": NDCG(k=k, divide_by_achievable=True),
        "reciprocal_rank": MRR(k=k),
    }
    for _ in sys.stdin:
        begin = time.perf_counter()
        found = calc_metrics(metrics, reco=lists, interactions=wanted)
        seconds = time.perf_counter() - begin
        means = {name: float(value) for name, value in found.items()}
        print(json.dumps({"means": means, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
