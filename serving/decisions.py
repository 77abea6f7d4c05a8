"""What was decided, as rows of the decisions table: per person and item, with every reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray, TextArray
from features.histories.histories import NO_CODE, AsOf
from features.project import Project
from features.run import Run
from features.segments.stage import funnel_stage
from features.tables import LIST_LEVELS, RECO_KINDS, RECOMMENDATIONS, TIMESTAMP
from serving.allocate import Allocation
from serving.config import CampaignConfig
from serving.eligibility import ERASED
from serving.holdout import Arms
from serving.lists.chain import STATIC
from serving.lists.kinds import STATIC_KIND
from serving.lists.shelf import Shelf
from serving.waterfall import Verdict
from training.models import Champions

CONTACTED: Final = "contacted"
HELD_OUT: Final = "holdout"
NOT_WORTH_IT: Final = "expected_value_below_cost"
OVER_BUDGET: Final = "budget_spent"
NO_RECOMMENDER: Final = "none"
"""Stands where no model was asked."""


@dataclass(frozen=True, eq=False)
class People:
    """Everybody in the persons table, n rows, and what is known about them at the moment of decision."""

    project: Project
    ids: TextArray
    consented: BoolArray
    persons: pa.Table
    history: AsOf
    features: pa.Table
    ingested: Run
    snapshot_id: str
    recent_contacts: npt.NDArray[np.int64]
    reach: float


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a contact is expected to change, shape (n,)."""

    uplift: FloatArray
    base_outcome: FloatArray
    value: FloatArray
    cost: FloatArray


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
    """Everything a run decided about its persons."""

    people: People
    arms: Arms
    verdict: Verdict
    lists: Lists
    forecast: Forecast
    allocation: Allocation


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
    hidden = np.isnan(price) | _prices_hidden(people.ingested)
    stage = funnel_stage(people.history, window_days=config.stage_window_days)[person]
    length = rows.num_rows
    return pa.table(
        {
            **{name: rows[name] for name in rows.column_names},
            c.RUN_ID: _constant(run_id, length),
            c.AS_OF: pa.array([people.project.config.as_of] * length, TIMESTAMP),
            c.CONTACT: decided.allocation.contact[person],
            c.ELIGIBLE: decided.verdict.kept[person],
            c.ARM: pa.array(decided.arms.arm[person].tolist(), pa.string()),
            c.PROBABILITY: decided.arms.probability[person],
            c.TITLE: pa.array(np.append(shelf.title, "")[item], pa.string(), mask=item == NO_CODE),
            c.PRICE: pa.array(price, mask=hidden),
            c.CURRENCY: _constant(people.project.config.currency, length),
            c.STAGE: pa.array(stage.tolist(), pa.string()),
            c.MESSAGE: _messages(stage, config),
            c.UPLIFT: decided.forecast.uplift[person],
            c.BASE_OUTCOME: decided.forecast.base_outcome[person],
            c.EXPECTED_VALUE: decided.forecast.value[person],
            c.EXPECTED_COST: np.where(
                decided.allocation.contact[person], decided.forecast.cost[person], 0.0
            ),
            c.REASON_CODES: pc.binary_join_element_wise(
                _verdicts(decided, config, person), rows[c.REASON_CODES], ";", null_handling="skip"
            ),
            c.UPLIFT_VERSION: _constant(models.uplift_version, length),
            c.SNAPSHOT_ID: _constant(people.snapshot_id, length),
        }
    )


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


def _prices_hidden(ingested: Run) -> bool:
    """Whether the feed is too old for its prices to be shown."""
    feed = ingested.manifest["figures"].get("feed")
    return bool(feed and feed["freshness"]["hide_prices"])


def _verdicts(decided: Decided, config: CampaignConfig, person: IntArray) -> pa.Array:
    """The rule that removed the person of each row, or what the allocation said."""
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
    return pa.array(outcome[person].tolist(), pa.string())


def _messages(stage: npt.NDArray[np.str_], config: CampaignConfig) -> pa.Array:
    return pa.array([config.messages.get(s, config.default_message) for s in stage.tolist()])


def _constant(text: str, length: int) -> pa.Array:
    return pa.array([text] * length, pa.string())
