"""Where a person stands in the funnel: the deepest stage reached lately."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from features.histories.histories import AsOf
from features.tables import EVENT_NAMES

LAPSED: Final = "lapsed"
STAGES: Final = {
    "browse": ("page_view", "view_list", "select", "view"),
    "cart": ("cart_add", "cart_view"),
    "checkout": ("checkout", "lead_start"),
    "post_purchase": ("purchase", "lead"),
}
"""Events that put a person in a stage, from the shallowest stage to the deepest."""


def funnel_stage(history: AsOf, *, window_days: float) -> npt.NDArray[np.str_]:
    """The deepest stage each row's person reached in the window before the row's time.

    Args:
        history: n_rows rows.
        window_days: events older than this do not count.

    Returns:
        Shape (n_rows,), a key of `STAGES`, or `LAPSED` without such an event.
    """
    depth_of = np.zeros(len(EVENT_NAMES), np.int64)
    for depth, names in enumerate(STAGES.values(), start=1):
        depth_of[[EVENT_NAMES.index(name) for name in names]] = depth
    row, position = history.events()
    recent = history.age_days(row, position) <= window_days
    deepest = np.zeros(len(history), np.int64)
    np.maximum.at(deepest, row[recent], depth_of[history.histories.event[position[recent]]])
    return np.array([LAPSED, *STAGES])[deepest]
