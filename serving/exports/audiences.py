"""Persons to contact as audiences: whole or in parts, and whether a platform will take them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final, Literal

from pydantic import Field

from features import columns as c
from features.config import BaseConfig
from features.errors import ConfigError
from features.quality.segment_size import SegmentSize, SegmentSizeConfig, check_segment_sizes
from serving.exports.base import Prepared, Row, distinct_rows
from serving.exports.facts import ExportFacts

_PART: Final = re.compile(r"[a-z0-9_]{1,60}")
_TAKEN: Final = ("add", "remove")
"""Parts of the names of files that hold changes."""

_NO_SEGMENT: Final = "no_segment"


class AudienceConfig(BaseConfig):
    """What exports of audiences have in common."""

    split: Literal["none", "stage", "segment"] = "none"
    """One audience, or one per funnel stage, or one per first segment."""

    sizes: SegmentSizeConfig | None = Field(default=None)
    """Least number of members, and what to roll up into what; left out = not checked."""


def split_persons(facts: ExportFacts, config: AudienceConfig) -> dict[str, list[str]]:
    """The persons to contact by part, both sorted; one part named "" where nothing is split.

    Raises:
        ConfigError: a segment's name cannot be part of a file name.
    """
    if config.split == "none":
        return {"": facts.persons}
    stages = facts.eligible.people[c.STAGE].to_pylist()
    parts: dict[str, list[str]] = {}
    for person, stage in zip(facts.persons, stages, strict=True):
        part = stage if config.split == "stage" else facts.segments.get(person, _NO_SEGMENT)
        parts.setdefault(part, []).append(person)
    unfit = [name for name in parts if _PART.fullmatch(name) is None or name in _TAKEN]
    if unfit:
        raise ConfigError(
            "split",
            f"gives an audience named {unfit[0]!r}",
            rule="the name of an audience has lower-case letters, digits and underscores, and is not 'add' or 'remove'",
            next_step="Rename the segment in features.yaml.",
        )
    return dict(sorted(parts.items()))


RowsOf = Callable[[str, Counter[str]], list[Row]]
"""The rows of one person, counting what of the person cannot be used."""

RowProblem = Callable[[Row], str | None]
"""Why a platform would refuse a row; None = it would not."""


def prepare_part(
    part: str,
    persons: Iterable[str],
    rows_of: RowsOf,
    problem: RowProblem,
    *,
    keys: tuple[int, ...],
) -> Prepared:
    """The rows of some persons; `persons` of the result counts those with at least one."""
    drops: Counter[str] = Counter()
    rows: list[Row] = []
    matched = 0
    for person in persons:
        own = rows_of(person, drops)
        drops["nothing_to_match"] += not own
        matched += bool(own)
        rows += own
    kept, refused = distinct_rows(rows, problem)
    return Prepared(part, kept, matched, dict(sorted((drops + refused).items())), keys=keys)


def prepare_audience(
    name: str,
    config: AudienceConfig,
    facts: ExportFacts,
    rows_of: RowsOf,
    problem: RowProblem,
    *,
    keys: tuple[int, ...],
) -> list[Prepared]:
    """The persons to contact, in the parts the config asks for, with warnings about parts too small."""
    parts = split_persons(facts, config)
    found = [
        prepare_part(part, members, rows_of, problem, keys=keys) for part, members in parts.items()
    ]
    sizes = [
        SegmentSize(prepared.part or name, len(parts[prepared.part]), prepared.persons)
        for prepared in found
    ]
    if not found:
        return [Prepared("", ())]
    first, *rest = found
    return [replace(first, warnings=size_warnings(sizes, config.sizes)), *rest]


def size_warnings(sizes: list[SegmentSize], config: SegmentSizeConfig | None) -> tuple[str, ...]:
    """What somebody should know about audiences too small for a platform, and what to roll each up into."""
    if config is None or not sizes:
        return ()
    check = check_segment_sizes(sizes, config)
    return (f"{check.words}. {check.next_step}",) if check.status == "warn" else ()
