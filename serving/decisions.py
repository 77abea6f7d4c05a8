"""What was decided, as rows of the decisions table: per person and item, with every reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, CodeArray, FloatArray, IntArray
from features.histories.histories import NO_CODE
from features.simulate.overlay import CONTROL, TREATED
from features.tables import LIST_LEVELS, RECO_KINDS, RECOMMENDATIONS, TIMESTAMP
from serving.allocate import NO_CONTACT, Allocation, Offers
from serving.bids import Bids
from serving.config import CampaignConfig
from serving.eligibility import ERASED
from serving.exploration import Actions
from serving.holdout import Arms
from serving.insight import Insight
from serving.list_parts import ListParts
from serving.lists.chain import STATIC
from serving.lists.kinds import STATIC_KIND
from serving.lists.shelf import Shelf
from serving.marginal import Marginal
from serving.people import People
from serving.sequence import NextSteps
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
    """What a contact is expected to change.

    Attributes:
        uplift: by way of contact, shape (n, n_ways).
        base_outcome: the outcome without a contact, shape (n,).
        value: margin that the uplift wins, shape (n, n_ways).
    """

    uplift: FloatArray
    base_outcome: FloatArray
    value: FloatArray

    def uplift_by(self, way: CodeArray) -> FloatArray:
        """Uplift of each person by their way of contact, shape (n,); of the first where there is none."""
        return self.uplift[np.arange(len(way)), np.maximum(way, 0)]

    def value_by(self, way: CodeArray) -> FloatArray:
        """Margin of each person by their way of contact, shape (n,); of the first where there is none."""
        return self.value[np.arange(len(way)), np.maximum(way, 0)]


@dataclass(frozen=True, eq=False)
class Decided:
    """Everything a run decided about its persons.

    Attributes:
        people: about whom.
        arms: lots of the holdouts.
        insight: what their events say.
        steps: next step of the message sequence.
        lists: what the eligible are shown.
        waterfall: of the candidates of those lists.
        shelf: the items.
        forecast: what a contact is expected to change.
        offers: what it would earn and cost by each channel.
        allocation: what the policy does.
        marginal: how far the shadow price is known.
        actions: what is done, with its chances.
        bids: what a contact is worth.
    """

    people: People
    arms: Arms
    insight: Insight
    steps: NextSteps
    lists: ListParts
    waterfall: pa.Table
    shelf: Shelf
    forecast: Forecast
    offers: Offers
    allocation: Allocation
    marginal: Marginal
    actions: Actions
    bids: Bids


def decisions_table(
    decided: Decided,
    span: slice,
    lists: pa.Table,
    creatives: pa.Table,
    config: CampaignConfig,
    models: Champions,
    run_id: str,
) -> pa.Table:
    """One row per person and item of some persons; one row without item for a person who gets none; nothing of the erased.

    Args:
        decided: about everybody.
        span: the persons.
        lists: recommendations of the eligible among them, by person and rank.
        creatives: what is shown of these lists, in the same order.
        config: of the campaign.
        models: that were asked.
        run_id: of the decisions.
    """
    people, insight, actions = decided.people, decided.insight, decided.actions
    listed = lists.append_column(c.TEMPLATE, _templates(decided, span, lists, creatives))
    rows = pa.concat_tables(
        [listed, _without_list(decided, span, models)], promote_options="default"
    )
    person = persons_of(rows, people, span)
    order = np.lexsort((rows[c.RANK].to_numpy(), person))
    rows, person = rows.take(order), person[order]
    shelf = decided.shelf
    item = shelf.codes(rows[c.ITEM_ID].to_numpy().astype(object))
    price = np.append(shelf.price, np.nan)[item]
    hidden = np.isnan(price) | people.prices_hidden
    stage = insight.stage[person]
    cost, value = _chosen(decided, person)
    approached = (actions.targeted | actions.explored)[person]
    length = rows.num_rows
    ways = np.array(list(config.by_channel()))
    return pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            c.RUN_ID: _constant(run_id, length),
            c.AS_OF: pa.repeat(pa.scalar(people.project.config.as_of, TIMESTAMP), length),
            c.CONTACT: actions.contact[person],
            c.ELIGIBLE: insight.verdict.kept[person],
            c.ARM: pa.array(decided.arms.arm[person].tolist(), pa.string()),
            c.PROBABILITY: decided.arms.probability[person],
            c.TITLE: pa.array(np.append(shelf.title, "")[item], pa.string(), mask=item == NO_CODE),
            c.PRICE: pa.array(price, mask=hidden),
            c.CURRENCY: _constant(people.project.config.currency, length),
            c.STAGE: pa.array(stage.tolist(), pa.string()),
            c.MESSAGE: pa.array(
                [
                    config.message(name, way if shown else None)
                    for name, way, shown in zip(
                        stage.tolist(),
                        ways[actions.channel[person]].tolist(),
                        approached.tolist(),
                        strict=True,
                    )
                ],
                pa.string(),
            ),
            c.UPLIFT: decided.forecast.uplift_by(actions.channel)[person],
            c.BASE_OUTCOME: decided.forecast.base_outcome[person],
            c.EXPECTED_VALUE: value,
            c.EXPECTED_COST: np.where(actions.contact[person], cost, 0.0),
            c.TARGETED: actions.targeted[person],
            c.EXPLORED: actions.explored[person],
            c.GHOST: actions.ghost[person],
            c.CHANCE_OF_CONTACT: actions.chance[person],
            c.PROPENSITY: actions.propensity[person],
            c.CHANNEL: _where(approached, np.array(config.delivered_by())[actions.channel[person]]),
            c.VARIANT: _where(approached, ways[actions.channel[person]]),
            c.STEP: _where(approached, decided.steps.step[person]),
            c.BID_VALUE: _known(decided.bids.value[person]),
            c.BID_MODIFIER: _known(decided.bids.modifier[person]),
            c.REASON_CODES: pc.binary_join_element_wise(
                _verdicts(decided, config, person), rows[c.REASON_CODES], ";", null_handling="skip"
            ),
            c.UPLIFT_VERSION: _constant(models.uplift_version, length),
            c.SNAPSHOT_ID: _constant(people.snapshot_id, length),
        }
    )


def persons_of(rows: pa.Table, people: People, span: slice) -> IntArray:
    """Row of `people` of each row of a table about the persons of a span."""
    ids = pa.array(people.ids[span], pa.string())
    found: IntArray = span.start + pc.index_in(rows[c.PERSON_ID], value_set=ids).to_numpy().astype(
        np.int64
    )
    return found


def assignments_table(decided: Decided, config: CampaignConfig) -> pa.Table:
    """The decisions as a randomised experiment, for the next training set: everybody who might have been contacted, or not."""
    actions, offers = decided.actions, decided.offers
    chance, contact = actions.chance, actions.contact
    arms = np.array([way.arm or TREATED for way in config.by_channel().values()])
    arm = arms[actions.channel]
    # a lot draws among all possible ways: its chance of an arm is that of all ways of this arm together
    possible = offers.possible & ~np.isnan(offers.value)
    of_arm = (possible & (arms == arm[:, None])).sum(axis=1) / np.maximum(possible.sum(axis=1), 1)
    chance_of_arm = chance * np.where(actions.explored, of_arm, 1.0)
    open_ = (chance > 0) & (chance < 1)
    count = int(open_.sum())
    return pa.table(
        {
            c.EXPERIMENT_ID: _constant(config.holdout.salt, count),
            c.PERSON_ID: pa.array(decided.people.ids[open_], pa.string()),
            c.ASSIGNED_AT: pa.repeat(
                pa.scalar(decided.people.project.config.as_of, TIMESTAMP), count
            ),
            c.ARM: pa.array(np.where(contact, arm, CONTROL)[open_].tolist(), pa.string()),
            c.PROBABILITY: np.where(contact, chance_of_arm, 1 - chance)[open_],
        }
    )


def _chosen(decided: Decided, person: IntArray) -> tuple[FloatArray, FloatArray]:
    """Cost and value of the contact of each row's person by their channel; without one no cost, and the value the model learned."""
    offers, channel = decided.offers, decided.actions.channel[person]
    none = channel == NO_CONTACT
    cost = np.where(none, 0.0, offers.cost[person, channel])
    return cost, np.where(none, decided.forecast.value[person, 0], offers.value[person, channel])


def _without_list(decided: Decided, span: slice, models: Champions) -> pa.Table:
    """One row of the recommendations table for each person of a span who is not eligible and not erased."""
    verdict = decided.insight.verdict
    out = ~verdict.kept[span] & (verdict.rule[span] != ERASED)
    ids = pa.array(decided.people.ids[span][out], pa.string())
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
    offers, actions, verdict = decided.offers, decided.actions, decided.insight.verdict
    worth = (offers.value[person] >= config.budget.min_return * offers.cost[person]).any(axis=1)
    outcome = np.select(
        [
            ~verdict.kept[person],
            decided.arms.held_out[person],
            actions.explored[person],
            actions.contact[person],
            actions.ghost[person],
            ~worth,
        ],
        [verdict.rule[person], HELD_OUT, EXPLORED, CONTACTED, POLICY_HELD_OUT, NOT_WORTH_IT],
        default=OVER_BUDGET,
    )
    return pa.array(outcome.tolist(), pa.string())


def _templates(decided: Decided, span: slice, lists: pa.Table, creatives: pa.Table) -> pa.Array:
    """The template of each row of the lists, null where its person is shown nothing."""
    actions = decided.actions
    shown = (actions.targeted | actions.explored)[persons_of(lists, decided.people, span)]
    template = np.full(len(shown), None, dtype=object)
    template[shown] = creatives[c.TEMPLATE].to_pylist()
    return pa.array(template, pa.string())


def _where(shown: BoolArray, texts: npt.NDArray[np.str_]) -> pa.Array:
    """A text per row where its person is shown something, else null."""
    return pa.array(texts.tolist(), pa.string(), mask=~shown)


def _known(numbers: FloatArray) -> pa.Array:
    return pa.array(numbers, mask=np.isnan(numbers))


def _constant(text: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), length)
