"""Campaigns in made-up stores whose truth is known: `python -m benchmarks.experiment_replays [--replays N]`.

Each replay is a store of its own with one weekly decision: half of the persons are contacted by lot, with the item that suits each
best. Prints how often the intervals of a measurement hold the truth: what the contacts delivered were expected to change, given what
everybody would have ordered by themselves and who saw an ad. Effects are planted larger than a store's defaults, so that what is
planted can be found among so few persons: early contacts of carts harm, indifferent persons do not change.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from features.simulate.store import truth
from features.simulate.store.config import PeopleConfig, ShelfConfig, StoreConfig
from features.simulate.store.knowledge import WEEK, Knowledge, know
from features.simulate.store.policy import best_contacts
from features.simulate.store.world import Decisions, World
from features.simulate.store.world_config import TruthConfig, WorldConfig
from training.experiments.attribution import AttributionConfig, attribute
from training.experiments.effects import ContrastRows
from training.experiments.exposure import effect_by_ghosts, effect_on_exposed
from training.experiments.funnel import FunnelConfig, buckets, funnel_cells

REPLAYS, PERSONS = 200, 20_000
PLANTED: Final = TruthConfig(gain=0.08, early_loss=0.6, harmed_loss=0.6)
CART: Final = ("early cart", "cart", "no cart")
_CELLS: Final = FunnelConfig(tier="cart", frequency="impressions", tiers=CART)
_RULES: Final = AttributionConfig(
    conversion="conversion", days_to_conversion="days", viewed="viewed", click_days=7, view_days=7
)
_EACH, _SHRUNKEN = "cells by impressions,", "cells by impressions, shrunken,"
_FIRST_DAY: Final = 28
_ALPHA: Final = 0.05


class Replay(NamedTuple):
    """One campaign: what could be measured, and the truth; all of shape (n,).

    Attributes:
        treated: by lot, with probability 1/2.
        impressions: in the control, ghosts.
        conversion, revenue: of the week.
        kind: position in `truth.TYPES`.
        cart: position in `CART`.
        organic: has an order of the week without any contact.
        on_conversion, on_revenue: expected change by a contact, given the impressions.
        credited: chance of an order in the week after an impression, if contacted.
    """

    treated: BoolArray
    impressions: IntArray
    conversion: FloatArray
    revenue: FloatArray
    kind: IntArray
    cart: IntArray
    organic: BoolArray
    on_conversion: FloatArray
    on_revenue: FloatArray
    credited: FloatArray


class Held(NamedTuple):
    """An interval beside the truth."""

    low: float
    high: float
    truth: float
    p_value: float


def replay(seed: int, *, persons: int = PERSONS) -> Replay:
    """A store of its own, and a campaign in it.

    Args:
        seed: of the store and the lot.
        persons: how many.
    """
    known = know(_store(seed, persons), WorldConfig(first_day=_FIRST_DAY, weeks=1, truth=PLANTED))
    plan = best_contacts(known, 0)
    treated = np.random.default_rng([seed, persons]).random(len(plan.person)) < 0.5
    world = World(known)
    week = world.deliver(0, Decisions.of(plan.person, plan.items, plan.arm, treated, 0.5))
    after = world.outcomes(0)
    person, shown = plan.person, week.impressions > 0
    organic = known.organic.orders[0, person] > 0
    gain = week.expected.gain * truth.won_within(WEEK, PLANTED)
    loss = week.expected.loss
    price = known.shelf.price[week.expected.item]
    return Replay(
        treated=treated,
        impressions=week.impressions,
        conversion=(after.orders[person] > 0).astype(np.float64),
        revenue=after.revenue[person],
        kind=known.kinds[person],
        cart=_cart(known, person),
        organic=organic,
        on_conversion=np.where(shown, np.where(organic, -loss, gain), 0.0),
        on_revenue=np.where(shown, gain * price - loss * known.organic.revenue[0, person], 0.0),
        credited=np.where(shown, np.where(organic, 1 - loss, gain), 0.0),
    )


def held(one: Replay) -> dict[str, Held]:
    """Every interval of a measurement of a replay, by name."""
    rows = ContrastRows(one.treated, np.full(len(one.treated), 0.5), None)
    found = {}
    for name, values, effect, base in (
        ("conversion", one.conversion, one.on_conversion, one.organic.mean()),
        ("revenue", one.revenue, one.on_revenue, 0.0),
    ):
        lift = rows.lift(values)
        found[f"assigned, {name}"] = Held(lift.low, lift.high, effect.mean(), lift.p_value)
        if base:
            ends = (lift.relative_low, lift.relative_high)
            found[f"assigned, {name}, relative"] = Held(*ends, effect.mean() / base, lift.p_value)
    return found | _reached(one, rows) | dict(_parts(one, rows)) | _attributed(one, rows)


def table(replays: list[dict[str, Held]]) -> list[str]:
    """A line per interval: how many there were, how many held the truth, the mean truth, and how often it was told from 0."""
    kept: dict[str, list[Held]] = defaultdict(list)
    for found in replays:
        for name, one in found.items():
            if np.isfinite(one.low):
                kept[name].append(one)
    cells = [name for name in kept if name.startswith(_EACH)]
    for start in (_EACH, _SHRUNKEN):
        chosen = [name for name in cells if name.startswith(_SHRUNKEN) == (start == _SHRUNKEN)]
        kept[f"{start} all together"] = [one for name in chosen for one in kept[name]]
    lines = [
        "| 95 % interval of | intervals | hold the truth | mean truth | above 0 | below 0 |",
        "|---" * 6 + "|",
    ]
    for name, ones in kept.items():
        low, high, expected, _ = (np.array(part) for part in zip(*ones, strict=True))
        inside = np.mean((low <= expected) & (expected <= high))
        lines.append(
            f"| {name} | {len(ones)} | {100 * inside:.1f} % | {expected.mean():.4g} | {100 * np.mean(low > 0):.0f} % | "
            f"{100 * np.mean(high < 0):.0f} % |"
        )
    return lines


def harm_found(found: dict[str, Held]) -> bool:
    """Whether early contacts of carts stand out as harm after Benjamini-Hochberg over the stages of the cart.

    A stage with too few orders for an interval tells nothing.
    """
    stages = [found[name] for stage in CART if (name := f"cells, {stage}") in found]
    adjusted = stats.false_discovery_control(
        np.nan_to_num([one.p_value for one in stages], nan=1.0)
    )
    return bool(len(stages) == len(CART) and adjusted[0] < _ALPHA and stages[0].high < 0)


def _store(seed: int, persons: int) -> StoreConfig:
    return StoreConfig(
        kind="store",
        seed=seed,
        persons=persons,
        first=datetime(2026, 1, 5, tzinfo=UTC),
        days=_FIRST_DAY + WEEK,
        shelf=ShelfConfig(items=120, categories=6),
        people=PeopleConfig(visits_per_day=0.3, cart=0.05),
    )


def _cart(known: Knowledge, person: IntArray) -> IntArray:
    hours = known.cart_hours(0, person)
    return np.where(np.isnan(hours), 2, np.where(truth.too_early(hours, PLANTED), 0, 1))


def _reached(one: Replay, rows: ContrastRows) -> dict[str, Held]:
    seen = one.impressions > 0
    expected = float(one.on_conversion[seen].mean())
    stage = effect_on_exposed(one.conversion, seen & one.treated, rows).effect
    ghosts = effect_by_ghosts(one.conversion, seen, rows, arms=("held out", "contacted")).effect
    found = {
        "exposed, by the lot as instrument": Held(stage.low, stage.high, expected, stage.p_value)
    }
    if ghosts is not None:
        found["exposed, by ghosts"] = Held(ghosts.low, ghosts.high, expected, ghosts.p_value)
    return found


def _parts(one: Replay, rows: ContrastRows) -> Iterator[tuple[str, Held]]:
    """Segments by type, and cells by stage of the cart and impressions."""
    for place, name in enumerate(truth.TYPES):
        inside = one.kind == place
        lift = rows.subset(inside).lift(one.conversion[inside])
        expected = float(one.on_conversion[inside].mean())
        yield f"segments, {name}", Held(lift.low, lift.high, expected, lift.p_value)
    counted = one.impressions.astype(np.float64)
    bucket, names = buckets(counted, _CELLS.at_least)
    cells = funnel_cells(
        one.conversion, rows, treated="contacted", outcome="conversion",
        tier=np.array(CART)[one.cart].tolist(), frequency=counted, config=_CELLS,
    )  # fmt: skip
    for cell in cells:
        inside = one.cart == CART.index(cell.tier)
        name = f"cells, {cell.tier}"
        if cell.frequency != "all":
            inside = inside & (bucket == names.index(cell.frequency))
            name = _EACH
        if cell.lift is None:
            continue
        expected = float(one.on_conversion[inside].mean())
        yield (
            _numbered(name, cell.tier, cell.frequency),
            Held(cell.lift.low, cell.lift.high, expected, cell.lift.p_value),
        )
        if cell.frequency != "all" and np.isfinite(cell.shrunken):
            shrunken = Held(cell.shrunken_low, cell.shrunken_high, expected, float("nan"))
            yield _numbered(_SHRUNKEN, cell.tier, cell.frequency), shrunken


def _numbered(name: str, tier: str, frequency: str) -> str:
    return name if frequency == "all" else f"{name} {tier}: {frequency}"


def _attributed(one: Replay, rows: ContrastRows) -> dict[str, Held]:
    bought = one.conversion == 1
    (rule,) = attribute(
        rows,
        treated="contacted",
        converted=bought,
        days=np.where(bought, 0.0, np.nan),
        clicked=None,
        viewed=one.impressions > 0,
        config=_RULES,
    )
    won, credited = float(one.on_conversion.mean()), float(one.credited.mean())
    over, anyway = rule.overstatement, rule.anyway
    return {
        "credited over incremental": Held(over.low, over.high, credited / won, over.p_value),
        "would have happened anyway": Held(
            anyway.low, anyway.high, 1 - won / credited, anyway.p_value
        ),
    }


def main() -> None:
    """Replay, print the table and what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replays", type=int, default=REPLAYS)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = [
        held(replay(asked.seed + number, persons=asked.persons)) for number in range(asked.replays)
    ]
    print(f"{asked.replays} stores of {asked.persons:,} persons")
    print("\n".join(table(found)))
    harms = np.mean([harm_found(one) for one in found])
    print(
        f"harm of early contacts of carts found, after Benjamini-Hochberg over stages: {harms:.0%}"
    )


if __name__ == "__main__":
    main()
