"""What goes wrong on the way from what happened to the files, and how often it was planted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, IntArray
from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE
from features.simulate.store.actions import Actions
from features.simulate.store.config import DirtConfig
from features.tables import EVENT_NAMES

_VIEW: Final = EVENT_NAMES.index("view")
_HOUR: Final = 3_600_000_000
_DUPLICATE, _LATE, _MALFORMED, _DRIFTED = range(4)


@dataclass(frozen=True, eq=False)
class Dirt:
    """Which of n actions are spoilt, and how; an action is spoilt in one way at most.

    Attributes:
        duplicate: sent twice, shape (n,).
        malformed: sent with a quantity that is no number, shape (n,).
        drifted: sent with an item id that the feed does not know, shape (n,).
        delivered: day whose file it comes with, shape (n,); later than its own where it is late.
        late: shape (n,).
    """

    duplicate: BoolArray
    malformed: BoolArray
    drifted: BoolArray
    late: BoolArray
    delivered: IntArray

    def counts(self) -> dict[str, int]:
        """How often each was planted."""
        return {
            "duplicates": int(self.duplicate.sum()),
            "malformed": int(self.malformed.sum()),
            "id_drift": int(self.drifted.sum()),
            "late": int(self.late.sum()),
        }


def spoil(actions: Actions, config: DirtConfig, *, days: int, block: int, seed: int) -> Dirt:
    """Draw what is spoilt.

    Args:
        actions: what happened.
        config: how often.
        days: number of files; nothing is delivered after the last.
        block: of the actions.
        seed: of the draws.
    """
    draw = np.random.default_rng([seed, 2, block]).random(len(actions.time))
    ends = np.cumsum([config.duplicates, config.late, config.malformed, config.id_drift])
    way = np.searchsorted(ends, draw, side="right")
    day = actions.time // MICROSECONDS_PER_DAY
    late = (way == _LATE) & (day + config.late_days < days)
    return Dirt(
        duplicate=way == _DUPLICATE,
        malformed=way == _MALFORMED,
        drifted=(way == _DRIFTED) & (actions.item != NO_CODE) & (day >= config.id_drift_day),
        late=late,
        delivered=day + np.where(late, config.late_days, 0),
    )


def bots(config: DirtConfig, *, items: int, persons: int, days: int, seed: int) -> Actions:
    """What programs did: views of items at random within one hour of one day each.

    Args:
        config: how many programs, and how busy.
        items: of the store.
        persons: of the store; programs are numbered after them.
        days: length of the simulation.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 3])
    each = config.bot_views
    actions = Actions.empty(config.bots * each)
    begin = rng.integers(days, size=config.bots) * MICROSECONDS_PER_DAY
    begin += rng.integers(24, size=config.bots) * _HOUR
    actions.person[:] = persons + np.repeat(np.arange(config.bots), each)
    actions.time[:] = np.repeat(begin, each) + np.tile(
        np.arange(each) * (_HOUR // each), config.bots
    )
    actions.name[:] = _VIEW
    actions.item[:] = rng.integers(items, size=config.bots * each)
    actions.quantity[:] = 0
    actions.order[:] = -1
    actions.device[:] = 0
    actions.logged_in[:] = False
    return actions
