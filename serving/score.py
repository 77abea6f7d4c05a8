"""The nightly job: load → holdout → eligibility → lists → allocate → creative → publish."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.assignment import uniform
from features.builders.person import person_features
from features.consent import contactable
from features.engines.registry import open_engine
from features.feed_tables import ITEM_SUPPRESSIONS, LISTINGS
from features.histories.histories import microseconds
from features.project import Project
from features.run import Run, RunWriter
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.items import stored, stored_items
from features.steps.simulate import SIMULATE
from features.tables import (
    ASSIGNMENTS,
    CATALOG,
    DECISIONS,
    EVENTS,
    EXPOSURES,
    PERSONS,
    REVERSALS,
    WATERFALL,
)
from serving.allocate import allocate
from serving.candidates import Counter
from serving.config import CampaignConfig
from serving.decisions import Decided, Forecast, Lists, People, decisions_table
from serving.eligibility import count_contacts, person_rules
from serving.holdout import assign_arms
from serving.lists.figures import list_figures
from serving.lists.merchandising import require_attributes
from serving.lists.part import ListRequest, map_lists
from serving.lists.shelf import build_shelf
from serving.waterfall import Verdict, apply_rules
from training.models import Champions, champions
from training.recommenders import registry as recommenders

SCORE: Final = "score"
_LAYER: Final = "serving"


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
        lists = _lists(people, verdict, models, config, writer)
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
        decided = Decided(people, arms, verdict, lists, forecast, allocation)
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


def _load(project: Project, config: CampaignConfig, runs: dict[str, Run]) -> People:
    as_of = microseconds(project.config.as_of)
    histories = load_histories(runs[FEATURES])
    persons = runs[INGEST].read(PERSONS)
    catalog = runs[INGEST].read(CATALOG)
    exposures = runs[SIMULATE].read(EXPOSURES)
    history = histories.as_of(histories.person_rows(persons[c.PERSON_ID]), as_of)
    return People(
        project=project,
        ids=persons[c.PERSON_ID].to_numpy().astype(object),
        consented=contactable(persons, project.config.as_of),
        persons=persons,
        history=history,
        features=person_features(history),
        ingested=runs[INGEST],
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


def _eligible(people: People, config: CampaignConfig, run_id: str) -> Verdict:
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


def _lists(
    people: People,
    verdict: Verdict,
    models: Champions,
    config: CampaignConfig,
    writer: RunWriter,
) -> Lists:
    """Items for the eligible, held out or not: a held-out person gets the list they would have been shown."""
    project, ingested = people.project, people.ingested
    counter = _counter(people, models, config)
    request = ListRequest(
        bundle=models.recommender_bundle,
        version=models.recommender_version,
        as_of=project.config.as_of,
        counter=counter,
        listings=stored(ingested, LISTINGS),
        where=config.listings,
        regions=people.persons.select([c.PERSON_ID, c.REGION]),
        reversals=stored(ingested, REVERSALS),
    )
    eligible = pa.array(people.ids[verdict.kept], pa.string())
    with writer.scratch() as scratch, open_engine(project.config.engine, scratch=scratch) as engine:
        events = engine.parquet(ingested.path / f"{EVENTS.name}.parquet")
        rows, waterfall = map_lists(engine, events, eligible, request, run_id=writer.run_id)
    return Lists(rows, waterfall, counter.shelf)


def _counter(people: People, models: Champions, config: CampaignConfig) -> Counter:
    items = stored_items(people.ingested)
    source = str(people.project.folder / "campaign.yaml")
    require_attributes(config.lists, items.column_names, source=source)
    held_back = stored(people.ingested, ITEM_SUPPRESSIONS)
    shelf = build_shelf(
        items.select(config.lists.attributes(items.column_names)),
        popular=recommenders.load(models.recommender_bundle).popular_ids,
        category_levels=config.lists.fallback.category_levels,
        touched=people.history.histories.item_ids,
        suppressed=None if held_back is None else held_back[c.ITEM_ID],
    )
    return Counter(
        shelf, config.lists, config.eligibility, config.candidates, config.items_per_person
    )


def _forecast(people: People, models: Champions, config: CampaignConfig) -> Forecast:
    """Expected incremental margin: uplift in conversion x the person's mean order value x margin rate.

    A person without an order in 91 days gets the median order value of the others.
    """
    model = models.uplift()
    uplift = model.predict(people.features)
    order_value = people.features["order_value"].to_numpy()
    typical = float(np.nanmedian(order_value)) if np.isfinite(order_value).any() else 0.0
    value = uplift * np.nan_to_num(order_value, nan=typical) * config.margin_rate
    cost = np.full(len(uplift), config.budget.cost_per_contact * people.reach)
    return Forecast(uplift, model.predict_control(people.features), value, cost)


def _publish(
    writer: RunWriter,
    decided: Decided,
    config: CampaignConfig,
    models: Champions,
    figures: dict[str, Any],
) -> None:
    decisions = writer.table(
        decisions_table(decided, config, models, writer.run_id), DECISIONS, source=SCORE
    )
    waterfall = pa.concat_tables([decided.verdict.table, decided.lists.waterfall])
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
        "lists": list_figures(decided.lists.rows),
        "pins_not_in_catalog": [
            pin
            for pin in config.lists.merchandising.pin
            if pin not in set(decided.lists.shelf.item_ids.tolist())
        ],
    }
