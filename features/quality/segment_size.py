"""Segments too small for a platform, and the segment they could be rolled up into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from features import columns as c
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.quality.check import Detail, Owner, QualityCheck, not_available

SEGMENT_SIZE: Final = "segment_size"


class SegmentSizeConfig(BaseConfig):
    """How large a segment must be."""

    owner: Owner = MARKETING_OPERATIONS
    """Who acts."""

    minimum: Annotated[int, Field(ge=1)] = 1_000
    """Persons a platform must be able to match before it serves a segment."""

    match_rate: float = Field(default=1.0, gt=0, le=1)
    """Share of matchable persons the platform is expected to find."""

    roll_up: dict[str, str] = Field(default_factory=dict)
    """The wider segment of each segment; a segment not named is joined with the smallest that makes it large enough."""


@dataclass(frozen=True)
class SegmentSize:
    """How many persons a segment has.

    Attributes:
        segment: its name.
        persons: its members.
        matchable: members with an id that a platform can match.
    """

    segment: str
    persons: int
    matchable: int


def check_segment_sizes(segments: Sequence[SegmentSize], config: SegmentSizeConfig) -> QualityCheck:
    """`segment_size`: the predicted size of a segment is its matchable persons times the expected match rate.

    Args:
        segments: sizes; each segment once.
        config: minimum, match rate, roll-ups.

    Invariants: unchanged by the order of segments.
    """
    if not segments:
        return not_available(SEGMENT_SIZE, config.owner, "no segment was given")
    ordered = sorted(segments, key=lambda size: (size.matchable, size.segment))
    small = [size for size in ordered if _predicted(size, config) < config.minimum]
    advice = [_advice(size, ordered, config) for size in small]
    named = ", ".join(f"{size.segment} ({_predicted(size, config):,})" for size in small)
    return QualityCheck(
        SEGMENT_SIZE,
        config.owner,
        "warn" if small else "pass",
        f"{len(small)} of {len(segments)} segments are predicted below {config.minimum:,} persons: {named}"
        if small
        else f"all {len(segments)} segments are predicted to reach {config.minimum:,} persons",
        " ".join(advice),
        figure=_predicted(ordered[0], config),
        threshold=config.minimum,
        unit="count",
        details=(
            Detail(
                "Segments, smallest first",
                tuple(
                    {
                        c.SEGMENT: size.segment,
                        c.PERSONS: size.persons,
                        "matchable": size.matchable,
                        "predicted": _predicted(size, config),
                    }
                    for size in ordered
                ),
            ),
        ),
    )


def _predicted(size: SegmentSize, config: SegmentSizeConfig) -> int:
    return int(size.matchable * config.match_rate)


def _advice(size: SegmentSize, ordered: list[SegmentSize], config: SegmentSizeConfig) -> str:
    wider = config.roll_up.get(size.segment)
    if wider is not None:
        return f"Roll {size.segment} up into {wider}."
    for other in ordered:
        together = _predicted(size, config) + _predicted(other, config)
        if other.segment != size.segment and together >= config.minimum:
            return f"Join {size.segment} with {other.segment}: {together:,} together at most."
    return f"Widen the window of {size.segment}: no other segment makes it large enough."
