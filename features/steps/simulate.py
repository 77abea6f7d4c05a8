"""The steps that lay a campaign with known effects over real histories."""

from __future__ import annotations

from typing import Any, Final

from features import columns as c
from features.project import Project
from features.run import Run, RunWriter
from features.simulate.overlay import OverlayConfig, overlay_campaign, planted_truth
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.tables import ASSIGNMENTS, EXPOSURES, OUTCOMES, PERSONS, TRUTH

SIMULATE: Final = "simulate"
TRUTH_STEP: Final = "truth"

_LAYER: Final = "features"


def simulate(project: Project, config: OverlayConfig) -> Run:
    """Histories → a randomised campaign laid over them, as a real one would be recorded."""
    ingested, built = project.workspace.current(INGEST), project.workspace.current(FEATURES)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        campaign = overlay_campaign(
            load_histories(built),
            ingested.read(PERSONS),
            config,
            as_of=project.config.as_of,
            currency=project.config.currency,
        )
        assignments = writer.table(campaign.assignments, ASSIGNMENTS, source=SIMULATE)
        exposures = writer.table(campaign.exposures, EXPOSURES, source=SIMULATE)
        writer.table(campaign.outcomes, OUTCOMES, source=SIMULATE)
        figures |= {
            "assignments": assignments.num_rows,
            "persons": len(assignments[c.PERSON_ID].unique()),
            "decision_points": config.weeks,
            "exposures_and_ghosts": exposures.num_rows,
        }

    return project.workspace.carry_out(
        SIMULATE,
        compute,
        config=config,
        inputs={INGEST: ingested.run_id, FEATURES: built.run_id, **_moment(project)},
        layer=_LAYER,
    )


def write_truth(project: Project, config: OverlayConfig) -> Run:
    """The planted effects, in a run of their own that no training step reads."""
    ingested, built = project.workspace.current(INGEST), project.workspace.current(FEATURES)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        truth = planted_truth(
            load_histories(built),
            ingested.read(PERSONS),
            config,
            next_decision=project.config.as_of,
            currency=project.config.currency,
        )
        writer.table(truth, TRUTH, source=TRUTH_STEP)
        figures["rows"] = truth.num_rows

    return project.workspace.carry_out(
        TRUTH_STEP,
        compute,
        config=config,
        inputs={INGEST: ingested.run_id, FEATURES: built.run_id, **_moment(project)},
        layer=_LAYER,
    )


def _moment(project: Project) -> dict[str, str]:
    return {c.AS_OF: project.config.as_of.isoformat(), c.CURRENCY: project.config.currency}
