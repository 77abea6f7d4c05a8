"""The replay: a made-up store run by the project's own steps, week by week, each learning from what the weeks before delivered.

    retarget simulate configs/simulated_store/replay.yaml [world.weeks=12]

It is a kind of `simulate`, told apart by the `kind` of its config like the others, so that it takes overrides, prints its
plan with --dry-run and is validated before anything runs. Every week: files delivered → ingest → features → what was
recorded → train → score → a coin for some, the policy for the others, nobody of the holdout → the auction and people's
responses. A week is a run; stopped and started again, the replay finds what is finished.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features.arrays import IntArray, TextArray
from features.config import config_hash, load_config
from features.errors import ConfigError
from features.outcomes import observed_outcomes
from features.project import Project
from features.run import Run, RunWriter, read_arrays
from features.simulate.store.campaign_log import recorded, times_of
from features.simulate.store.config import StoreConfig
from features.simulate.store.knowledge import WEEK, decision_days
from features.simulate.store.replay_config import ReplayConfig
from features.simulate.store.stream import EventStream
from features.steps.features import FEATURES, build_features, load_histories
from features.steps.ingest import INGEST, ingest
from features.steps.replay import (
    deliver_days,
    ids_of,
    record_campaign,
)
from features.steps.store import STORE
from features.store import PARENT, Workspace
from serving.config import CampaignConfig
from serving.replays.arms import best_arms
from serving.replays.choice import Choice, Chooser
from serving.replays.measurement import measure_holdout, week_figures
from serving.score import score
from training.project_recommender.config import RecommenderTrainingConfig
from training.promotion.config import PromotionConfig
from training.promotion.contests import recommender_contest, uplift_contest
from training.promotion.promote import promote_trained
from training.steps import RECOMMENDER, UPLIFT, train_recommender, train_uplift
from training.uplift.config import UpliftTrainingConfig

REPLAY: Final = "replay"
REPORT: Final = "replay.json"
"""What every week delivered, and the measurement, in each week's run."""

POLICY: Final = "policy"
"""Follows the experiment's id in that of the contacts the policy chose; their probability is 1."""

_CHOICE: Final = "choice"
_LAYER: Final = "serving"


class Replay:
    """A replay under way.

    Args:
        folder: of the project whose configs are used.
        config: of the replay.
        overrides: by config file, for the project's other configs.

    Raises:
        ConfigError: a config is missing or wrong, or the weeks do not fit into the store's days.
    """

    def __init__(self, folder: Path, config: ReplayConfig, overrides: dict[str, list[str]]) -> None:
        self._folder, self._config, self._own = folder, config, overrides
        base = Project(folder, overrides=overrides["project"])
        self._store = load_config(StoreConfig, folder / "store.yaml", overrides=overrides["store"])
        self._recommender = base.step_config(
            RecommenderTrainingConfig, RECOMMENDER, overrides=overrides[RECOMMENDER]
        )
        _require_days(self._store, config)
        learned_from = [f"data.experiment={config.experiment_id}", *overrides[UPLIFT]]
        self._uplift = base.step_config(UpliftTrainingConfig, UPLIFT, overrides=learned_from)
        self._campaign = base.step_config(
            CampaignConfig, "campaign", overrides=overrides["campaign"]
        )
        parts = (base.config, self._store, self._recommender, self._uplift, self._campaign)
        self._inputs = {type(part).__name__: config_hash(part) for part in parts}
        self.workspace = self._own_workspace()
        self._chooser = Chooser(
            config,
            self._campaign.holdout,
            persons=self._store.persons,
            items=self._store.shelf.items,
        )
        self._stream: EventStream | None = None
        self._choices: list[Choice] = []
        self._last: str | None = None

    def _own_workspace(self) -> Workspace:
        """A folder for this very replay: an ingestion continues the one before, so replays must not share theirs."""
        root = (self._folder / self._config.workspace).resolve()
        name = Workspace(root).run_id(
            REPLAY, config=self._config, inputs=self._inputs, layer=_LAYER
        )
        return Workspace(root / name)

    @property
    def stream(self) -> EventStream:
        """The store, brought to life when first asked for."""
        if self._stream is None:
            self._stream = EventStream(self._store, self._config.world)
        return self._stream

    def week(self, moment: int) -> Run:
        """Run the project's steps as of one decision, decide, deliver; after the last week only measure.

        Args:
            moment: number of the decision, in order; `WorldConfig.weeks` = none is left, the last week is over.
        """

        def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
            project = self._project(moment)
            self._record(project)
            if moment < self._config.world.weeks:
                choice = self._decide(project, moment)
                writer.arrays(_CHOICE, choice.arrays())
                self._deliver(choice)
            self._report(moment, writer, figures)

        inputs = {**self._inputs, "week": str(moment)}
        if self._last is not None:
            inputs[PARENT] = self._last
        run = self.workspace.carry_out(
            REPLAY, compute, config=self._config, inputs=inputs, layer=_LAYER
        )
        if run.reused and moment < self._config.world.weeks:
            self._deliver(Choice.from_arrays(read_arrays(run.path / _CHOICE)))
        self._last = run.run_id
        return run

    def _deliver(self, choice: Choice) -> None:
        self.stream.world.deliver(len(self._choices), choice.decisions)
        self._choices.append(choice)

    def _project(self, moment: int) -> Project:
        """The project at the moment of a decision, with its own workspace and the files so far."""
        day = self._config.world.first_day + WEEK * moment
        now = self._store.first + timedelta(days=day)
        files = self.workspace.root / STORE / "current" / "files"
        project = Project(
            self._folder,
            overrides=[
                *self._own["project"],
                f"workspace={self.workspace.root}",
                f"as_of={now:%Y-%m-%dT%H:%M:%SZ}",
                f"source.files=[{files}/events/*.parquet]",
                f"feed.file={files}/feed.tsv",
                f"feed.generated_at={now:%Y-%m-%dT%H:%M:%SZ}",
            ],
        )
        deliver_days(self.workspace, self.stream, self._config, day=day)
        ingest(project)
        build_features(project)
        return project

    def _record(self, project: Project) -> None:
        world = self.stream.world
        name = self._config.experiment_id
        experiments = [
            np.where(choice.explored, name, f"{name}_{POLICY}").astype(object)
            for choice in self._choices
        ]
        rows = recorded(world.weeks, experiments, self._ids())
        record_campaign(project, world, rows, self._config, margin_rate=self._campaign.margin_rate)

    def _ids(self) -> TextArray:
        """The id of each person's number, as known now."""
        return ids_of(self.workspace.current(INGEST), self._store.persons)

    def _decide(self, project: Project, moment: int) -> Choice:
        config = self._config
        if moment < config.warm_up_weeks:
            return self._chooser.toss(project, moment)
        if (moment - config.warm_up_weeks) % config.retrain_weeks == 0:
            promotion = PromotionConfig()
            train_recommender(project, self._recommender)
            promote_trained(recommender_contest(project, promotion))
            train_uplift(project, self._uplift)
            promote_trained(uplift_contest(project, promotion))
        scored = score(project, self._campaign)
        return self._chooser.follow(project, moment, scored, self._best_arms())

    def _best_arms(self) -> IntArray:
        """What the coins of the weeks that are over say, by what is known of their outcomes."""
        histories = load_histories(self.workspace.current(FEATURES))
        made = [choice.explored & choice.decisions.treated for choice in self._choices]
        parts = list(zip(self._choices, made, strict=True))
        person = np.concatenate([choice.decisions.person[rows] for choice, rows in parts])
        moment = np.repeat(np.arange(len(made)), [rows.sum() for rows in made])
        rows = histories.person_rows(pa.array(self._ids()[person], pa.string()))
        times = times_of(self.stream.world, moment)
        seen = observed_outcomes(histories, rows, times, horizon_days=WEEK)
        return best_arms(
            np.concatenate([choice.in_cart[rows] for choice, rows in parts]),
            np.concatenate([choice.decisions.arm[rows] for choice, rows in parts]),
            seen.conversion > 0,
            n_arms=len(self._config.world.truth.arms),
        )

    def _report(self, moment: int, writer: RunWriter, figures: dict[str, Any]) -> None:
        """What the weeks delivered, and what those that are over changed, measured and true."""
        world = self.stream.world
        n_arms = len(self._config.world.truth.arms)
        weeks = [week_figures(week, n_arms=n_arms) for week in world.weeks]
        measured = {}
        if moment > 0:
            measured = measure_holdout(
                load_histories(self.workspace.current(FEATURES)),
                self._ids(),
                world,
                self._choices[:moment],
                margin_rate=self._campaign.margin_rate,
            )
        writer.json(REPORT, {"weeks": weeks, "holdout": measured})
        figures |= {**weeks[-1], **measured}


def _require_days(store: StoreConfig, config: ReplayConfig) -> None:
    world = config.world
    if len(decision_days(store, world)) < world.weeks:
        raise ConfigError(
            "'world.weeks'",
            f"{world.weeks} weeks from day {world.first_day} on end after the store's {store.days} days",
            rule="every decision has a week to take effect",
            next_step="Lower 'world.weeks', or raise 'days' in store.yaml.",
        )
