"""Uplift learners beside each other on repeated splits of a training config: `python -m benchmarks.uplift_learners CONFIG ARM`.

Each split fits every learner on the train part and judges it on the test part, all by the same doubly robust scores.
Differences to the automatic choice are paired by split, with intervals corrected for the rows that splits share.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from features.config import load_config
from features.sources.flat_table import read_flat_table
from training.metrics.uplift import qini_parts
from training.metrics.uplift_calibration import slope_parts
from training.metrics.uplift_comparison import RepeatedEstimate, over_splits
from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.config import RandomSplit, UpliftTrainingConfig
from training.uplift.data_config import FlatTableData
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.encoding import FeatureEncoding
from training.uplift.holdout import split_rows
from training.uplift.learners.auto import AutoConfig
from training.uplift.learners.class_transformation import ClassTransformationConfig
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.r_learner import RLearnerConfig
from training.uplift.learners.registry import UpliftLearnerConfig, fit_learner
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig
from training.uplift.rows import UpliftRows, rows_from_flat_table

SPLITS = 20
BOOSTED = BoostedConfig(n_jobs=1)
LINEAR = LinearConfig(penalty=10)
LEARNERS: dict[str, UpliftLearnerConfig] = {
    "auto": AutoConfig(n_jobs=1),
    "T, logistic": TLearnerConfig(base=LINEAR),
    "S, boosted": SLearnerConfig(base=BOOSTED),
    "T, boosted": TLearnerConfig(base=BOOSTED),
    "X, boosted": XLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "R, boosted": RLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "DR, boosted": DrLearnerConfig(base=BOOSTED, effect=BOOSTED),
    "class transformation, boosted": ClassTransformationConfig(base=BOOSTED),
}
BY_RESPONSE = "rank by expected outcome"
_LINE = "| {} | {} | {} | {} |"


def judge(
    rows: UpliftRows, config: UpliftTrainingConfig, *, arm: str, seed: int
) -> dict[str, list[float]]:
    """Qini per head and calibration slope of every learner on one split."""
    kept, treated, probability = rows.contrast([rows.arms.index(arm)], 0)
    inside = rows.subset(kept)
    split = RandomSplit(test_share=0.5, seed=seed)
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
    found = {}
    for name, learner in LEARNERS.items():
        model = fit_learner(seen, learner)
        score = model.predict(unseen.matrix)
        found[name] = [qini_parts(effect, score)[0], slope_parts(effect, score)[0]]
        if name == "auto":
            baseline = model.predict_control(unseen.matrix)
            found[BY_RESPONSE] = [qini_parts(effect, baseline)[0], float("nan")]
    return found


def _figure(found: RepeatedEstimate, *, interval: bool) -> str:
    shown = f"{found.mean:.5f} ({found.sd:.5f})"
    return f"{found.mean:+.5f} [{found.low:+.5f}, {found.high:+.5f}]" if interval else shown


def main() -> None:
    """Print the table, one line per learner."""
    path, arm, *rest = sys.argv[1:]
    config = load_config(UpliftTrainingConfig, Path(path), overrides=rest)
    data = config.data
    if not isinstance(data, FlatTableData):
        raise SystemExit("the config must name a flat table")
    table = read_flat_table((Path(path).parent / data.path).resolve(), separator=data.separator)
    rows, _ = rows_from_flat_table(table, data)
    splits = []
    for seed in range(SPLITS):
        splits.append(judge(rows, config, arm=arm, seed=seed))
        print(f"split {seed}: auto {splits[-1]['auto'][0]:.5f}", file=sys.stderr, flush=True)
    print(_LINE.format("learner", "Qini per head, mean (sd)", "slope, mean", "auto minus it"))
    print(_LINE.format(*["---"] * 4))
    own = np.array([split["auto"][0] for split in splits])
    for name in [*LEARNERS, BY_RESPONSE]:
        qini = np.array([split[name][0] for split in splits])
        slope = np.array([split[name][1] for split in splits])
        mean = "\u2013" if np.isnan(slope).all() else f"{np.nanmean(slope):.2f}"
        difference = _figure(over_splits(own - qini, test_share=0.5), interval=True)
        shown = _figure(over_splits(qini, test_share=0.5), interval=False)
        print(_LINE.format(name, shown, mean, "\u2013" if name == "auto" else difference))
    total = over_splits(own, test_share=0.5)
    print(f"\n{SPLITS} splits; auto {_figure(total, interval=True)}, corrected 95 % interval")


if __name__ == "__main__":
    main()
