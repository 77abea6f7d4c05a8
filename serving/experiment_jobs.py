"""The jobs of `retarget design` and `retarget measure`: a test before its launch, and after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from features.config import load_config, read_yaml
from features.project import Project
from features.run import Run
from features.store import Workspace
from serving.jobs import Job
from serving.plans import Plan
from serving.plans import plan_measure as plan_overlay
from training.experiments.config import MeasureConfig
from training.experiments.data_config import ExperimentHistories, ExperimentTable, LargeTable
from training.experiments.design_config import DesignConfig, TableHistory
from training.experiments.design_run import design_flat, design_lines, design_project
from training.experiments.measure_run import measure_flat, measure_large_file, measure_project
from training.experiments.regions.config import RegionDesignConfig, RegionMeasureConfig
from training.experiments.regions.run import design_on_regions, measure_on_regions, region_lines

MEASURE: Final = "measure"
DESIGN_REGIONS: Final = "design_regions"
MEASURE_REGIONS: Final = "measure_regions"
"""Kinds of configs."""


def plan_measure(path: Path, overrides: Sequence[str]) -> Plan:
    """The experiment of a measure.yaml, or the lift of an experiment.yaml beside its planted truth."""
    kind = read_yaml(path).get("kind")
    if kind == MEASURE_REGIONS:
        return _measure_regions(path, overrides)
    if kind != MEASURE:
        return plan_overlay(path, overrides)
    config = load_config(MeasureConfig, path, overrides=overrides)
    data, folder = config.data, path.parent

    def carry_out() -> Run:
        if isinstance(data, ExperimentTable):
            return measure_flat(config, data, folder=folder)
        if isinstance(data, LargeTable):
            return measure_large_file(config, data, folder=folder)
        return measure_project(Project(folder), config, data)

    job = Job(
        "measure",
        "check a randomised experiment and measure what it changed",
        carry_out,
        ("rows", "units", "checks", "outcome", "lift", "low", "high"),
    )
    own = None if isinstance(data, ExperimentHistories) else config.workspace
    return Plan(_workspace(own, folder), (job,))


def plan_design(path: Path, overrides: Sequence[str]) -> Plan:
    """The test of a design.yaml, before it is launched."""
    if read_yaml(path).get("kind") == DESIGN_REGIONS:
        return _design_regions(path, overrides)
    config = load_config(DesignConfig, path, overrides=overrides)
    history, folder = config.history, path.parent

    def carry_out() -> Run:
        if isinstance(history, TableHistory):
            return design_flat(config, history, folder=folder)
        return design_project(Project(folder), config, history)

    job = Job(
        "design",
        "reckon which changes a test could find, and how long it takes",
        carry_out,
        ("persons", "plans", "answer"),
        told=design_lines,
    )
    own = config.workspace if isinstance(history, TableHistory) else None
    return Plan(_workspace(own, folder), (job,))


def _measure_regions(path: Path, overrides: Sequence[str]) -> Plan:
    config = load_config(RegionMeasureConfig, path, overrides=overrides)
    job = Job(
        "measure",
        "measure what a test on regions changed",
        lambda: measure_on_regions(config, folder=path.parent),
        ("regions", "treated", "checks", "outcome", "lift", "low", "high"),
    )
    return Plan(_workspace(config.workspace, path.parent), (job,))


def _design_regions(path: Path, overrides: Sequence[str]) -> Plan:
    config = load_config(RegionDesignConfig, path, overrides=overrides)
    job = Job(
        "design",
        "draw regions by lot, and reckon which changes a test on them could find",
        lambda: design_on_regions(config, folder=path.parent),
        ("regions", "treated", "plans", "answer"),
        told=region_lines,
    )
    return Plan(_workspace(config.workspace, path.parent), (job,))


def _workspace(own: str | None, folder: Path) -> Workspace:
    """The workspace named by a config of a flat table, or else its project's."""
    return Project(folder).workspace if own is None else Workspace((folder / own).resolve())
