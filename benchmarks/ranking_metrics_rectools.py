"""Four metrics of lists of ten beside RecTools: `python -m benchmarks.ranking_metrics_rectools --rectools PYTHON`.

RecTools needs an older numpy and pandas: name an interpreter that has `requirements-bench-rectools.txt`. Its process stays
alive, and both sides take turns; the means have to agree, at the settings where the definitions do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.case import ROUNDS
from benchmarks.ranked_lists import K, Lists, make_lists
from training.metrics.ranking import (
    Relevant,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
    reciprocal_rank_at_k,
)

PERSONS = 500_000
ITEMS = 32_768
METRICS = {
    "precision": precision_at_k,
    "recall": recall_at_k,
    "ndcg": ndcg_at_k,
    "reciprocal_rank": reciprocal_rank_at_k,
}


def ours(lists: Lists) -> dict[str, Any]:
    """Means and seconds, from lists and pairs in any order."""
    begin = time.perf_counter()
    wanted = lists.relevant
    relevant = Relevant.from_pairs(wanted.row, wanted.item, n_rows=wanted.n_rows)
    means = {
        name: float(metric(lists.recommended, relevant, k=K).mean())
        for name, metric in METRICS.items()
    }
    return {"means": means, "seconds": time.perf_counter() - begin}


@contextmanager
def rectools(python: str, lists: Lists) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lists and answers every line."""
    script = Path(__file__).with_name("rectools_peer.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lists.npz"
        relevant = lists.relevant
        np.savez(path, recommended=lists.recommended, row=relevant.row, item=relevant.item)
        command = [python, str(script), str(path)]
        with subprocess.Popen(  # noqa: S603 - our own script, by the interpreter the user names
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            yield process


def answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    """One round of the other side."""
    assert process.stdin is not None  # noqa: S101 - both are pipes
    assert process.stdout is not None  # noqa: S101
    process.stdin.write("go\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def compare(python: str, persons: int) -> None:
    """Print medians and the median ratio of the rounds, after one that is not counted."""
    lists = make_lists(persons=persons, items=ITEMS)
    own, other = [], []
    with rectools(python, lists) as process:
        for number in range(ROUNDS + 1):
            first, then = (ours(lists), answer(process))
            np.testing.assert_allclose(
                [first["means"][name] for name in METRICS],
                [then["means"][name] for name in METRICS],
                rtol=1e-9,
            )
            if number:
                own.append(first["seconds"])
                other.append(then["seconds"])
    ratio = statistics.median(b / a for a, b in zip(own, other, strict=True))
    print(
        f"{', '.join(METRICS)} @{K}, {persons:,} persons: ours {statistics.median(own):.2f} s, "
        f"RecTools {statistics.median(other):.2f} s, {ratio:.1f} x; means equal: {first['means']}"
    )


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rectools", required=True, help="an interpreter that has RecTools")
    parser.add_argument("--persons", type=int, default=PERSONS)
    given = parser.parse_args()
    compare(given.rectools, given.persons)


if __name__ == "__main__":
    main()
