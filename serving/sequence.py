"""Which step of the message sequence is next for a person: reminder, then value, then urgency, by what was sent before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import FloatArray, TextArray
from features.histories.histories import MICROSECONDS_PER_DAY, microseconds


@dataclass(frozen=True, eq=False)
class NextSteps:
    """The next step of n persons.

    Attributes:
        step: shape (n,).
        unknown: persons whose last recorded step is none of the sequence; they start again at the first.
    """

    step: npt.NDArray[np.str_]
    unknown: int


def next_steps(
    log: pa.Table | None,
    person_ids: TextArray,
    last_order: FloatArray,
    steps: Sequence[str],
    *,
    as_of: datetime,
    window_days: float,
) -> NextSteps:
    """The step after the last one sent since the person's last order, within a window; the last step stays.

    A contact whose step is not recorded counts as one step further.

    Args:
        log: the contact-log table; None = nothing is known, everybody gets the first step.
        person_ids: shape (n,).
        last_order: moment of each person's last order, microseconds since 1970 UTC, -inf = none, shape (n,);
            a sequence starts anew after it.
        steps: the sequence, at least one step.
        as_of: the moment of decision; contacts at or after it do not count.
        window_days: contacts older than this do not count.
    """
    names = np.array(steps)
    if log is None:
        return NextSteps(np.full(len(person_ids), names[0]), 0)
    sent = log.filter(pc.invert(log[c.GHOST])).sort_by(
        [(c.PERSON_ID, "ascending"), (c.TIME, "ascending"), (c.EXPOSURE_ID, "ascending")]
    )
    person = pc.index_in(sent[c.PERSON_ID], value_set=pa.array(person_ids, pa.string()))
    sent, person = sent.filter(pc.is_valid(person)), person.drop_null().to_numpy()
    time = sent[c.TIME].cast(pa.int64()).to_numpy()
    moment = microseconds(as_of)
    counts = (time < moment) & (time >= moment - window_days * MICROSECONDS_PER_DAY)
    counts &= time > last_order[person]
    sent, person = sent.filter(pa.array(counts)), person[counts]
    recorded = pc.is_valid(sent[c.STEP]).to_numpy()
    place = np.arange(len(person))
    last_recorded = np.full(len(person_ids), -1)
    np.maximum.at(last_recorded, person[recorded], place[recorded])
    after = np.bincount(person[place > last_recorded[person]], minlength=len(person_ids))
    known = pc.fill_null(pc.index_in(sent[c.STEP], value_set=pa.array(list(steps))), -1).to_numpy()
    reached = np.append(known + 1, 0)[last_recorded]
    step = names[np.minimum(reached + after, len(names) - 1)]
    return NextSteps(step, int((np.append(known, 0)[last_recorded] < 0).sum()))
