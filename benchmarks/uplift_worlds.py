"""Uplift learners where the true effects are known, beside the peers: `python -m benchmarks.uplift_worlds FILE`.

`--peers PYTHON --seed K` draws every world once, fits every learner of every library with the same LightGBM settings (our
`auto` with its own), and adds a line per fit to FILE; without a seed it prints the tables of everything in FILE. PYTHON is
an interpreter with requirements-bench-uplift.txt.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.uplift_own import ask_peer, own_learners, write_task
from benchmarks.uplift_peers import LIBRARIES
from features.arrays import FloatArray
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.learners.registry import fit_learner

OURS, AUTO = "retarget", "auto"
ROWS, NEW_ROWS, FEATURES = 50_000, 50_000, 10
PROBABILITIES = (0.5, 0.9)
COST = 0.02
_DRAW = ["seed", "world", "probability"]
_NOTHING = "\u2013"
BASE = BoostedConfig(n_jobs=1)
WORLDS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "linear": lambda x: 0.02 + 0.02 * x[:, 0] - 0.015 * x[:, 1],
    "step": lambda x: 0.06 * (x[:, 0] > 0.5),
    "interaction": lambda x: 0.02 + 0.03 * x[:, 0] * x[:, 1],
    "no effect": lambda x: np.zeros(len(x)),
}
"""True effect on the chance of a response."""


def draw(world: str, probability: float, seed: int) -> tuple[TrialRows, FloatArray, FloatArray]:
    """Training rows, new rows, and the true effect of the new rows; about one in four responds without treatment."""
    rng = np.random.default_rng([seed, list(WORLDS).index(world), round(100 * probability)])
    matrix = rng.standard_normal((ROWS + NEW_ROWS, FEATURES))
    treated = rng.random(len(matrix)) < probability
    base = 1 / (1 + np.exp(1.2 - 0.5 * matrix[:, 0] - 0.5 * matrix[:, 2] * matrix[:, 3]))
    effect = WORLDS[world](matrix)
    chance = np.clip(base + treated * effect, 0, 1)
    outcome = (rng.random(len(matrix)) < chance).astype(np.float64)
    true = np.clip(base + effect, 0, 1) - base
    seen = slice(0, ROWS)
    rows = TrialRows(
        matrix[seen], outcome[seen], treated[seen], np.full(ROWS, probability), "binary"
    )
    return rows, matrix[ROWS:], true[ROWS:]


def judged(effect: FloatArray, true: FloatArray) -> dict[str, float]:
    """Correlation with the truth (NaN where nothing varies), and what is lost by acting on the prediction.

    The regret is the value per 1,000 rows of contacting whoever truly gains more than the cost, minus that of contacting
    whoever is predicted to.
    """
    constant = np.ptp(true) == 0 or np.ptp(effect) == 0
    chosen = (true - COST) * (effect > COST)
    best = np.maximum(true - COST, 0)
    correlation = float("nan") if np.ptp(true) == 0 else 0.0
    if not constant:
        correlation = float(np.corrcoef(effect, true)[0, 1])
    return {"correlation": correlation, "regret": 1_000 * float(np.mean(best - chosen))}


def simulate(python: str, seed: int, world: str, probability: float) -> Iterator[dict[str, object]]:
    """Every learner of every library on one draw."""
    rows, new, true = draw(world, probability, seed)
    place = {"seed": seed, "world": world, "probability": probability}
    for learner, config in own_learners(BASE).items():
        effect = fit_learner(rows, config).predict(new)
        yield {**place, "library": OURS, "learner": learner, **judged(effect, true)}
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.npz"
        write_task(task, rows, new, BASE)
        for library, learners in LIBRARIES.items():
            effects, _ = ask_peer(python, library, learners, task)
            for learner, effect in effects.items():
                yield {**place, "library": library, "learner": learner, **judged(effect, true)}


def tables(found: pd.DataFrame) -> list[str]:
    """Means over worlds, probabilities and seeds; peers paired by draw with our learner of the same name, all with `auto`."""
    lines = [
        "| library | learner | correlation | ours minus it | auto minus it | regret | ours minus it | auto minus it |",
        "|---" * 8 + "|",
    ]
    ours = found[found["library"] == OURS].set_index([*_DRAW, "learner"])
    auto = ours.xs(AUTO, level="learner")
    for (library, learner), part in found.groupby(["library", "learner"], sort=False):
        own, plain = part.set_index([*_DRAW, "learner"]), part.set_index(_DRAW)
        cells = []
        for figure in ("correlation", "regret"):
            cells.append(f"{plain[figure].mean():.3f}")
            twin = ours[figure].reindex(own.index) - own[figure]
            cells.append(_NOTHING if library == OURS else _interval(twin))
            cells.append(_NOTHING if learner == AUTO else _interval(auto[figure] - plain[figure]))
        lines.append(f"| {library} | {learner} | {' | '.join(cells)} |")
    return lines


def by_world(found: pd.DataFrame, figure: str) -> list[str]:
    """Mean figure per world and probability, a row per learner."""
    wide = found.pivot_table(
        index=["library", "learner"],
        columns=["world", "probability"],
        values=figure,
        sort=False,
        dropna=False,
    )
    heads = [f"{world}, p = {probability}" for world, probability in wide.columns]
    lines = [f"| {figure} of | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for (library, learner), values in wide.iterrows():
        cells = [_NOTHING if np.isnan(value) else f"{value:.3f}" for value in values]
        lines.append(f"| {library}, {learner} | {' | '.join(cells)} |")
    return lines


def _interval(difference: pd.Series) -> str:
    """Mean over the seeds of the means over worlds, with its 95 % t-interval."""
    per_seed = difference.groupby("seed").mean().to_numpy()
    middle, count = float(per_seed.mean()), len(per_seed)
    if count < 2:
        return f"{middle:+.3f}"
    reach = float(stats.t.ppf(0.975, count - 1) * per_seed.std(ddof=1) / np.sqrt(count))
    return f"{middle:+.3f} [{middle - reach:+.3f}, {middle + reach:+.3f}]"


def main() -> None:
    """Simulate one piece, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--world", choices=list(WORLDS), action="append")
    parser.add_argument("--probability", type=float, choices=PROBABILITIES, action="append")
    asked = parser.parse_args()
    if asked.seed is None:
        found = pd.read_json(asked.file, lines=True)
        blocks = [
            tables(found),
            by_world(found[found["world"] != "no effect"], "correlation"),
            by_world(found, "regret"),
        ]
        print("\n\n".join("\n".join(block) for block in blocks))
        return
    lines = [
        json.dumps(line)
        for world in asked.world or WORLDS
        for probability in asked.probability or PROBABILITIES
        for line in simulate(asked.peers, asked.seed, world, probability)
    ]
    with asked.file.open("a", encoding="utf-8") as sink:
        sink.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
