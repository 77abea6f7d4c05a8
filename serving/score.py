"""The nightly job: load → holdout → eligibility → frequency → lists → allocate → explore → creative → publish."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.assignment import uniform
from features.engines.registry import open_engine
from features.feed_tables import ITEM_SUPPRESSIONS, LISTINGS
from features.project import Project
from features.provenance import file_hash
from features.run import Run, RunWriter
from features.steps.features import FEATURES
from features.steps.ingest import INGEST
from features.steps.items import stored, stored_items
from features.steps.simulate import SIMULATE
from features.tables import (
    ASSIGNMENTS,
    CREATIVES,
    DECISIONS,
    EVENTS,
    REVERSALS,
    WATERFALL,
)
from serving.allocate import Allocation, Offers, allocate
from serving.bids import bids
from serving.candidates import Counter
from serving.config import CampaignConfig
from serving.creative.campaign import campaign_creatives
from serving.decisions import (
    Decided,
    Forecast,
    Lists,
    assignments_table,
    decisions_table,
)
from serving.eligibility import person_rules
from serving.exploration import explore
from serving.figures import score_figures
from serving.frequency import (
    ITEM_REST,
    frequency_rules,
    hours_since_last_event,
    resting_items,
)
from serving.holdout import assign_arms
from serving.lists.merchandising import require_attributes
from serving.lists.part import ListRequest, map_lists
from serving.lists.shelf import build_shelf
from serving.people import People, load_people
from serving.waterfall import Verdict, apply_rules
from training.models.in_force import Champions, champions
from training.recommenders import registry as recommenders
from training.uplift.model import UpliftModel

SCORE: Final = "score"
_LAYER: Final = "serving"


def score(project: Project, config: CampaignConfig) -> Run:
    """Decide for every person: contact or not, by what, with which items, and why.

    Writes decisions.parquet, creatives.parquet, assignments.parquet, waterfall.parquet, decisions.csv and a manifest; a rerun changes no byte.

    Raises:
        InputError: a send log cannot be read whole.
        WorkspaceError: an earlier step or a champion is missing.
    """
    workspace = project.workspace
    runs = {step: workspace.current(step) for step in (INGEST, FEATURES, SIMULATE)}
    models = champions(project, recommender=config.recommender)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        people = load_people(project, config, runs)
        decided = _decide(people, models, config, writer)
        _publish(writer, decided, config, models)
        figures |= score_figures(decided, config)

    return workspace.carry_out(
        SCORE,
        compute,
        config=config,
        inputs={
            **{step: run.run_id for step, run in runs.items()},
            "recommender": models.recommender_version,
            "uplift": models.uplift_version,
            c.AS_OF: project.config.as_of.isoformat(),
            **{
                name: file_hash(project.folder / name)
                for name in (*config.frequency.logs, *config.frequency.ahead)
            },
        },
        layer=_LAYER,
    )


def _decide(
    people: People, models: Champions, config: CampaignConfig, writer: RunWriter
) -> Decided:
    moment = people.project.config.as_of.isoformat()
    budget, salt = config.budget, f"{config.holdout.salt}|{moment}"
    arms = assign_arms(people.ids, config.holdout, moment=moment)
    verdict = _eligible(people, config, writer.run_id)
    lists = _lists(people, verdict, models, config, writer)
    model = models.uplift()
    forecast = _forecast(people, model, config)
    offers = _offers(people, forecast, verdict, config)
    by_lot = config.exploration.share * budget.amount
    allocation = allocate(
        offers,
        free=verdict.kept & arms.free,
        budget=budget.amount - by_lot,
        min_return=budget.min_return,
    )
    actions = explore(
        offers, allocation, arms, config.exploration, people.ids, money=by_lot, salt=salt
    )
    creatives = campaign_creatives(people, lists.rows, actions, config, run_id=writer.run_id)
    return Decided(
        people=people,
        arms=arms,
        verdict=verdict,
        lists=lists,
        forecast=forecast,
        offers=offers,
        allocation=allocation,
        marginal=_marginal(allocation, forecast, model),
        actions=actions,
        bids=bids(
            forecast.value,
            people.stage,
            actions.contact,
            config.bids,
            reach=people.reach,
            least_return=max(budget.min_return, allocation.shadow_price) or 1.0,
        ),
        creatives=creatives,
    )


def _marginal(
    allocation: Allocation, forecast: Forecast, model: UpliftModel
) -> tuple[float, float]:
    """Ends of the 95 % interval of what one more unit of money would earn; NaN where nothing was measured.

    It holds the sampling error of the effect that test rows with scores like that of the first person left out showed; order
    value, reach and cost are taken as known.
    """
    if allocation.first_left_out is None:
        return float("nan"), float("nan")
    uplift = forecast.uplift[[allocation.first_left_out]]
    per_uplift = allocation.shadow_price / uplift[0]
    low, high = model.intervals(uplift)
    return float(low[0] * per_uplift), float(high[0] * per_uplift)


def _eligible(people: People, config: CampaignConfig, run_id: str) -> Verdict:
    rules = [
        *person_rules(
            people.persons,
            people.consented,
            people.history,
            people.features["recency_days"].to_numpy(),
            config.eligibility,
        ),
        *frequency_rules(
            people.contacts_left,
            people.shared_left,
            hours_since_last_event(people.history),
            people.stage,
            config.frequency,
            has_log=people.log is not None,
        ),
    ]
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
        resting=_resting(people, config),
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


def _resting(people: People, config: CampaignConfig) -> pa.Table | None:
    """Items that rest, person by person; None where they do not, or nobody knows."""
    unknown = {limit.rule for limit in people.not_enforced}
    rest = config.frequency.item_rest
    if people.log is None or rest is None or ITEM_REST in unknown:
        return None
    return resting_items(people.log, rest, as_of=people.project.config.as_of)


def _forecast(people: People, model: UpliftModel, config: CampaignConfig) -> Forecast:
    """Expected incremental margin: uplift in conversion x the person's mean order value x margin rate.

    A person without an order in 91 days gets the median order value of the others.
    """
    uplift = model.predict(people.features)
    order_value = people.features["order_value"].to_numpy()
    typical = float(np.nanmedian(order_value)) if np.isfinite(order_value).any() else 0.0
    value = uplift * np.nan_to_num(order_value, nan=typical) * config.margin_rate
    return Forecast(uplift, model.predict_control(people.features), value)


def _offers(people: People, forecast: Forecast, verdict: Verdict, config: CampaignConfig) -> Offers:
    """What contacting each person by each channel would earn and cost; a channel whose cap is reached is not possible."""
    channels = list(config.by_channel().values())
    cost = [channel.cost_per_contact * people.reach for channel in channels]
    return Offers(
        value=forecast.value[:, None] * np.array([channel.effect for channel in channels]),
        cost=np.tile(cost, (len(people.ids), 1)),
        possible=verdict.kept[:, None] & (people.shared_left >= 1),
        tie_break=uniform(people.ids, salt=f"{config.holdout.salt}|tie"),
    )


def _publish(
    writer: RunWriter, decided: Decided, config: CampaignConfig, models: Champions
) -> None:
    decisions = writer.table(
        decisions_table(decided, config, models, writer.run_id), DECISIONS, source=SCORE
    )
    waterfall = pa.concat_tables([decided.verdict.table, decided.lists.waterfall])
    writer.table(waterfall, WATERFALL, source=SCORE)
    writer.table(assignments_table(decided, config), ASSIGNMENTS, source=SCORE)
    writer.table(decided.creatives, CREATIVES, source=SCORE)
    writer.csv("decisions.csv", decisions)
