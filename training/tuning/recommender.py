"""Tune the recommenders of a project: trials on the validation weeks, one look at the test weeks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from features import columns as c
from features.histories.histories import Histories
from features.project import Project
from features.run import RunWriter
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.tables import CATALOG
from training.project_recommender.comparison import Trial
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.fit import estimates, judge_on_test, validation_windows
from training.project_recommender.windows import Window
from training.recommenders.attributes import ItemAttributes
from training.recommenders.registry import RecommenderConfig
from training.tuning.tune import Chosen, Tunable, Verdict

_BUNDLE: Final = "bundle"


@dataclass(frozen=True, eq=False)
class RecommenderContest:
    """Recommenders on the histories of a project."""

    histories: Histories
    config: RecommenderTrainingConfig
    as_of: datetime
    attributes: ItemAttributes | None
    windows: Sequence[Window]

    def estimates(self, setting: RecommenderConfig) -> Iterator[float]:
        """Mean nDCG@k over (person, week) pairs, after each further week."""
        (complete,) = self.config.model_copy(update={"candidates": (setting,)}).settings()
        return estimates(complete, self.windows, self.config, attributes=self.attributes)

    def judge(
        self, chosen: Mapping[str, Chosen], training: RecommenderTrainingConfig, writer: RunWriter
    ) -> Verdict:
        """Fit each chosen setting once, before the first test week, and judge it on all of them."""
        trials = [
            Trial(setting, best.value)
            for setting, best in zip(training.settings(), chosen.values(), strict=True)
        ]
        found = judge_on_test(
            self.histories, training, trials, as_of=self.as_of, attributes=self.attributes
        )
        found.model.save(writer.path / _BUNDLE)
        metric = f"ndcg_at_{training.k}.all"
        return Verdict(
            metric=metric,
            values={
                name: found.result(best.config.kind).metrics[metric]
                for name, best in chosen.items()
            },
            metrics=found.metrics(),
            tracked=found.tracked(),
        )


def tunable_recommender(project: Project, config: RecommenderTrainingConfig) -> Tunable:
    """The recommenders of a project.

    Raises:
        WorkspaceError: the features have not been built.
    """
    workspace, as_of = project.workspace, project.config.as_of
    built, ingested = workspace.current(FEATURES), workspace.current(INGEST)

    def contest() -> RecommenderContest:
        histories = load_histories(built)
        windows = validation_windows(histories, config, as_of=as_of)
        attributes = ItemAttributes.from_table(ingested.read(CATALOG))
        return RecommenderContest(histories, config, as_of, attributes, windows)

    return Tunable(
        workspace=workspace,
        project=project.config.name,
        content=config.model_copy(update={"candidates": (), "trials": 1}),
        inputs={FEATURES: built.run_id, INGEST: ingested.run_id, c.AS_OF: as_of.isoformat()},
        metric=f"ndcg_at_{config.k}",
        parts=config.validation_weeks,
        open=contest,
    )
