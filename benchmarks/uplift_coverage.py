"""How often the 95 % intervals of the uplift figures hold the truth: `python -m benchmarks.uplift_coverage FILE`.

Simulates trials of one world in pieces, `--world NAME --rows N --sets M --seed K`, each of which adds a line to FILE;
without a world it prints the table of everything in FILE, one block of columns per number of rows.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.uplift_trials import WORLDS, draw_trial, intervals

ROWS, SETS = 2_000, 1_000


def simulate(world: str, *, rows: int, sets: int, seed: int) -> dict[str, list[int]]:
    """How many intervals held the truth, of how many that were given, by figure; a withheld one (NaN) is not given."""
    rng = np.random.default_rng([seed, rows, list(WORLDS).index(world)])
    hits: Counter[str] = Counter()
    given: Counter[str] = Counter()
    for _ in range(sets):
        for name, found in intervals(WORLDS[world], draw_trial(WORLDS[world], rows, rng)).items():
            given[name] += sum(bool(low <= high) for low, high, _ in found)
            hits[name] += sum(bool(low <= truth <= high) for low, high, truth in found)
    return {name: [hits[name], given[name]] for name in given}


def table(lines: list[str]) -> list[str]:
    """Coverage in percent, one row per figure, from pieces as `simulate` stored them."""
    pieces = [json.loads(line) for line in lines]
    columns = sorted(
        {(piece["rows"], piece["world"]) for piece in pieces},
        key=lambda column: (column[0], list(WORLDS).index(column[1])),
    )
    sums: dict[str, Counter[tuple[int, str, int]]] = {}
    for piece in pieces:
        for name, counts in piece["counts"].items():
            for place, count in enumerate(counts):
                sums.setdefault(name, Counter())[piece["rows"], piece["world"], place] += count
    heads = [f"{world}, {rows:,} rows" for rows, world in columns]
    printed = ["| 95 % interval of | " + " | ".join(heads) + " |", "|---" * (1 + len(heads)) + "|"]
    for name, found in sums.items():
        cells = [_percent(found[*column, 0], found[*column, 1]) for column in columns]
        printed.append(f"| {name} | {' | '.join(cells)} |")
    return printed


def _percent(hits: int, given: int) -> str:
    return f"{100 * hits / given:.1f}" if given else "\u2013"


def main() -> None:
    """Simulate one piece, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--world", choices=list(WORLDS))
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.world is None:
        print("\n".join(table(asked.file.read_text(encoding="utf-8").splitlines())))
        return
    counts = simulate(asked.world, rows=asked.rows, sets=asked.sets, seed=asked.seed)
    piece = {"world": asked.world, "rows": asked.rows, "seed": asked.seed, "counts": counts}
    with asked.file.open("a", encoding="utf-8") as sink:
        sink.write(json.dumps(piece) + "\n")


if __name__ == "__main__":
    main()
