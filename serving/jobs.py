"""What each command does, as named jobs: planned from configs before any data is read, then carried out in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from features.config import load_config, read_yaml
from features.erasure.erase import erase
from features.erasure.request import ErasureConfig
from features.errors import ConfigError
from features.project import PROJECT_FILE, Project
from features.run import Run
from features.simulate.overlay import OverlayConfig
from features.simulate.store.config import StoreConfig
from features.steps.config import FEATURES_FILE, FeaturesConfig, features_config
from features.steps.features import build_features
from features.steps.id_maps import build_id_maps
from features.steps.ingest import alert_lines, ingest
from features.steps.segments import build_segments
from features.steps.simulate import simulate, write_truth
from features.steps.store import simulate_store
from features.steps.training_sets import build_training_sets, leakage_lines
from features.store import Workspace
from serving.config import CampaignConfig
from serving.exports.config import EXPORTS_FILE, ExportsConfig
from serving.exports.export import export
from serving.exports.section import export_lines
from serving.report import write_report
from serving.score import score
from training import steps as models
from training.flat_recommender_config import FlatRecommenderConfig
from training.promotion.config import PROMOTION_FILE, PromotionConfig
from training.promotion.contests import (
    flat_recommender_contest,
    flat_uplift_contest,
    recommender_contest,
    uplift_contest,
)
from training.promotion.promote import (
    Contest,
    decision_lines,
    promote_asked,
    promote_trained,
    require_promoted,
)
from training.recommender_config import RecommenderTrainingConfig
from training.train_flat import train_flat
from training.train_flat_recommender import train_flat_recommender
from training.uplift.config import UpliftTrainingConfig

RECOMMENDER: Final = "recommender"
FLAT_RECOMMENDER: Final = "flat_recommender"
UPLIFT: Final = "uplift"
CAMPAIGN: Final = "campaign"
EXPERIMENT: Final = "experiment"
STORE: Final = "store"
_PROJECT: Final = "project"
_PROMOTION: Final = "put the new version in force, if it is shown not to be worse"
_STEP_FILES: Final = (
    _PROJECT, STORE, FEATURES_FILE, EXPERIMENT, RECOMMENDER, UPLIFT, PROMOTION_FILE, CAMPAIGN,
    EXPORTS_FILE,
)  # fmt: skip


@dataclass(frozen=True)
class Job:
    """One step, ready to run.

    Attributes:
        name: what the progress line calls it.
        purpose: what it does, in words.
        carry_out: computes the run, or finds it finished.
        shown: figures of the run's manifest that the progress line shows.
        told: lines to print after it, for a person; None = none.
    """

    name: str
    purpose: str
    carry_out: Callable[[], Run]
    shown: tuple[str, ...]
    told: Callable[[Run], list[str]] | None = None


@dataclass(frozen=True)
class Plan:
    """Jobs in order, over one workspace."""

    workspace: Workspace
    jobs: tuple[Job, ...]


def plan_project(folder: Path, overrides: Sequence[str]) -> Plan:
    """All steps of a project folder.

    Args:
        folder: holds project.yaml, experiment.yaml, recommender.yaml, uplift.yaml, perhaps promotion.yaml, campaign.yaml; with an exports.yaml the
            decisions are exported too, and with a store.yaml the store itself is made up.
        overrides: `<file>.<key>=value`, for example `campaign.budget.amount=50`.

    Raises:
        ConfigError: any of the configs is missing or wrong; nothing has been read or written then.
    """
    own = _overrides_by_file(overrides)
    project = Project(folder, overrides=own[_PROJECT])
    sets = features_config(project, own[FEATURES_FILE])
    overlay = project.step_config(OverlayConfig, EXPERIMENT, overrides=own[EXPERIMENT])
    recommender = project.step_config(
        RecommenderTrainingConfig, RECOMMENDER, overrides=own[RECOMMENDER]
    )
    uplift = project.step_config(UpliftTrainingConfig, UPLIFT, overrides=own[UPLIFT])
    promotion = _promotion(folder, own[PROMOTION_FILE])
    campaign = project.step_config(CampaignConfig, CAMPAIGN, overrides=own[CAMPAIGN])
    jobs = (
        *_made_up_store(project, own[STORE]),
        _ingest(project),
        _features(project),
        _segments(project, sets),
        *_simulate(project, overlay),
        *_training_sets(project, sets),
        _train_recommender(project, recommender),
        _promote(RECOMMENDER, recommender_contest(project, promotion)),
        _train_uplift(project, uplift),
        _promote(UPLIFT, uplift_contest(project, promotion)),
        _score(project, campaign),
        *_exports(project, own[EXPORTS_FILE]),
        _measure(project, overlay),
        _report(project),
    )
    return Plan(project.workspace, jobs)


def plan_ingest(path: Path, overrides: Sequence[str]) -> Plan:
    """The ingest step of a project.yaml."""
    project = _project(path, overrides)
    return Plan(project.workspace, (_ingest(project),))


def plan_features(path: Path, overrides: Sequence[str]) -> Plan:
    """Everything built from histories: features, segments, training sets with their leakage checks.

    Args:
        path: a project folder, or its project.yaml.
        overrides: for a folder `<file>.<key>=value`, for project.yaml `<key>=value`.
    """
    if path.is_dir():
        own = _overrides_by_file(overrides, files=(_PROJECT, FEATURES_FILE))
        project = Project(path, overrides=own[_PROJECT])
        sets = features_config(project, own[FEATURES_FILE])
    else:
        project = _project(path, overrides)
        sets = features_config(project, [])
    jobs = (_features(project), _segments(project, sets), *_training_sets(project, sets))
    return Plan(project.workspace, jobs)


def plan_simulate(path: Path, overrides: Sequence[str]) -> Plan:
    """The made-up store of a store.yaml, or the campaign overlay of an experiment.yaml."""
    project = Project(path.parent)
    if read_yaml(path).get("kind") == STORE:
        store = load_config(StoreConfig, path, overrides=overrides)
        return Plan(project.workspace, (_store(project, store),))
    overlay = load_config(OverlayConfig, path, overrides=overrides)
    return Plan(project.workspace, _simulate(project, overlay))


def plan_train(path: Path, overrides: Sequence[str]) -> Plan:
    """A training config: a recommender or an uplift model, each from a project's histories or from flat files.

    Raises:
        ConfigError: `kind` is missing or unknown.
    """
    job, contest = _training(path, overrides)
    return Plan(contest.workspace, (job, _promote(job.name.removeprefix("train "), contest)))


def plan_promote(
    path: Path,
    overrides: Sequence[str],
    *,
    model: str | None = None,
    number: int | None = None,
    force: str = "",
) -> Plan:
    """The promotion, by hand, of a version that a training config made; arguments as in `promote_asked`.

    Raises:
        ConfigError: `kind` is missing or unknown.
    """
    _, contest = _training(path, overrides)

    def carry_out() -> Run:
        run = promote_asked(contest, model=model, number=number, force=force)
        require_promoted(run)
        return run

    job = Job("promote", _PROMOTION, carry_out, ("decision",), told=decision_lines)
    return Plan(contest.workspace, (job,))


def _training(path: Path, overrides: Sequence[str]) -> tuple[Job, Contest]:
    """The training of a config, and the promotion of what it makes."""
    kind, folder = read_yaml(path).get("kind"), path.parent
    promotion = _promotion(folder, ())
    if kind == RECOMMENDER:
        recommender = load_config(RecommenderTrainingConfig, path, overrides=overrides)
        project = Project(folder)
        return _train_recommender(project, recommender), recommender_contest(project, promotion)
    if kind == FLAT_RECOMMENDER:
        flat = load_config(FlatRecommenderConfig, path, overrides=overrides)
        contest = flat_recommender_contest(flat, promotion, folder=folder)
        return _train_flat_recommender(flat, folder), contest
    if kind == UPLIFT:
        uplift = load_config(UpliftTrainingConfig, path, overrides=overrides)
        if uplift.data.kind == "flat_table":
            contest = flat_uplift_contest(uplift, promotion, folder=folder)
            return _train_flat_uplift(uplift, folder), contest
        project = Project(folder)
        return _train_uplift(project, uplift), uplift_contest(project, promotion)
    raise ConfigError(
        str(path),
        f"'kind' is {kind!r}",
        rule=f"a training config has kind: {RECOMMENDER}, {FLAT_RECOMMENDER} or {UPLIFT}",
        next_step="Set 'kind', or check that this is a training config.",
    )


def _promotion(folder: Path, overrides: Sequence[str]) -> PromotionConfig:
    """The promotion.yaml beside the training configs, or its defaults."""
    path = folder / f"{PROMOTION_FILE}.yaml"
    if path.is_file():
        return load_config(PromotionConfig, path, overrides=overrides)
    if overrides:
        raise ConfigError(
            f"override '{PROMOTION_FILE}.{overrides[0]}'",
            f"there is no {path}",
            rule="an override changes a config file",
            next_step="Write the file; 'kind: promotion' alone is enough.",
        )
    return PromotionConfig()


def plan_score(path: Path, overrides: Sequence[str]) -> Plan:
    """The nightly job of a campaign.yaml."""
    project = Project(path.parent)
    campaign = load_config(CampaignConfig, path, overrides=overrides)
    return Plan(project.workspace, (_score(project, campaign),))


def plan_export(path: Path, overrides: Sequence[str]) -> Plan:
    """The files of an exports.yaml, from the decisions in force."""
    project = Project(path.parent)
    exports = load_config(ExportsConfig, path, overrides=overrides)
    return Plan(project.workspace, (_export(project, exports),))


def plan_measure(path: Path, overrides: Sequence[str]) -> Plan:
    """The lift of an experiment.yaml."""
    project = Project(path.parent)
    overlay = load_config(OverlayConfig, path, overrides=overrides)
    return Plan(project.workspace, (_measure(project, overlay),))


def plan_report(path: Path, overrides: Sequence[str]) -> Plan:
    """The report of a project.yaml."""
    project = _project(path, overrides)
    return Plan(project.workspace, (_report(project),))


def plan_erase(path: Path, overrides: Sequence[str]) -> Plan:
    """The erasure of an erasure.yaml, from the workspace it names or else from its project's."""
    config = load_config(ErasureConfig, path, overrides=overrides)
    if config.workspace is None:
        workspace = Project(path.parent).workspace
    else:
        workspace = Workspace((path.parent / config.workspace).resolve())
    job = Job(
        "erase",
        "remove the listed persons from every file, with a proof",
        lambda: erase(workspace, config, folder=path.parent),
        ("ids_listed", "not_found", "rows_removed", "runs_rewritten", "files_searched", "hits"),
    )
    return Plan(workspace, (job,))


def _project(path: Path, overrides: Sequence[str]) -> Project:
    if path.name != PROJECT_FILE:
        raise ConfigError(
            str(path),
            f"is not a {PROJECT_FILE}",
            rule="this step is configured by the project",
            next_step=f"Give {path.parent / PROJECT_FILE}.",
        )
    return Project(path.parent, overrides=overrides)


def _overrides_by_file(
    overrides: Sequence[str], *, files: Sequence[str] = _STEP_FILES
) -> dict[str, list[str]]:
    own: dict[str, list[str]] = {name: [] for name in files}
    for override in overrides:
        name, _, rest = override.partition(".")
        if name not in own or not rest:
            raise ConfigError(
                f"override {override!r}",
                f"does not start with a config file of the project ({', '.join(own)})",
                rule="for a whole project an override is <file>.<key>=value",
                next_step="For example: campaign.budget.amount=50",
            )
        own[name].append(rest)
    return own


def _made_up_store(project: Project, overrides: Sequence[str]) -> tuple[Job, ...]:
    """The store of the project's store.yaml; none where there is no such file."""
    path = project.folder / f"{STORE}.yaml"
    if not path.exists():
        return ()
    return (_store(project, load_config(StoreConfig, path, overrides=overrides)),)


def _store(project: Project, config: StoreConfig) -> Job:
    return Job(
        "store",
        "make up a store: event files and a feed, with the truth apart",
        lambda: simulate_store(project.workspace, config),
        ("persons", "events", "duplicates", "late", "malformed", "id_drift", "bot_events"),
    )


def _ingest(project: Project) -> Job:
    return Job(
        "ingest",
        "read the source into tables and rejects",
        lambda: ingest(project),
        ("rows_in", "events", "rejects", "persons", "items"),
        told=alert_lines,
    )


def _features(project: Project) -> Job:
    return Job(
        "features",
        "sort histories by person, build features",
        lambda: build_features(project),
        ("persons", "events_before_as_of", "features"),
    )


def _segments(project: Project, config: FeaturesConfig) -> Job:
    return Job(
        "segments",
        "put persons into segments by exact rules",
        lambda: build_segments(project, config),
        ("persons_in_segments", "memberships"),
    )


def _training_sets(project: Project, config: FeaturesConfig) -> tuple[Job, Job]:
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


def _simulate(project: Project, overlay: OverlayConfig) -> tuple[Job, Job]:
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


def _train_recommender(project: Project, config: RecommenderTrainingConfig) -> Job:
    return Job(
        "train recommender",
        "tune, compare and register recommenders",
        lambda: models.train_recommender(project, config),
        ("champion", "test_ndcg", "baseline_ndcg", "interactions"),
    )


def _train_uplift(project: Project, config: UpliftTrainingConfig) -> Job:
    return Job(
        "train uplift",
        "fit and evaluate the uplift model",
        lambda: models.train_uplift(project, config),
        ("rows", "test_rows", "qini_per_head", "qini_low", "qini_high"),
    )


def _train_flat_uplift(config: UpliftTrainingConfig, folder: Path) -> Job:
    return Job(
        "train uplift",
        "fit and evaluate an uplift model on a flat table",
        lambda: train_flat(config, folder=folder),
        ("rows_in", "rows_out", "rejects"),
    )


def _train_flat_recommender(config: FlatRecommenderConfig, folder: Path) -> Job:
    return Job(
        "train recommender",
        "tune and compare recommenders on flat files",
        lambda: train_flat_recommender(config, folder=folder),
        ("rows_in", "rejects", "lists", "champion", "metric", "value", "low", "high"),
    )


def _promote(name: str, contest: Contest) -> Job:
    return Job(
        f"promote {name}",
        _PROMOTION,
        lambda: promote_trained(contest),
        ("decision",),
        told=decision_lines,
    )


def _score(project: Project, config: CampaignConfig) -> Job:
    return Job(
        "score",
        "decide whom to contact with what",
        lambda: score(project, config),
        ("persons", "eligible", "held_out", "contacted", "expected_cost", "expected_margin"),
    )


def _exports(project: Project, overrides: Sequence[str]) -> tuple[Job, ...]:
    """The export job of a project that has an exports.yaml."""
    if not overrides and not (project.folder / f"{EXPORTS_FILE}.yaml").is_file():
        return ()
    config = project.step_config(ExportsConfig, EXPORTS_FILE, overrides=overrides)
    return (_export(project, config),)


def _export(project: Project, config: ExportsConfig) -> Job:
    return Job(
        "export",
        "ask again who may be contacted, write the files for platforms",
        lambda: export(project, config),
        ("persons", "dropped", "files", "rows", "added", "removed", "not_available"),
        told=export_lines,
    )


def _measure(project: Project, overlay: OverlayConfig) -> Job:
    return Job(
        "measure",
        "estimate the lift, beside the planted truth",
        lambda: models.measure(project, overlay),
        ("sample_ratio", "lift", "low", "high", "planted"),
    )


def _report(project: Project) -> Job:
    return Job(
        "report",
        "write one page that opens offline",
        lambda: write_report(project),
        ("file", "kilobytes"),
    )
