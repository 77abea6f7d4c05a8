"""Tune uplift learners: trials by cross-fitted doubly robust loss on the training rows, one look at the test rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.project import Project
from features.run import RunWriter
from features.sources.flat_table import read_flat_table
from features.steps.features import FEATURES
from features.steps.simulate import SIMULATE
from training.fit_uplift import checked_assignment, contrast_with, fit_uplift
from training.metrics.intervals import Interval
from training.steps import campaign_rows
from training.train_flat import UPLIFT_PROJECT, content_config, flat_rows, flat_workspace
from training.tuning.tune import Chosen, Tunable, Verdict
from training.uplift.config import UpliftTrainingConfig
from training.uplift.contrast import first_seed, training_rows
from training.uplift.data_config import FlatTableData, HistoriesData
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.gains import ScoredRows, running_gains
from training.uplift.holdout import split_rows
from training.uplift.learners.registry import UpliftLearnerConfig, fit_learner
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.rows import UpliftRows

_METRIC: Final = "qini_per_head"
_GAIN: Final = "doubly_robust_gain"
_BUNDLE: Final = "bundle"


@dataclass(frozen=True, eq=False)
class UpliftContest:
    """Uplift learners on the rows of a test.

    Attributes:
        rows: all rows.
        contrasts: training rows of each treated arm with the control, and their doubly robust scores.
    """

    rows: UpliftRows
    contrasts: tuple[ScoredRows, ...]

    def estimates(self, setting: UpliftLearnerConfig) -> Iterator[float]:
        """Gain in doubly robust loss over one constant effect, mean over the folds so far and the treated arms."""
        return running_gains(self.contrasts, lambda rows: fit_learner(rows, setting))

    def judge(
        self, chosen: Mapping[str, Chosen], training: UpliftTrainingConfig, writer: RunWriter
    ) -> Verdict:
        """Train each chosen learner on the training rows, and judge it on the test rows."""
        results = {
            name: fit_uplift(
                self.rows, training.model_copy(update={"learner": best.config, "repeats": 1})
            )
            for name, best in chosen.items()
        }
        champion = max(chosen, key=lambda name: chosen[name].value)
        for contrast in results[champion].contrasts:
            contrast.model.save(writer.path / _BUNDLE / contrast.name)
        first = {name: result.contrasts[0] for name, result in results.items()}
        return Verdict(
            metric=f"{next(iter(first.values())).name}.{_METRIC}",
            values={
                name: Interval(
                    found.evaluation.qini.value,
                    found.evaluation.qini.low,
                    found.evaluation.qini.high,
                    found.evaluation.n_rows,
                )
                for name, found in first.items()
            },
            metrics={name: result.metrics() for name, result in results.items()},
            tracked={
                f"{name}.{key}": value
                for name, result in results.items()
                for key, value in result.tracked().items()
            },
        )


def uplift_contest(rows: UpliftRows, config: UpliftTrainingConfig, *, folds: int) -> UpliftContest:
    """Score the training rows once, by models that have not seen them; every trial is compared with these scores."""
    assigned, _ = checked_assignment(rows, config)
    train, _ = split_rows(assigned, config.split, target=config.target)
    contrasts = []
    for treated in range(1, len(assigned.arms)):
        contrast, kept, _ = contrast_with(assigned, config, treated)
        trial, _ = training_rows(contrast, train[kept])
        scores = doubly_robust_scores(
            trial, config=config.evaluation_model, n_folds=folds, seed=first_seed(config)
        )
        contrasts.append((trial, scores))
    return UpliftContest(rows, tuple(contrasts))


def tunable_uplift(project: Project, config: UpliftTrainingConfig, *, parts: int) -> Tunable:
    """The uplift learners on a project's histories.

    Raises:
        WorkspaceError: the features have not been built, or there is no campaign.
    """
    data, workspace = config.data, project.workspace
    if not isinstance(data, HistoriesData):
        raise TypeError("tunable_uplift reads histories; see tunable_flat_uplift for flat tables")
    built, simulated = workspace.current(FEATURES), workspace.current(SIMULATE)
    return Tunable(
        workspace=workspace,
        project=project.config.name,
        content=_content(config),
        inputs={FEATURES: built.run_id, SIMULATE: simulated.run_id},
        metric=_GAIN,
        parts=parts,
        open=lambda: uplift_contest(campaign_rows(built, simulated, data), config, folds=parts),
    )


def tunable_flat_uplift(config: UpliftTrainingConfig, *, folder: Path, parts: int) -> Tunable:
    """The uplift learners on the file a config names.

    Raises:
        InputError: the file cannot be used.
    """
    data = config.data
    if not isinstance(data, FlatTableData):
        raise TypeError("tunable_flat_uplift reads one file; see tunable_uplift for histories")
    flat = read_flat_table((folder / data.path).resolve(), separator=data.separator)
    return Tunable(
        workspace=flat_workspace(config, folder=folder),
        project=UPLIFT_PROJECT,
        content=_content(config),
        inputs={"data": flat.content},
        metric=_GAIN,
        parts=parts,
        open=lambda: uplift_contest(flat_rows(flat, data, config)[0], config, folds=parts),
    )


def _content(config: UpliftTrainingConfig) -> UpliftTrainingConfig:
    return content_config(config).model_copy(update={"learner": TLearnerConfig()})
