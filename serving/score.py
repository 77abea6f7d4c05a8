"""The nightly job: load → holdout → eligibility → frequency → lists → allocate → explore → creative → publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.assignment import uniform
from features.feed_tables import ITEM_SUPPRESSIONS, LISTINGS
from features.project import Project
from features.provenance import file_hash
from features.run import Run, RunWriter
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST
from features.steps.items import stored, stored_items
from features.steps.simulate import SIMULATE
from features.tables import (
    ASSIGNMENTS,
    CREATIVES,
    DECISIONS,
    REVERSALS,
    WATERFALL,
)
from serving.allocate import Offers, allocate
from serving.bids import bids
from serving.candidates import Counter
from serving.config import CampaignConfig
from serving.creative.campaign import CampaignCreatives
from serving.decisions import (
    Decided,
    Forecast,
    assignments_table,
    decisions_table,
)
from serving.exploration import explore
from serving.figures import score_figures
from serving.frequency import (
    ITEM_REST,
    resting_items,
)
from serving.holdout import assign_arms
from serving.insight import Insight, look
from serving.lists.merchandising import require_attributes
from serving.lists.part import ListRequest
from serving.lists.shelf import build_shelf
from serving.marginal import marginal
from serving.people import People, load_people
from serving.sequence import next_steps
from serving.waterfall import Verdict
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
        with writer.scratch() as scratch:
            decided = _decide(people, runs[FEATURES], models, config, writer.run_id, scratch)
            _publish(writer, decided, config, models)
            figures |= score_figures(decided, config, writer)

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
    people: People,
    features: Run,
    models: Champions,
    config: CampaignConfig,
    run_id: str,
    scratch: Path,
) -> Decided:
    as_of = people.project.config.as_of
    budget, salt = config.budget, f"{config.holdout.salt}|{as_of.isoformat()}"
    arms = assign_arms(people.ids, config.holdout, moment=as_of.isoformat())
    by_way, request = _models(models, config), _request(people, features, models, config)
    insight, lists, waterfall = look(
        people, features, by_way, request, config, scratch=scratch, run_id=run_id
    )
    forecast = _forecast(insight, config)
    offers = _offers(people, forecast, insight.verdict, config)
    by_lot = config.exploration.share * budget.amount
    allocation = allocate(
        offers,
        free=insight.verdict.kept & arms.free,
        budget=budget.amount - by_lot,
        min_return=budget.min_return,
        parts=lists.spans,
    )
    actions = explore(
        offers, allocation, arms, config.exploration, people.ids, money=by_lot, salt=salt
    )
    return Decided(
        people=people,
        arms=arms,
        insight=insight,
        steps=next_steps(
            people.log,
            people.ids,
            insight.last_order,
            config.sequence.steps,
            as_of=as_of,
            window_days=config.sequence.window_days,
        ),
        lists=lists,
        waterfall=waterfall,
        shelf=request.counter.shelf,
        forecast=forecast,
        offers=offers,
        allocation=allocation,
        marginal=marginal(allocation, forecast.uplift, by_way),
        actions=actions,
        bids=bids(
            forecast.value_by(actions.channel),
            insight.stage,
            actions.contact,
            config.bids,
            reach=people.reach,
            least_return=max(budget.min_return, allocation.shadow_price) or 1.0,
        ),
    )


def _models(models: Champions, config: CampaignConfig) -> list[UpliftModel]:
    """The uplift model of each way of contact; ways of the same arm share one."""
    arms = [way.arm for way in config.by_channel().values()]
    loaded = {arm: models.uplift(arm) for arm in dict.fromkeys(arms)}
    return [loaded[arm] for arm in arms]


def _request(
    people: People, features: Run, models: Champions, config: CampaignConfig
) -> ListRequest:
    ingested = people.ingested
    return ListRequest(
        bundle=models.recommender_bundle,
        version=models.recommender_version,
        as_of=people.project.config.as_of,
        counter=_counter(people, features, models, config),
        listings=stored(ingested, LISTINGS),
        where=config.listings,
        regions=people.persons.select([c.PERSON_ID, c.REGION]),
        reversals=stored(ingested, REVERSALS),
        resting=_resting(people, config),
    )


def _counter(people: People, features: Run, models: Champions, config: CampaignConfig) -> Counter:
    items = stored_items(people.ingested)
    source = str(people.project.folder / "campaign.yaml")
    require_attributes(config.lists, items.column_names, source=source)
    held_back = stored(people.ingested, ITEM_SUPPRESSIONS)
    shelf = build_shelf(
        items.select(config.lists.attributes(items.column_names)),
        popular=recommenders.load(models.recommender_bundle).popular_ids,
        category_levels=config.lists.fallback.category_levels,
        touched=load_histories(features).item_ids,
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


def _forecast(insight: Insight, config: CampaignConfig) -> Forecast:
    """Expected incremental margin: uplift in conversion x the person's mean order value x margin rate.

    A person without an order in 91 days gets the median order value of the others.
    """
    order_value = insight.order_value
    typical = float(np.nanmedian(order_value)) if np.isfinite(order_value).any() else 0.0
    value = insight.uplift * np.nan_to_num(order_value, nan=typical)[:, None] * config.margin_rate
    return Forecast(insight.uplift, insight.base_outcome, value)


def _offers(people: People, forecast: Forecast, verdict: Verdict, config: CampaignConfig) -> Offers:
    """What contacting each person by each channel would earn and cost; a channel whose cap is reached is not possible."""
    channels = list(config.by_channel().values())
    cost = [channel.cost_per_contact * people.reach for channel in channels]
    return Offers(
        value=forecast.value * np.array([channel.effect for channel in channels]),
        cost=np.tile(cost, (len(people.ids), 1)),
        possible=verdict.kept[:, None] & (people.shared_left >= 1),
        tie_break=uniform(people.ids, salt=f"{config.holdout.salt}|tie"),
    )


def _publish(
    writer: RunWriter, decided: Decided, config: CampaignConfig, models: Champions
) -> None:
    waterfall = pa.concat_tables([decided.insight.verdict.table, decided.waterfall])
    writer.table(waterfall, WATERFALL, source=SCORE)
    writer.table(assignments_table(decided, config), ASSIGNMENTS, source=SCORE)
    creatives = CampaignCreatives(
        decided.people,
        decided.insight.stage,
        decided.steps.step,
        decided.actions,
        config,
        run_id=writer.run_id,
    )
    with (
        writer.growing(DECISIONS, source=SCORE, csv=True) as add_decisions,
        writer.growing(CREATIVES, source=SCORE) as add_creatives,
    ):
        for span, rows in decided.lists:
            shown = creatives.of(rows, span)
            add_creatives(shown)
            add_decisions(
                decisions_table(decided, span, rows, shown, config, models, writer.run_id)
            )
