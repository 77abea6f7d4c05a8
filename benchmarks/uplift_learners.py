"""Uplift learners beside each other on repeated splits: `python -m benchmarks.uplift_learners CONFIG ARM FILE --seeds 0:5`.

Each split fits every learner on the train part and judges it on the test part, all by the same doubly robust scores; its
figures join the FILE, so that many splits can be run in pieces. Differences to the automatic choice are paired by split,
with intervals corrected for the rows that splits share.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.uplift_own import ask_peer, write_task
from benchmarks.uplift_peers import LIBRARIES
from features.arrays import FloatArray
from features.config import load_config
from features.sources.flat_table import read_flat_table
from training.metrics.uplift import qini_parts
from training.metrics.uplift_calibration import slope_parts
from training.metrics.uplift_comparison import over_splits
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.honest_forest import HonestForestConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.config import RandomSplit, UpliftTrainingConfig
from training.uplift.data_config import FlatTableData
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.encoding import FeatureEncoding
from training.uplift.holdout import split_rows
from training.uplift.learners.auto import DEFAULT_CANDIDATES, AutoConfig
from training.uplift.learners.class_transformation import ClassTransformationConfig
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.registry import UpliftLearnerConfig, fit_learner
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig
from training.uplift.rows import UpliftRows, rows_from_flat_table
from training.uplift.tuned import choose_settings
from training.uplift.tuned_config import TunedConfig

TEST_SHARE = 0.5
LIGHTGBM_DEFAULTS = BoostedConfig(
    n_trees=100, n_leaves=31, min_child_rows=20, learning_rate=0.1, n_jobs=1
)
BOOSTED = BoostedConfig(n_jobs=1)
LINEAR = LinearConfig(penalty=10)
FOREST = DrLearnerConfig(base=LinearConfig(penalty=100), effect=HonestForestConfig(n_jobs=1))
AUTO = "auto"
# the R-learner is left out: with arms of equal size it is the DR-learner
LEARNERS: dict[str, UpliftLearnerConfig | TunedConfig] = {
    AUTO: AutoConfig(n_jobs=1),
    "auto, with the forest": AutoConfig(candidates=(*DEFAULT_CANDIDATES, FOREST), n_jobs=1),
    "tuned": TunedConfig(kind="tuned", n_jobs=1),
    "DR, honest forest": FOREST,
    "T, logistic": TLearnerConfig(base=LINEAR),
    "S, boosted": SLearnerConfig(base=BOOSTED),
    "T, boosted": TLearnerConfig(base=BOOSTED),
    "X, boosted": XLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "DR, boosted": DrLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "class transformation, boosted": ClassTransformationConfig(base=BOOSTED),
}
BY_RESPONSE = "rank by expected outcome"
Figures = dict[str, list[float]]
"""Qini per head and slope, by learner."""

_LINE = "| {} | {} | {} | {} |"


@dataclass(frozen=True, eq=False)
class Split:
    """Rows to learn from, rows to judge on, and the doubly robust scores of the latter."""

    seen: TrialRows
    unseen: TrialRows
    effect: FloatArray


def draw(rows: UpliftRows, config: UpliftTrainingConfig, *, arm: str, seed: int) -> Split:
    """One stratified split of an arm and the control."""
    kept, treated, probability = rows.contrast([rows.arms.index(arm)], 0)
    inside = rows.subset(kept)
    split = RandomSplit(test_share=TEST_SHARE, seed=seed)
    train, test = split_rows(inside, split, target=config.target)
    encoding = FeatureEncoding.fit(inside.features, source=inside.source)
    trial = TrialRows(
        encoding.encode(inside.features, source=inside.source),
        inside.outcomes[config.target],
        treated,
        probability,
        config.data.outcomes[config.target],
        encoding.categorical,
    )
    seen, unseen = trial.subset(train), trial.subset(test)
    effect = doubly_robust_scores(unseen, config=BOOSTED, n_folds=5, seed=seed).effect
    return Split(seen, unseen, effect)


def judge(split: Split, names: Sequence[str]) -> Figures:
    """Qini per head and calibration slope of learners; settings of a tuned one are sought on the rows to learn from."""
    found = {}
    for name in names:
        learner = LEARNERS[name]
        if isinstance(learner, TunedConfig):
            learner = choose_settings(split.seen, learner).learner
        model = fit_learner(split.seen, learner)
        found[name] = _figures(split.effect, model.predict(split.unseen.matrix))
        if name == AUTO:
            baseline = model.predict_control(split.unseen.matrix)
            found[BY_RESPONSE] = [qini_parts(split.effect, baseline)[0], float("nan")]
    return found


def judge_peers(split: Split, *, python: str) -> Figures:
    """The same of other libraries' learners, every model a LightGBM at its defaults; text levels are codes to them."""
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        task = Path(folder) / "task.npz"
        write_task(task, split.seen, split.unseen.matrix, LIGHTGBM_DEFAULTS)
        for library, learners in LIBRARIES.items():
            scores, _ = ask_peer(python, library, learners, task)
            found |= {f"{library} {k}": _figures(split.effect, scores[k]) for k in learners}
    return found


def _figures(effect: FloatArray, score: FloatArray) -> list[float]:
    return [qini_parts(effect, score)[0], slope_parts(effect, score)[0]]


def table(splits: list[Figures]) -> list[str]:
    """One line per learner that every split has, best first."""
    lines = [
        _LINE.format("learner", "Qini per head, mean (sd)", "slope, mean", "auto minus it"),
        _LINE.format(*["---"] * 4),
    ]
    names = set.intersection(*(set(split) for split in splits))
    qini = {name: np.array([split[name][0] for split in splits]) for name in names}
    for name in sorted(qini, key=lambda name: -float(qini[name].mean())):
        slopes = np.array([split[name][1] for split in splits])
        slope = "\u2013" if np.isnan(slopes).all() else f"{np.nanmean(slopes):.2f}"
        found = over_splits(qini[name], test_share=TEST_SHARE)
        gap = over_splits(qini[AUTO] - qini[name], test_share=TEST_SHARE)
        difference = f"{gap.mean:+.5f} [{gap.low:+.5f}, {gap.high:+.5f}]"
        shown = "\u2013" if name == AUTO else difference
        lines.append(_LINE.format(name, f"{found.mean:.5f} ({found.sd:.5f})", slope, shown))
    own = over_splits(qini[AUTO], test_share=TEST_SHARE)
    lines.append(f"{len(splits)} splits; auto {own.mean:.5f} [{own.low:.5f}, {own.high:.5f}]")
    return lines


def main() -> None:
    """Judge the splits that the file does not hold yet, then print the table of all it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("arm")
    parser.add_argument("file", type=Path, help="figures by split, JSON lines; grows")
    parser.add_argument("--seeds", default="0:20", help="first:last, the last not included")
    parser.add_argument("--peers", help="an interpreter with causalml, econml and scikit-uplift")
    parser.add_argument("--set", nargs="*", default=[], help="overrides of the config")
    asked = parser.parse_args()
    rows, config = _rows(asked.config, asked.set)
    held = asked.file.read_text(encoding="utf-8") if asked.file.exists() else ""
    splits: dict[int, Figures] = {}
    for entry in map(json.loads, held.splitlines()):
        splits[entry["seed"]] = splits.get(entry["seed"], {}) | entry["figures"]
    first, last = (int(number) for number in asked.seeds.split(":"))
    peers = [f"{library} {name}" for library, names in LIBRARIES.items() for name in names]
    for seed in range(first, last):
        known = splits.get(seed, {})
        own = [name for name in LEARNERS if name not in known]
        others = bool(asked.peers) and peers[0] not in known
        if not own and not others:
            continue
        split = draw(rows, config, arm=asked.arm, seed=seed)
        found = judge(split, own)
        found |= judge_peers(split, python=asked.peers) if others else {}
        splits[seed] = known | found
        with asked.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"seed": seed, "figures": found}) + "\n")
    print("\n".join(table([splits[seed] for seed in sorted(splits)])))


def _rows(path: Path, overrides: list[str]) -> tuple[UpliftRows, UpliftTrainingConfig]:
    config = load_config(UpliftTrainingConfig, path, overrides=overrides)
    data = config.data
    if not isinstance(data, FlatTableData):
        raise SystemExit("the config must name a flat table")
    flat = read_flat_table((path.parent / data.path).resolve(), separator=data.separator)
    return rows_from_flat_table(flat, data)[0], config


if __name__ == "__main__":
    main()
