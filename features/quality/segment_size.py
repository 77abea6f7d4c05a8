"""Segments too small for a platform, and the segment they could be rolled up into."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from features import columns as c
from features.catalog.limits import read_limits
from features.catalog.rules.rule import MARKETING_OPERATIONS
from features.config import BaseConfig
from features.consent import contactable
from features.histories.histories import AsOf
from features.ingest.identity import LOGIN
from features.quality.check import Detail, Owner, QualityCheck, not_available
from features.segments.stage import funnel_stage
from features.tables import TIMESTAMP

SEGMENT_SIZE: Final = "segment_size"
STAGE_SIZE: Final = "funnel_stage_size"

_MINIMUM: Final = ".members.persons_minimum"


class SegmentSizeConfig(BaseConfig):
    """How large a segment must be."""

    owner: Owner = MARKETING_OPERATIONS
    """Who acts."""

    platforms: tuple[str, ...] = (
        "google_ads.audience_display",
        "google_ads.audience_search",
        "tiktok.audience",
    )
    """Where segments go: platform and object of the table of limits that has their least number of members."""

    minimum: Annotated[int, Field(ge=1)] | None = None
    """Members that every segment needs, whatever the platforms say; left out = what they say."""

    match_rate: float = Field(default=1.0, gt=0, le=1)
    """Share of matchable persons the platform is expected to find."""

    roll_up: dict[str, str] = Field(default_factory=dict)
    """The wider segment of each segment; a segment not named is joined with the smallest that makes it large enough."""

    stage_window_days: float = Field(default=30.0, gt=0)
    """Events that old still put a person in a funnel stage."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        known = [key.removesuffix(_MINIMUM) for key in read_limits() if key.endswith(_MINIMUM)]
        for platform in self.platforms:
            if platform not in known:
                near = difflib.get_close_matches(platform, known, n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
                raise ValueError(f"no least number of members is known of '{platform}', {hint}")
        if self.minimum is None and not self.platforms:
            raise ValueError("name a platform, or a minimum")
        return self

    @property
    def minimums(self) -> dict[str, int]:
        """Least number of members by where the segment goes, the smallest first."""
        if self.minimum is not None:
            return {"the configured minimum": self.minimum}
        limits = read_limits()
        by_platform = {name: limits[f"{name}{_MINIMUM}"].limit for name in self.platforms}
        return dict(sorted(by_platform.items(), key=lambda entry: (entry[1], entry[0])))


@dataclass(frozen=True)
class SegmentSize:
    """How many persons a segment has.

    Attributes:
        segment: its name.
        persons: its members.
        matchable: members with an id that a platform can match, who may be contacted.
    """

    segment: str
    persons: int
    matchable: int


def stage_members(everyone: AsOf, person_ids: pa.Array, *, window_days: float) -> pa.Table:
    """The funnel stages as segments: person_id and segment, one row per person.

    Args:
        everyone: histories as of a moment, one row per person.
        person_ids: their ids, in the same order.
        window_days: events that old still put a person in a stage.
    """
    stage = funnel_stage(everyone, window_days=window_days)
    return pa.table({c.PERSON_ID: person_ids, c.SEGMENT: pa.array(stage.tolist(), pa.string())})


def matchable_persons(
    persons: pa.Table, identities: pa.Table | None, *, as_of: datetime
) -> pa.Array:
    """Ids of persons who were known by a login before `as_of` and had then consented to personalised advertising.

    Args:
        persons: the persons table.
        identities: the identities table; None = the source knows every person by an id of its own.
        as_of: the moment of decision.
    """
    allowed = persons[c.PERSON_ID].filter(pa.array(contactable(persons, as_of)))
    if identities is None:
        return allowed.combine_chunks()
    before = pc.less(identities[c.FIRST_SEEN], pa.scalar(as_of, TIMESTAMP))
    login = pc.starts_with(identities[c.IDENTITY], LOGIN)
    usable = pc.and_not(pc.and_(login, before), identities[c.QUARANTINED])
    known = identities[c.PERSON_ID].filter(usable).combine_chunks()
    return allowed.filter(pc.is_in(allowed, value_set=known)).combine_chunks()


def measure_sizes(
    members: pa.Table, matchable: pa.Array, *, names: Sequence[str] = ()
) -> tuple[SegmentSize, ...]:
    """The size of every segment, by name.

    Args:
        members: person_id and segment, and any further columns; a person may be in several segments.
        matchable: ids of the persons a platform could match.
        names: segments that are shown even if they have no member.

    Invariants: unchanged by the order of rows; matchable <= persons.
    """
    rows = pa.table(
        {
            c.SEGMENT: members[c.SEGMENT],
            c.PERSON_ID: members[c.PERSON_ID],
            "matchable": pc.is_in(members[c.PERSON_ID], value_set=matchable),
        }
    )
    distinct = rows.group_by([c.SEGMENT, c.PERSON_ID, "matchable"]).aggregate([])
    persons = Counter(distinct[c.SEGMENT].to_pylist())
    matched = Counter(distinct.filter(distinct["matchable"])[c.SEGMENT].to_pylist())
    return tuple(
        SegmentSize(name, persons[name], matched[name]) for name in sorted({*persons, *names})
    )


def check_segment_sizes(
    segments: Sequence[SegmentSize], config: SegmentSizeConfig, *, name: str = SEGMENT_SIZE
) -> QualityCheck:
    """The predicted size of a segment is its matchable persons times the expected match rate.

    The figure is that of the smallest segment, the threshold the largest minimum.

    Args:
        segments: sizes; each segment once.
        config: platforms, match rate, roll-ups.
        name: of the check.

    Invariants: unchanged by the order of segments.
    """
    if not segments:
        return not_available(name, config.owner, "no segment was given")
    ordered = sorted(segments, key=lambda size: (size.matchable, size.segment))
    strictest = max(config.minimums.values())
    small = [size for size in ordered if _predicted(size, config) < strictest]
    return QualityCheck(
        name,
        config.owner,
        "warn" if small else "pass",
        _words(small, len(ordered), config),
        " ".join(_advice(size, ordered, config) for size in small),
        figure=_predicted(ordered[0], config),
        threshold=strictest,
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
                        "too_small_for": ", ".join(_too_small_for(size, config)),
                    }
                    for size in ordered
                ),
            ),
        ),
    )


def _words(small: list[SegmentSize], n: int, config: SegmentSizeConfig) -> str:
    asked = ", ".join(f"{name} {least:,}" for name, least in config.minimums.items())
    if not small:
        return f"all {n} segments are predicted to reach what is asked: {asked}"
    named = ", ".join(f"{size.segment} ({_predicted(size, config):,})" for size in small)
    return f"{len(small)} of {n} segments are predicted below what is asked ({asked}): {named}"


def _predicted(size: SegmentSize, config: SegmentSizeConfig) -> int:
    return int(size.matchable * config.match_rate)


def _too_small_for(size: SegmentSize, config: SegmentSizeConfig) -> list[str]:
    predicted = _predicted(size, config)
    return [name for name, least in config.minimums.items() if predicted < least]


def _advice(size: SegmentSize, ordered: list[SegmentSize], config: SegmentSizeConfig) -> str:
    wider = config.roll_up.get(size.segment)
    if wider is not None:
        return f"Roll {size.segment} up into {wider}."
    strictest = max(config.minimums.values())
    for other in ordered:
        together = _predicted(size, config) + _predicted(other, config)
        if other.segment != size.segment and together >= strictest:
            return f"Join {size.segment} with {other.segment}: {together:,} together at most."
    return f"Widen the window of {size.segment}: no other segment makes it large enough."
