"""The steps of the training floor: recommender, uplift model, measurement; each a run, the models also tracked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from features import columns as c
from features.project import Project
from features.run import Run, RunWriter, to_json
from features.simulate.overlay import OverlayConfig
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE, TRUTH_STEP
from features.tables import ASSIGNMENTS, CATALOG, DECISIONS, EXPOSURES, OUTCOMES, TRUTH
from features.training_sets.uplift import UPLIFT_FEATURES, uplift_set
from training.bundle import read_bundle
from training.experiments.campaign import measure_campaign, measure_decisions
from training.fit_uplift import fit_uplift
from training.project_recommender.config import RecommenderTrainingConfig
from training.project_recommender.fit import fit_recommenders
from training.recommenders.attributes import ItemAttributes
from training.reports.recommender import history_card, recommender_plots
from training.test_values import TEST_VALUES
from training.tracking.model_pages import write_pages
from training.tracking.runs import CURVES, PARAMETERS, TRACKED, track_run
from training.train_flat import TRAIN_UPLIFT, content_config, uplift_bundles, write_uplift
from training.uplift.config import UpliftTrainingConfig
from training.uplift.data_config import HistoriesData
from training.uplift.rows import UpliftRows, rows_from_histories

TRAIN_RECOMMENDER: Final = "train-recommender"
MEASURE: Final = "measure"
RECOMMENDER: Final = "recommender"
UPLIFT: Final = "uplift"
BUNDLE: Final = "bundle"
METRICS: Final = "metrics.json"

_LAYER: Final = "training"
_SCORE: Final = "score"


def train_recommender(project: Project, config: RecommenderTrainingConfig) -> Run:
    """Compare recommenders on the project's histories; track the run and register its champion."""
    workspace, as_of = project.workspace, project.config.as_of
    built, ingested = workspace.current(FEATURES), workspace.current(INGEST)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        comparison = fit_recommenders(
            load_histories(built),
            config,
            as_of=as_of,
            attributes=ItemAttributes.from_table(ingested.read(CATALOG)),
        )
        comparison.model.save(writer.path / BUNDLE)
        writer.json(METRICS, comparison.metrics())
        stored = json.loads(to_json(comparison.metrics()))  # the card shows what was stored
        write_pages(
            writer,
            card=history_card(stored, config.model_dump(mode="json")),
            plots=recommender_plots(stored, f"ndcg_at_{config.k}"),
        )
        writer.parquet(TEST_VALUES, comparison.test_values.table)
        champion = comparison.result(comparison.champion)
        headline = f"ndcg_at_{config.k}.all"
        figures |= {
            "champion": comparison.champion,
            "test_ndcg": champion.metrics[headline].estimate,
            "baseline_ndcg": comparison.result(comparison.baseline).metrics[headline].estimate,
            "interactions": comparison.interactions,
            TRACKED: comparison.tracked(),
            CURVES: comparison.curves(),
            PARAMETERS: comparison.parameters(),
        }

    run = workspace.carry_out(
        TRAIN_RECOMMENDER,
        compute,
        config=config,
        inputs={
            FEATURES: built.run_id,
            INGEST: ingested.run_id,
            c.AS_OF: as_of.isoformat(),
        },
        layer=_LAYER,
    )
    track_run(
        run,
        folder=workspace.root,
        project=project.config.name,
        models={RECOMMENDER: run.path / BUNDLE},
    )
    return run


def train_uplift(project: Project, config: UpliftTrainingConfig) -> Run:
    """Train the uplift model on the recorded campaign; track the run and register the model."""
    workspace = project.workspace
    built, simulated = workspace.current(FEATURES), workspace.current(SIMULATE)
    data = config.data
    if not isinstance(data, HistoriesData):
        raise TypeError("train_uplift reads histories; see train_flat for flat tables")

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        rows = campaign_rows(built, simulated, data)
        result = fit_uplift(rows, config)
        write_uplift(result, writer, extra={"experiment": data.experiment})
        judged = result.contrasts[0].evaluation
        figures |= {
            "rows": len(rows),
            "test_rows": judged.n_rows,
            "qini_per_head": judged.qini.value,
            "qini_low": judged.qini.low,
            "qini_high": judged.qini.high,
            TRACKED: result.tracked(),
        }

    run = workspace.carry_out(
        TRAIN_UPLIFT,
        compute,
        config=content_config(config),
        inputs={FEATURES: built.run_id, SIMULATE: simulated.run_id},
        layer=_LAYER,
    )
    first = bundle_of_arm(run, data.arms[1])
    track_run(run, folder=workspace.root, project=project.config.name, models={UPLIFT: first})
    return run


def bundle_of_arm(run: Run, arm: str) -> Path:
    """Folder of the model of a treated arm. The first arm's is the registered one; the others lie beside it in the version's files."""
    return next(
        folder
        for folder in uplift_bundles(run).values()
        if read_bundle(folder).facts["treated"] == arm
    )


def campaign_rows(built: Run, simulated: Run, data: HistoriesData) -> UpliftRows:
    """The recorded campaign as rows of an uplift training: features as of each assignment, and what followed."""
    assignments = simulated.read(ASSIGNMENTS)
    chosen = assignments.filter(pc.equal(assignments[c.EXPERIMENT_ID], data.experiment))
    table = uplift_set(chosen, simulated.read(OUTCOMES), load_histories(built))
    return rows_from_histories(
        table,
        data,
        features=UPLIFT_FEATURES,
        source=str(simulated.path / "assignments.parquet"),
    )


def measure(project: Project, config: OverlayConfig) -> Run:
    """The lift of the recorded campaign and the worth of the decisions, beside the planted truth."""
    workspace = project.workspace
    runs = {step: workspace.current(step) for step in (INGEST, SIMULATE, TRUTH_STEP, _SCORE)}
    currency = project.config.currency

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        truth = runs[TRUTH_STEP].read(TRUTH)
        lift = measure_campaign(
            runs[SIMULATE].read(ASSIGNMENTS),
            runs[SIMULATE].read(OUTCOMES),
            runs[SIMULATE].read(EXPOSURES),
            truth,
            experiment_id=config.experiment_id,
            currency=currency,
        )
        decisions = measure_decisions(
            runs[_SCORE].read(DECISIONS), truth, config, currency=currency
        )
        writer.json("lift.json", asdict(lift))
        writer.json("policies.json", [asdict(policy) for policy in decisions])
        primary = lift.outcomes[0]
        figures |= {
            "sample_ratio": "passed" if lift.sample_ratio.passed else "FAILED",
            "lift": primary.lift.effect,
            "low": primary.lift.low,
            "high": primary.lift.high,
            "planted": primary.planted,
        }

    return workspace.carry_out(
        MEASURE,
        compute,
        config=config,
        inputs={step: run.run_id for step, run in runs.items()},
        layer=_LAYER,
    )
