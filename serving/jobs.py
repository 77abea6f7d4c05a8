"""The steps as named jobs: what each does, what its line shows, what is told after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from features.project import Project
from features.run import Run
from features.simulate.overlay import OverlayConfig
from features.simulate.store.config import StoreConfig
from features.steps.config import FeaturesConfig
from features.steps.features import build_features
from features.steps.id_maps import build_id_maps
from features.steps.ingest import alert_lines, ingest
from features.steps.segments import build_segments
from features.steps.simulate import simulate, write_truth
from features.steps.store import simulate_store
from features.steps.training_sets import build_training_sets, leakage_lines
from serving.audit import audit
from serving.config import CampaignConfig
from serving.exports.config import ExportsConfig
from serving.exports.export import export
from serving.exports.section import export_lines
from serving.figures import score_alerts
from serving.replays.replay import Replay
from serving.report import write_report
from serving.score import score
from training import steps as models
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.train import train_flat_recommender
from training.project_recommender.config import RecommenderTrainingConfig
from training.promotion.promote import (
    Contest,
    decision_lines,
    promote_trained,
)
from training.train_flat import train_flat
from training.uplift.config import UpliftTrainingConfig

PROMOTION: Final = "put the new version in force, if it is shown not to be worse"


@dataclass(frozen=True)
class Job:
    """One step, ready to run.

    Attributes:
        name: what the progress line calls it.
        purpose: what it does, in words.
        carry_out: computes the run, or finds it finished.
        shown: figures of the run's manifest that the progress line shows.
        told: lines to print after it, for a person; None = none.
        judge: stops the command once all that is told; None = nothing to judge.
    """

    name: str
    purpose: str
    carry_out: Callable[[], Run]
    shown: tuple[str, ...]
    told: Callable[[Run], list[str]] | None = None
    judge: Callable[[Run], None] | None = None


def store_job(project: Project, config: StoreConfig) -> Job:
    """Make up a store."""
    return Job(
        "store",
        "make up a store: event files and a feed, with the truth apart",
        lambda: simulate_store(project.workspace, config),
        ("persons", "events", "duplicates", "late", "malformed", "id_drift", "bot_events"),
    )


def ingest_job(project: Project) -> Job:
    """Read the source."""
    return Job(
        "ingest",
        "read the source into tables and rejects",
        lambda: ingest(project),
        ("rows_in", "events", "rejects", "persons", "items"),
        told=alert_lines,
    )


def features_job(project: Project) -> Job:
    """Sort histories, build features."""
    return Job(
        "features",
        "sort histories by person, build features",
        lambda: build_features(project),
        ("persons", "events_before_as_of", "features"),
    )


def segments_job(project: Project, config: FeaturesConfig) -> Job:
    """Put persons into segments."""
    return Job(
        "segments",
        "put persons into segments by exact rules",
        lambda: build_segments(project, config),
        ("persons_in_segments", "memberships"),
    )


def training_set_jobs(project: Project, config: FeaturesConfig) -> tuple[Job, Job]:
    """Number persons and items, then write the training sets."""
    return (
        Job(
            "id maps",
            "number persons and items, known ones as before",
            lambda: build_id_maps(project),
            ("persons", "new_persons", "items", "new_items"),
        ),
        Job(
            "training sets",
            "write what models learn from, and check that it knows no future",
            lambda: build_training_sets(project, config),
            ("ranking_rows", "label_rate", "candidate_recall", "interactions_rows", "leakage"),
            leakage_lines,
        ),
    )


def simulate_jobs(project: Project, overlay: OverlayConfig) -> tuple[Job, Job]:
    """Lay a campaign over real histories, and write its truth apart."""
    return (
        Job(
            "simulate",
            "lay a randomised campaign over the real histories",
            lambda: simulate(project, overlay),
            ("assignments", "persons", "decision_points", "exposures_and_ghosts"),
        ),
        Job(
            "truth",
            "write the planted effects apart",
            lambda: write_truth(project, overlay),
            ("rows",),
        ),
    )


def replay_jobs(replay: Replay, weeks: int) -> tuple[Job, ...]:
    """A made-up store week by week, and the measurement after the last."""
    shown = ("contacts", "cost", "true_margin")
    return tuple(
        Job(
            f"week {week}" if week < weeks else "outcome",
            "deliver, learn, decide, contact" if week < weeks else "measure what all weeks changed",
            partial(replay.week, week),
            shown if week < weeks else ("lift", "low", "high", "true_lift"),
        )
        for week in range(weeks + 1)
    )


def train_recommender_job(project: Project, config: RecommenderTrainingConfig) -> Job:
    """Train a recommender on a project's histories."""
    return Job(
        "train recommender",
        "tune, compare and register recommenders",
        lambda: models.train_recommender(project, config),
        ("champion", "test_ndcg", "baseline_ndcg", "interactions"),
    )


def train_uplift_job(project: Project, config: UpliftTrainingConfig) -> Job:
    """Train an uplift model on a project's campaign."""
    return Job(
        "train uplift",
        "fit and evaluate the uplift model",
        lambda: models.train_uplift(project, config),
        ("rows", "test_rows", "qini_per_head", "qini_low", "qini_high"),
    )


def train_flat_uplift_job(config: UpliftTrainingConfig, folder: Path) -> Job:
    """Train an uplift model on a flat table."""
    return Job(
        "train uplift",
        "fit and evaluate an uplift model on a flat table",
        lambda: train_flat(config, folder=folder),
        ("rows_in", "rows_out", "rejects"),
    )


def train_flat_recommender_job(config: FlatRecommenderConfig, folder: Path) -> Job:
    """Train a recommender on flat files."""
    return Job(
        "train recommender",
        "tune and compare recommenders on flat files",
        lambda: train_flat_recommender(config, folder=folder),
        ("rows_in", "rejects", "lists", "champion", "metric", "value", "low", "high"),
    )


def promote_job(name: str, contest: Contest) -> Job:
    """Let the promotion gate judge a version just trained."""
    return Job(
        f"promote {name}",
        PROMOTION,
        lambda: promote_trained(contest),
        ("decision",),
        told=decision_lines,
    )


def score_job(project: Project, config: CampaignConfig) -> Job:
    """Decide."""
    return Job(
        "score",
        "decide whom to contact with what",
        lambda: score(project, config),
        ("persons", "eligible", "held_out", "contacted", "expected_cost", "expected_margin"),
        told=score_alerts,
    )


def export_job(project: Project, config: ExportsConfig) -> Job:
    """Write files for ad platforms."""
    return Job(
        "export",
        "ask again who may be contacted, write the files for platforms",
        lambda: export(project, config),
        ("persons", "dropped", "files", "rows", "added", "removed", "not_available"),
        told=export_lines,
    )


def audit_job(project: Project) -> Job:
    """Check what was decided and exported, by code that shares none with what made it; tell what is wrong."""
    return _audit_job(lambda: audit.audit_project(project), told=audit.alert_lines)


def audit_path_job(path: Path) -> Job:
    """The same for a project folder or one stored run; tell every rule."""
    if not audit.is_project(path):
        return _audit_job(lambda: audit.audit_run(path), told=audit.audit_lines)
    project = Project(path if path.is_dir() else path.parent)
    return _audit_job(lambda: audit.audit_project(project), told=audit.audit_lines)


def _audit_job(carry_out: Callable[[], Run], *, told: Callable[[Run], list[str]]) -> Job:
    return Job(
        "audit",
        "read files and facts again, check every rule",
        carry_out,
        ("rules", "violations", "rules_broken", "rules_not_checked", "persons", "files"),
        told=told,
        judge=audit.require_clean,
    )


def measure_job(project: Project, overlay: OverlayConfig) -> Job:
    """Estimate the lift."""
    return Job(
        "measure",
        "estimate the lift, beside the planted truth",
        lambda: models.measure(project, overlay),
        ("sample_ratio", "lift", "low", "high", "planted"),
    )


def report_job(project: Project) -> Job:
    """Write the page."""
    return Job(
        "report",
        "write one page that opens offline",
        lambda: write_report(project),
        ("file", "kilobytes"),
    )
