"""What was decided, as rows of the decisions table: per person and item, with every reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.overlay import CONTROL, TREATED
from features.tables import LIST_LEVELS, RECO_KINDS, RECOMMENDATIONS, TIMESTAMP
from serving.allocate import NO_CONTACT, Allocation, Offers
from serving.bids import Bids
from serving.config import CampaignConfig
from serving.eligibility import ERASED
from serving.exploration import Actions
from serving.holdout import Arms
from serving.lists.chain import STATIC
from serving.lists.kinds import STATIC_KIND
from serving.lists.shelf import Shelf
from serving.people import People
from serving.waterfall import Verdict
from training.models.in_force import Champions

CONTACTED: Final = "contacted"
HELD_OUT: Final = "holdout"
POLICY_HELD_OUT: Final = "policy_holdout"
EXPLORED: Final = "explored"
NOT_WORTH_IT: Final = "expected_value_below_cost"
OVER_BUDGET: Final = "budget_spent"
NO_RECOMMENDER: Final = "none"
"""Stands where no model was asked."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a contact is expected to change: uplift, the outcome without it, and the margin it wins, shape (n,)."""

    uplift: FloatArray
    base_outcome: FloatArray
    value: FloatArray


@dataclass(frozen=True, eq=False)
class Lists:
    """What the eligible are shown.

    Attributes:
        rows: recommendations table, by person and rank.
        waterfall: of their candidates.
        shelf: the items.
    """

    rows: pa.Table
    waterfall: pa.Table
    shelf: Shelf


@dataclass(frozen=True, eq=False)
class Decided:
    """Everything a run decided about its persons.

    Attributes:
        people: about whom.
        arms: lots of the holdouts.
        verdict: of the person rules.
        lists: what the eligible are shown.
        forecast: what a contact is expected to change.
        offers: what it would earn and cost by each channel.
        allocation: what the policy does.
        marginal: ends of the 95 % interval of the shadow price.
        actions: what is done, with its chances.
        bids: what a contact is worth.
        creatives: the creatives table: what whoever is contacted, or would be, is shown.
    """

    people: People
    arms: Arms
    verdict: Verdict
    lists: Lists
    forecast: Forecast
    offers: Offers
    allocation: Allocation
    marginal: tuple[float, float]
    actions: Actions
    bids: Bids
    creatives: pa.Table


def decisions_table(
    decided: Decided, config: CampaignConfig, models: Champions, run_id: str
) -> pa.Table:
    """One row per person and item; one row without item for a person who gets none; nothing of the erased."""
    people = decided.people
    lists = [decided.lists.rows, _without_list(decided, models)]
    rows = pa.concat_tables(lists, promote_options="default")
    person = pc.index_in(rows[c.PERSON_ID], value_set=pa.array(people.ids, pa.string())).to_numpy()
    order = np.lexsort((rows[c.RANK].to_numpy(), person))
    rows, person = rows.take(order), person[order]
    shelf = decided.lists.shelf
    item = shelf.codes(rows[c.ITEM_ID].to_numpy().astype(object))
    price = np.append(shelf.price, np.nan)[item]
    hidden = np.isnan(price) | people.prices_hidden
    stage, actions = people.stage[person], decided.actions
    cost, value = _chosen(decided)
    approached = actions.targeted | actions.explored
    length = rows.num_rows
    return pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            c.RUN_ID: _constant(run_id, length),
            c.AS_OF: pa.array([people.project.config.as_of] * length, TIMESTAMP),
            c.CONTACT: actions.contact[person],
            c.ELIGIBLE: decided.verdict.kept[person],
            c.ARM: pa.array(decided.arms.arm[person].tolist(), pa.string()),
            c.PROBABILITY: decided.arms.probability[person],
            c.TITLE: pa.array(np.append(shelf.title, "")[item], pa.string(), mask=item == NO_CODE),
            c.PRICE: pa.array(price, mask=hidden),
            c.CURRENCY: _constant(people.project.config.currency, length),
            c.STAGE: pa.array(stage.tolist(), pa.string()),
            c.MESSAGE: pa.array([config.message(name) for name in stage.tolist()], pa.string()),
            c.UPLIFT: decided.forecast.uplift[person],
            c.BASE_OUTCOME: decided.forecast.base_outcome[person],
            c.EXPECTED_VALUE: value[person],
            c.EXPECTED_COST: np.where(actions.contact, cost, 0.0)[person],
            c.TARGETED: actions.targeted[person],
            c.EXPLORED: actions.explored[person],
            c.GHOST: actions.ghost[person],
            c.CHANCE_OF_CONTACT: actions.chance[person],
            c.PROPENSITY: actions.propensity[person],
            c.CHANNEL: _where(
                approached, np.array(list(config.by_channel()))[actions.channel], person
            ),
            c.STEP: _where(approached, people.steps.step, person),
            c.TEMPLATE: _templates(rows, decided.creatives),
            c.BID_VALUE: _known(decided.bids.value[person]),
            c.BID_MODIFIER: _known(decided.bids.modifier[person]),
            c.REASON_CODES: pc.binary_join_element_wise(
                _verdicts(decided, config, person), rows[c.REASON_CODES], ";", null_handling="skip"
            ),
            c.UPLIFT_VERSION: _constant(models.uplift_version, length),
            c.SNAPSHOT_ID: _constant(people.snapshot_id, length),
        }
    )


def assignments_table(decided: Decided, config: CampaignConfig) -> pa.Table:
    """The decisions as a randomised experiment, for the next training set: everybody who might have been contacted, or not."""
    chance, contact = decided.actions.chance, decided.actions.contact
    open_ = (chance > 0) & (chance < 1)
    count = int(open_.sum())
    return pa.table(
        {
            c.EXPERIMENT_ID: _constant(config.holdout.salt, count),
            c.PERSON_ID: pa.array(decided.people.ids[open_], pa.string()),
            c.ASSIGNED_AT: pa.array([decided.people.project.config.as_of] * count, TIMESTAMP),
            c.ARM: pa.array(np.where(contact, TREATED, CONTROL)[open_].tolist(), pa.string()),
            c.PROBABILITY: np.where(contact, chance, 1 - chance)[open_],
        }
    )


def _chosen(decided: Decided) -> tuple[FloatArray, FloatArray]:
    """Cost and value of each person's contact by their channel; without a channel no cost, and the value the model learned."""
    offers, channel = decided.offers, decided.actions.channel
    row = np.arange(len(channel))
    none = channel == NO_CONTACT
    cost = np.where(none, 0.0, offers.cost[row, channel])
    return cost, np.where(none, decided.forecast.value, offers.value[row, channel])


def _without_list(decided: Decided, models: Champions) -> pa.Table:
    """One row of the recommendations table for each person who is not eligible and not erased."""
    out = ~decided.verdict.kept & (decided.verdict.rule != ERASED)
    ids = pa.array(decided.people.ids[out], pa.string())
    n = len(ids)
    given = {
        c.PERSON_ID: ids,
        c.RANK: np.ones(n, np.int64),
        c.LEVEL: _constant(LIST_LEVELS[STATIC], n),
        c.RECO_KIND: _constant(RECO_KINDS[STATIC_KIND], n),
        c.COLD_START: np.zeros(n, np.bool_),
        c.FILTERS_PASSED: _constant("", n),
        c.RECOMMENDER: _constant(NO_RECOMMENDER, n),
        c.RECOMMENDER_VERSION: _constant(models.recommender_version, n),
    }
    nothing = {field.name: pa.nulls(n, field.type) for field in RECOMMENDATIONS.schema}
    return pa.table({**nothing, **given})


def _verdicts(decided: Decided, config: CampaignConfig, person: IntArray) -> pa.Array:
    """The rule that removed the person of each row, or what the allocation said."""
    offers, actions = decided.offers, decided.actions
    worth = (offers.value >= config.budget.min_return * offers.cost).any(axis=1)
    outcome = np.select(
        [
            ~decided.verdict.kept,
            decided.arms.held_out,
            actions.explored,
            actions.contact,
            actions.ghost,
            ~worth,
        ],
        [decided.verdict.rule, HELD_OUT, EXPLORED, CONTACTED, POLICY_HELD_OUT, NOT_WORTH_IT],
        default=OVER_BUDGET,
    )
    return pa.array(outcome[person].tolist(), pa.string())


def _templates(rows: pa.Table, creatives: pa.Table) -> pa.Array:
    """The template of each row, null where its person is shown nothing."""
    keys = (c.PERSON_ID, c.RANK)
    shown = zip(*(creatives[name].to_pylist() for name in (*keys, c.TEMPLATE)), strict=True)
    template_of = {(person, rank): template for person, rank, template in shown}
    asked = zip(*(rows[name].to_pylist() for name in keys), strict=True)
    return pa.array([template_of.get(key) for key in asked], pa.string())


def _where(shown: BoolArray, texts: npt.NDArray[np.str_], person: IntArray) -> pa.Array:
    """A text per row where its person is shown something, else null."""
    return pa.array(texts[person].tolist(), pa.string(), mask=~shown[person])


def _known(numbers: FloatArray) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))


def _constant(text: str, length: int) -> pa.Array:
    return pa.array([text] * length, pa.string())
