"""The nightly job: load → holdout → eligibility → candidates → allocate → creative → publish."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray, FloatArray, TextArray
from features.assignment import uniform
from features.builders.person import person_features
from features.consent import contactable
from features.histories.histories import NO_CODE, AsOf, microseconds
from features.project import Project
from features.run import Run, RunWriter
from features.segments.stage import funnel_stage
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import (
    ASSIGNMENTS,
    CATALOG,
    DECISIONS,
    EXPOSURES,
    PERSONS,
    TIMESTAMP,
    WATERFALL,
)
from serving.allocate import Allocation, allocate
from serving.candidates import BUY_AGAIN, DISCOVER, STATIC, ChosenItems, choose_items
from serving.config import CampaignConfig
from serving.eligibility import ERASED, ItemFacts, count_contacts, item_facts, person_rules
from serving.holdout import Arms, assign_arms
from serving.waterfall import Verdict, apply_rules
from training.models import Champions, champions
from training.recommenders import registry as recommenders

SCORE: Final = "score"
_LAYER: Final = "serving"

CONTACTED: Final = "contacted"
HELD_OUT: Final = "holdout"
NOT_WORTH_IT: Final = "expected_value_below_cost"
OVER_BUDGET: Final = "budget_spent"
FALLBACK: Final = "fallback"


def score(project: Project, config: CampaignConfig) -> Run:
    """Decide for every person: contact or not, with which items, and why.

    Writes decisions.parquet, waterfall.parquet, decisions.csv and a manifest; a rerun changes no byte.

    Raises:
        WorkspaceError: an earlier step or a champion is missing.
    """
    workspace = project.workspace
    runs = {step: workspace.current(step) for step in (INGEST, FEATURES, SIMULATE)}
    models = champions(project, recommender=config.recommender)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        people = _load(project, config, runs)
        arms = assign_arms(people.ids, config.holdout)
        verdict = _eligible(people, config, writer.run_id)
        chosen = _choose(people, verdict, models, config, writer.run_id)
        forecast = _forecast(people, models, config)
        free = verdict.kept & ~arms.held_out
        allocation = allocate(
            forecast.value,
            forecast.cost,
            candidates=free,
            budget=config.budget.amount,
            min_return=config.budget.min_return,
            tie_break=uniform(people.ids, salt=f"{config.holdout.salt}|tie"),
        )
        decided = _Decided(people, arms, verdict, chosen, forecast, allocation)
        _publish(writer, decided, config, models, figures)

    return workspace.carry_out(
        SCORE,
        compute,
        config=config,
        inputs={
            **{step: run.run_id for step, run in runs.items()},
            "recommender": models.recommender_version,
            "uplift": models.uplift_version,
            c.AS_OF: project.config.as_of.isoformat(),
        },
        layer=_LAYER,
    )


@dataclass(frozen=True, eq=False)
class _People:
    """Everybody in the persons table, n rows, and what is known about them at the moment of decision."""

    project: Project
    ids: TextArray
    consented: BoolArray
    persons: pa.Table
    history: AsOf
    features: pa.Table
    items: ItemFacts
    snapshot_id: str
    recent_contacts: npt.NDArray[np.int64]
    reach: float


@dataclass(frozen=True, eq=False)
class _Forecast:
    """What a contact is expected to change, shape (n,)."""

    uplift: FloatArray
    base_outcome: FloatArray
    value: FloatArray
    cost: FloatArray


@dataclass(frozen=True, eq=False)
class _Decided:
    people: _People
    arms: Arms
    verdict: Verdict
    chosen: ChosenItems
    forecast: _Forecast
    allocation: Allocation


def _load(project: Project, config: CampaignConfig, runs: dict[str, Run]) -> _People:
    as_of = microseconds(project.config.as_of)
    histories = load_histories(runs[FEATURES])
    persons = runs[INGEST].read(PERSONS)
    catalog = runs[INGEST].read(CATALOG)
    exposures = runs[SIMULATE].read(EXPOSURES)
    history = histories.as_of(histories.person_rows(persons[c.PERSON_ID]), as_of)
    return _People(
        project=project,
        ids=persons[c.PERSON_ID].to_numpy().astype(object),
        consented=contactable(persons, project.config.as_of),
        persons=persons,
        history=history,
        features=person_features(history),
        items=item_facts(catalog, histories),
        snapshot_id=catalog[c.SNAPSHOT_ID][0].as_py(),
        recent_contacts=count_contacts(
            exposures,
            persons[c.PERSON_ID],
            before=as_of,
            window_days=config.frequency.window_days,
        ),
        reach=_share_reached(runs[SIMULATE].read(ASSIGNMENTS), exposures),
    )


def _share_reached(assignments: pa.Table, exposures: pa.Table) -> float:
    """Share of past assignments, in either arm, that an impression or ghost impression followed."""
    return float(exposures.num_rows / max(assignments.num_rows, 1))


def _eligible(people: _People, config: CampaignConfig, run_id: str) -> Verdict:
    rules = person_rules(
        people.persons,
        people.consented,
        people.history,
        people.features["recency_days"].to_numpy(),
        people.recent_contacts,
        config.eligibility,
        config.frequency,
    )
    everyone = np.ones(len(people.ids), np.bool_)
    return apply_rules(rules, level="person", run_id=run_id, among=everyone)


def _choose(
    people: _People, verdict: Verdict, models: Champions, config: CampaignConfig, run_id: str
) -> ChosenItems:
    """Items for the eligible, held out or not: a held-out person gets the list they would have been shown."""
    return choose_items(
        recommenders.load(models.recommender_bundle),
        people.history.take(np.flatnonzero(verdict.kept)),
        people.items,
        config.eligibility,
        candidates=config.candidates,
        items_per_person=config.items_per_person,
        run_id=run_id,
    )


def _forecast(people: _People, models: Champions, config: CampaignConfig) -> _Forecast:
    """Expected incremental margin: uplift in conversion x the person's mean order value x margin rate.

    A person without an order in 91 days gets the median order value of the others.
    """
    model = models.uplift()
    uplift = model.predict(people.features)
    order_value = people.features["order_value"].to_numpy()
    typical = float(np.nanmedian(order_value)) if np.isfinite(order_value).any() else 0.0
    value = uplift * np.nan_to_num(order_value, nan=typical) * config.margin_rate
    cost = np.full(len(uplift), config.budget.cost_per_contact * people.reach)
    return _Forecast(uplift, model.predict_control(people.features), value, cost)


def _publish(
    writer: RunWriter,
    decided: _Decided,
    config: CampaignConfig,
    models: Champions,
    figures: dict[str, Any],
) -> None:
    decisions = writer.table(
        _decisions(decided, config, models, writer.run_id), DECISIONS, source=SCORE
    )
    waterfall = pa.concat_tables([decided.verdict.table, decided.chosen.verdict.table])
    writer.table(waterfall, WATERFALL, source=SCORE)
    writer.csv("decisions.csv", decisions)
    allocation = decided.allocation
    figures |= {
        "persons": len(decided.people.ids),
        "eligible": int(decided.verdict.kept.sum()),
        "held_out": int((decided.verdict.kept & decided.arms.held_out).sum()),
        "contacted": int(allocation.contact.sum()),
        "decision_rows": decisions.num_rows,
        "budget": config.budget.amount,
        "expected_cost": allocation.expected_cost,
        "expected_margin": allocation.expected_margin,
        "least_return_contacted": allocation.threshold,
        "budget_binds": allocation.budget_binds,
        "share_reached": decided.people.reach,
    }


def _decisions(
    decided: _Decided, config: CampaignConfig, models: Champions, run_id: str
) -> pa.Table:
    """One row per person and item; one row without item for a person who gets none; nothing of the erased."""
    people, chosen = decided.people, decided.chosen
    items = _spread(chosen.items, decided, NO_CODE)
    shown = items != NO_CODE
    shown[:, 0] = decided.verdict.rule != ERASED
    person, column = np.nonzero(shown)
    place = (person, column)
    item = items[place]
    has_item = item != NO_CODE
    score, repeat, fallback = (
        _spread(values, decided, 0)[place]
        for values in (chosen.scores, chosen.repeat, chosen.fallback)
    )
    stage = funnel_stage(people.history, window_days=config.stage_window_days)[person]
    currency = people.project.config.currency
    return pa.table(
        {
            c.RUN_ID: _constant(run_id, len(person)),
            c.PERSON_ID: pa.array(people.ids[person], pa.string()),
            c.RANK: column + 1,
            c.AS_OF: pa.array([people.project.config.as_of] * len(person), TIMESTAMP),
            c.CONTACT: decided.allocation.contact[person],
            c.ELIGIBLE: decided.verdict.kept[person],
            c.ARM: pa.array(decided.arms.arm[person].tolist(), pa.string()),
            c.PROBABILITY: decided.arms.probability[person],
            c.ITEM_ID: _where(has_item, people.history.histories.item_ids[item]),
            c.TITLE: _where(has_item, people.items.title[item]),
            c.PRICE: pa.array(people.items.price[item], mask=~has_item),
            c.CURRENCY: _constant(currency, len(person)),
            c.SCORE: pa.array(score.astype(np.float64), mask=~has_item),
            c.RECO_KIND: _kinds(has_item, repeat),
            c.STAGE: pa.array(stage.tolist(), pa.string()),
            c.MESSAGE: _messages(stage, config),
            c.UPLIFT: decided.forecast.uplift[person],
            c.BASE_OUTCOME: decided.forecast.base_outcome[person],
            c.EXPECTED_VALUE: decided.forecast.value[person],
            c.EXPECTED_COST: np.where(
                decided.allocation.contact[person], decided.forecast.cost[person], 0.0
            ),
            c.REASON_CODES: _reasons(decided, config, person, has_item & fallback),
            c.RECOMMENDER_VERSION: _constant(models.recommender_version, len(person)),
            c.UPLIFT_VERSION: _constant(models.uplift_version, len(person)),
            c.SNAPSHOT_ID: _constant(people.snapshot_id, len(person)),
        }
    )


def _spread(values: npt.NDArray[Any], decided: _Decided, missing: float) -> npt.NDArray[Any]:
    """Rows of the eligible, put back among all persons."""
    everyone = np.full((len(decided.people.ids), values.shape[1]), missing, values.dtype)
    everyone[decided.verdict.kept] = values
    return everyone


def _reasons(
    decided: _Decided, config: CampaignConfig, person: npt.NDArray[np.int64], fallback: BoolArray
) -> pa.Array:
    """Why each row is as it is: the rule that removed the person, or what the allocation said."""
    worth = decided.forecast.value >= config.budget.min_return * decided.forecast.cost
    outcome = np.select(
        [
            ~decided.verdict.kept,
            decided.arms.held_out,
            decided.allocation.contact,
            ~worth,
        ],
        [decided.verdict.rule, HELD_OUT, CONTACTED, NOT_WORTH_IT],
        default=OVER_BUDGET,
    )
    texts = np.where(fallback, np.char.add(outcome[person], f";{FALLBACK}"), outcome[person])
    return pa.array(texts.tolist(), pa.string())


def _kinds(has_item: BoolArray, repeat: BoolArray) -> pa.Array:
    kinds = np.select([~has_item, repeat], [STATIC, BUY_AGAIN], default=DISCOVER)
    return pa.array(kinds.tolist(), pa.string())


def _messages(stage: npt.NDArray[np.str_], config: CampaignConfig) -> pa.Array:
    return pa.array([config.messages.get(s, config.default_message) for s in stage.tolist()])


def _constant(text: str, length: int) -> pa.Array:
    return pa.array([text] * length, pa.string())


def _where(present: BoolArray, texts: TextArray) -> pa.Array:
    return pa.array(texts, pa.string(), mask=~present)
