"""What promoting takes for each kind of training: its models, and how another setting is judged on its test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from features import columns as c
from features.config import validate
from features.errors import InputError, WorkspaceError
from features.project import Project
from features.run import Run
from features.sources.flat_table import read_flat_table
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.store import Workspace
from features.tables import CATALOG
from training.flat_recommender.config import FlatRecommenderConfig
from training.flat_recommender.train import (
    FLAT_PROJECT,
    TRAIN_FLAT_RECOMMENDER,
    flat_recommender_workspace,
    open_flat_files,
)
from training.models.registry import ModelRegistry, ModelVersion
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.fit import value_on_test
from training.promotion.config import PromotionConfig
from training.promotion.gate import Check
from training.promotion.promote import Contest
from training.promotion.recommenders import compare_recommenders
from training.promotion.stored import stored_manifest
from training.promotion.uplift import compare_uplift_models, stored_uplift_config
from training.recommenders.attributes import ItemAttributes
from training.steps import RECOMMENDER, TRAIN_RECOMMENDER, UPLIFT, campaign_rows
from training.test_values import TestValues
from training.tracking.mlflow_store import MlflowStore
from training.train_flat import (
    TRAIN_UPLIFT,
    UPLIFT_PROJECT,
    flat_model_names,
    flat_rows,
    flat_workspace,
)
from training.uplift.config import UpliftTrainingConfig
from training.uplift.data_config import FlatTableData, HistoriesData
from training.uplift.rows import UpliftRows

PROMOTE_RECOMMENDER: Final = "promote-recommender"
PROMOTE_UPLIFT: Final = "promote-uplift"


def recommender_contest(project: Project, promotion: PromotionConfig) -> Contest:
    """The recommender of a project."""
    gate = promotion.recommender

    def compare(new: ModelVersion, old: ModelVersion) -> list[Check]:
        value = partial(_value_on_histories, project.workspace, stored_manifest(new))
        return compare_recommenders(new, old, gate, value=value)

    return Contest(
        PROMOTE_RECOMMENDER,
        project.workspace,
        _registry(project.workspace, project.config.name),
        TRAIN_RECOMMENDER,
        lambda _: [RECOMMENDER],
        gate,
        compare,
    )


def uplift_contest(project: Project, promotion: PromotionConfig) -> Contest:
    """The uplift model of a project."""
    gate = promotion.uplift

    def compare(new: ModelVersion, old: ModelVersion) -> list[Check]:
        config, inputs = stored_uplift_config(new), stored_manifest(new)["inputs"]
        rows = partial(_campaign_rows, project.workspace, inputs, config)
        return compare_uplift_models(new, old, gate, config=config, rows=rows)

    return Contest(
        PROMOTE_UPLIFT,
        project.workspace,
        _registry(project.workspace, project.config.name),
        TRAIN_UPLIFT,
        lambda _: [UPLIFT],
        gate,
        compare,
    )


def flat_recommender_contest(
    config: FlatRecommenderConfig, promotion: PromotionConfig, *, folder: Path
) -> Contest:
    """The recommender of a training on flat files; `folder` is that of its config."""
    gate, workspace = (
        promotion.flat_recommender,
        flat_recommender_workspace(config, folder=folder),
    )

    def compare(new: ModelVersion, old: ModelVersion) -> list[Check]:
        value = partial(_value_on_files, config, folder, stored_manifest(new))
        return compare_recommenders(new, old, gate, value=value)

    return Contest(
        PROMOTE_RECOMMENDER,
        workspace,
        _registry(workspace, FLAT_PROJECT),
        TRAIN_FLAT_RECOMMENDER,
        lambda _: [FLAT_PROJECT],
        gate,
        compare,
    )


def flat_uplift_contest(
    config: UpliftTrainingConfig, promotion: PromotionConfig, *, folder: Path
) -> Contest:
    """The uplift models of a training on a flat file, one per treated arm; `folder` is that of its config."""
    gate, workspace = promotion.uplift, flat_workspace(config, folder=folder)

    def compare(new: ModelVersion, old: ModelVersion) -> list[Check]:
        stored = stored_uplift_config(new)
        rows = partial(_file_rows, config, folder, stored, stored_manifest(new)["inputs"])
        return compare_uplift_models(new, old, gate, config=stored, rows=rows)

    return Contest(
        PROMOTE_UPLIFT,
        workspace,
        _registry(workspace, UPLIFT_PROJECT),
        TRAIN_UPLIFT,
        lambda run: list(flat_model_names(run)),
        gate,
        compare,
    )


def _registry(workspace: Workspace, project: str) -> ModelRegistry:
    return ModelRegistry(MlflowStore(workspace.root, project))


def _value_on_histories(
    workspace: Workspace, manifest: Mapping[str, Any], setting: Any
) -> TestValues:
    inputs = manifest["inputs"]
    return value_on_test(
        setting,
        load_histories(_input(workspace, FEATURES, inputs)),
        validate(RecommenderTrainingConfig, manifest["config"], subject="stored training"),
        as_of=datetime.fromisoformat(inputs[c.AS_OF]),
        attributes=ItemAttributes.from_table(_input(workspace, INGEST, inputs).read(CATALOG)),
    )


def _value_on_files(
    config: FlatRecommenderConfig, folder: Path, manifest: Mapping[str, Any], setting: Any
) -> TestValues:
    files = open_flat_files(config, folder=folder)
    _require_content(files.content, manifest["inputs"])
    stored = validate(FlatRecommenderConfig, manifest["config"], subject="stored training")
    alone = stored.model_copy(update={"candidates": (setting,), "trials": 1})
    return files.compare(alone).results[0].values


def _campaign_rows(
    workspace: Workspace, inputs: Mapping[str, str], config: UpliftTrainingConfig
) -> UpliftRows:
    data = config.data
    if not isinstance(data, HistoriesData):
        raise TypeError("a project's uplift model is trained on histories")
    return campaign_rows(
        _input(workspace, FEATURES, inputs), _input(workspace, SIMULATE, inputs), data
    )


def _file_rows(
    config: UpliftTrainingConfig,
    folder: Path,
    stored: UpliftTrainingConfig,
    inputs: Mapping[str, str],
) -> UpliftRows:
    own, data = config.data, stored.data
    if not isinstance(own, FlatTableData) or not isinstance(data, FlatTableData):
        raise TypeError("a flat training reads a file")
    flat = read_flat_table((folder / own.path).resolve(), separator=own.separator)
    _require_content(flat.content, inputs)
    rows, _ = flat_rows(flat, data, stored)
    return rows


def _input(workspace: Workspace, step: str, inputs: Mapping[str, str]) -> Run:
    run = workspace.stored(step, inputs[step])
    if run is None:
        raise WorkspaceError(
            str(workspace.root / step),
            f"the run {inputs[step]} is gone",
            rule="the settings in force are judged on the data of the new training",
            next_step="Train again, or promote the version with --force.",
        )
    return run


def _require_content(content: str, inputs: Mapping[str, str]) -> None:
    if content != inputs["data"]:
        raise InputError(
            "data",
            "is another file than the training read",
            rule="the settings in force are judged on the data of the new training",
            next_step="Train again, or promote the version with --force.",
        )
