"""Who may be contacted: consent that is absent, or not yet given, is denied."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.tables import TIMESTAMP


def contactable(persons: pa.Table, as_of: datetime) -> npt.NDArray[np.bool_]:
    """Whether each person had consented to personalised advertising before `as_of`, shape (n_persons,).

    Args:
        persons: checked persons table.
        as_of: the moment of decision.

    Invariants: null consent, null date and erased persons are never contactable.
    """
    given = pc.fill_null(persons[c.CONSENT_PERSONALISATION], False)
    before = pc.less(persons[c.CONSENT_SINCE], pa.scalar(as_of, TIMESTAMP))
    in_force = pc.and_(given, pc.fill_null(before, False))
    allowed: npt.NDArray[np.bool_] = pc.and_not(in_force, persons[c.ERASED]).to_numpy()
    return allowed
