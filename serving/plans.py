"""What each command does: jobs planned from configs before any data is read, then carried out in order."""

from __future__ import annotations

from collections.abc import Sequence
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
from features.simulate.store.replay_config import ReplayConfig
from features.steps.config import FEATURES_FILE, features_config
from features.store import Workspace
from serving.audit.audit import workspace_of
from serving.config import CampaignConfig
from serving.exports.config import EXPORTS_FILE, ExportsConfig
from serving.jobs import (
    PROMOTION,
    Job,
    audit_job,
    audit_path_job,
    export_job,
    features_job,
    ingest_job,
    measure_job,
    promote_job,
    replay_jobs,
    report_job,
    score_job,
    segments_job,
    simulate_jobs,
    store_job,
    train_flat_recommender_job,
    train_flat_uplift_job,
    train_recommender_job,
    train_uplift_job,
    training_set_jobs,
)
from serving.replays.replay import REPLAY, Replay
from training.flat_recommender.config import FlatRecommenderConfig
from training.project_recommender.config import RecommenderTrainingConfig
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
    require_promoted,
)
from training.uplift.config import UpliftTrainingConfig

RECOMMENDER: Final = "recommender"
FLAT_RECOMMENDER: Final = "flat_recommender"
UPLIFT: Final = "uplift"
CAMPAIGN: Final = "campaign"
EXPERIMENT: Final = "experiment"
STORE: Final = "store"
_PROJECT: Final = "project"
_STEP_FILES: Final = (
    _PROJECT, STORE, FEATURES_FILE, EXPERIMENT, RECOMMENDER, UPLIFT, PROMOTION_FILE, CAMPAIGN,
    EXPORTS_FILE,
)  # fmt: skip


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
        ingest_job(project),
        features_job(project),
        segments_job(project, sets),
        *simulate_jobs(project, overlay),
        *training_set_jobs(project, sets),
        train_recommender_job(project, recommender),
        promote_job(RECOMMENDER, recommender_contest(project, promotion)),
        train_uplift_job(project, uplift),
        promote_job(UPLIFT, uplift_contest(project, promotion)),
        score_job(project, campaign),
        *_exports(project, own[EXPORTS_FILE]),
        audit_job(project),
        measure_job(project, overlay),
        report_job(project),
    )
    return Plan(project.workspace, jobs)


def plan_ingest(path: Path, overrides: Sequence[str]) -> Plan:
    """The ingest step of a project.yaml."""
    project = _project(path, overrides)
    return Plan(project.workspace, (ingest_job(project),))


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
    jobs = (features_job(project), segments_job(project, sets), *training_set_jobs(project, sets))
    return Plan(project.workspace, jobs)


def plan_simulate(path: Path, overrides: Sequence[str]) -> Plan:
    """The made-up store of a store.yaml, its replay by a replay.yaml, or the campaign overlay of an experiment.yaml."""
    kind = read_yaml(path).get("kind")
    if kind == REPLAY:
        return _replay(path, overrides)
    project = Project(path.parent)
    if kind == STORE:
        store = load_config(StoreConfig, path, overrides=overrides)
        return Plan(project.workspace, (store_job(project, store),))
    overlay = load_config(OverlayConfig, path, overrides=overrides)
    return Plan(project.workspace, simulate_jobs(project, overlay))


def _replay(path: Path, overrides: Sequence[str]) -> Plan:
    config = load_config(ReplayConfig, path, overrides=overrides)
    replay = Replay(path.parent, config, _overrides_by_file(config.overrides))
    return Plan(replay.workspace, replay_jobs(replay, config.world.weeks))


def plan_train(path: Path, overrides: Sequence[str]) -> Plan:
    """A training config: a recommender or an uplift model, each from a project's histories or from flat files.

    Raises:
        ConfigError: `kind` is missing or unknown.
    """
    job, contest = _training(path, overrides)
    return Plan(contest.workspace, (job, promote_job(job.name.removeprefix("train "), contest)))


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

    job = Job("promote", PROMOTION, carry_out, ("decision",), told=decision_lines)
    return Plan(contest.workspace, (job,))


def _training(path: Path, overrides: Sequence[str]) -> tuple[Job, Contest]:
    """The training of a config, and the promotion of what it makes."""
    kind, folder = read_yaml(path).get("kind"), path.parent
    promotion = _promotion(folder, ())
    if kind == RECOMMENDER:
        recommender = load_config(RecommenderTrainingConfig, path, overrides=overrides)
        project = Project(folder)
        return train_recommender_job(project, recommender), recommender_contest(project, promotion)
    if kind == FLAT_RECOMMENDER:
        flat = load_config(FlatRecommenderConfig, path, overrides=overrides)
        contest = flat_recommender_contest(flat, promotion, folder=folder)
        return train_flat_recommender_job(flat, folder), contest
    if kind == UPLIFT:
        uplift = load_config(UpliftTrainingConfig, path, overrides=overrides)
        if uplift.data.kind == "flat_table":
            contest = flat_uplift_contest(uplift, promotion, folder=folder)
            return train_flat_uplift_job(uplift, folder), contest
        project = Project(folder)
        return train_uplift_job(project, uplift), uplift_contest(project, promotion)
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
    return Plan(project.workspace, (score_job(project, campaign),))


def plan_export(path: Path, overrides: Sequence[str]) -> Plan:
    """The files of an exports.yaml, from the decisions in force."""
    project = Project(path.parent)
    exports = load_config(ExportsConfig, path, overrides=overrides)
    return Plan(project.workspace, (export_job(project, exports),))


def plan_audit(path: Path) -> Plan:
    """The audit of a project's decisions and export in force, or of one stored run."""
    return Plan(workspace_of(path), (audit_path_job(path),))


def plan_measure(path: Path, overrides: Sequence[str]) -> Plan:
    """The lift of an experiment.yaml."""
    project = Project(path.parent)
    overlay = load_config(OverlayConfig, path, overrides=overrides)
    return Plan(project.workspace, (measure_job(project, overlay),))


def plan_report(path: Path, overrides: Sequence[str]) -> Plan:
    """The report of a project.yaml."""
    project = _project(path, overrides)
    return Plan(project.workspace, (report_job(project),))


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
    return (store_job(project, load_config(StoreConfig, path, overrides=overrides)),)


def _exports(project: Project, overrides: Sequence[str]) -> tuple[Job, ...]:
    """The export job of a project that has an exports.yaml."""
    if not overrides and not (project.folder / f"{EXPORTS_FILE}.yaml").is_file():
        return ()
    config = project.step_config(ExportsConfig, EXPORTS_FILE, overrides=overrides)
    return (export_job(project, config),)
