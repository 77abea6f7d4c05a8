"""Last click among all channels: which channel a conversion is credited to, and how the treatment moves credit between channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, FloatArray, IntArray
from training.experiments.effects import ContrastRows
from training.experiments.lift import LiftEstimate

NO_CLICK: Final = "no click"
_NONE: Final = -1


@dataclass(frozen=True)
class ChannelCredit:
    """Conversions credited to one channel by last click, in both arms.

    Attributes:
        treated: arm.
        channel: its name, or `NO_CLICK`.
        click_days: a click is credited for so many days.
        conversions_treated, conversions_control: credited in each arm.
        lift: ITT on conversions credited to the channel, per row; over all channels and `NO_CLICK` they add up to the ITT on
            conversions. Below 0: the treatment takes credit, and maybe conversions, from the channel.
    """

    treated: str
    channel: str
    click_days: int
    conversions_treated: int
    conversions_control: int
    lift: LiftEstimate


def last_click(
    converted: BoolArray, days: Mapping[str, FloatArray], *, click_days: int
) -> IntArray:
    """The channel of the last click within the window, as a position in `days`; -1 = no conversion or no such click.

    Args:
        converted: shape (n_rows,).
        days: from the last click of each channel to the conversion, NaN where there was none, each of shape (n_rows,); a click
            after the conversion (below 0) does not count. Of clicks at the same time the channel named first has it.
        click_days: a click is credited for so many days.

    Example:
        >>> last_click(np.array([True, True]), {"ads": np.array([2.0, np.nan]), "search": np.array([1.0, 9.0])}, click_days=7)
        array([ 1, -1])
    """
    since = np.array([days[channel] for channel in days], np.float64)
    counts = (since >= 0) & (since <= click_days)
    latest = np.where(counts, since, np.inf).argmin(axis=0)
    return np.where(converted & counts.any(axis=0), latest, _NONE)


def credit_channels(
    rows: ContrastRows,
    *,
    treated: str,
    converted: BoolArray,
    days: Mapping[str, FloatArray],
    click_days: int,
) -> list[ChannelCredit]:
    """Credit of every channel in both arms, those without a click last.

    Args:
        rows: arms.
        treated: name of the treated arm.
        converted: shape (n_rows,).
        days: see `last_click`.
        click_days: a click is credited for so many days.

    Invariants: the lifts add up to that of conversions.
    """
    place = last_click(converted, days, click_days=click_days)
    found = []
    for number, channel in [*enumerate(days), (_NONE, NO_CLICK)]:
        credited = converted & (place == number)
        found.append(
            ChannelCredit(
                treated,
                channel,
                click_days,
                int((credited & rows.treated).sum()),
                int((credited & ~rows.treated).sum()),
                rows.lift(credited.astype(np.float64)),
            )
        )
    return found
