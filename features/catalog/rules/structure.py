"""Ids and required attributes: without them a row is no item."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.limits import Severity
from features.catalog.parsed import ID, ParsedFeed, mask
from features.catalog.profiles import PROFILES
from features.catalog.rules.rule import CREATIVE, MARKETING_OPERATIONS, MERCHANDISING, Rule

_UNFIT_FOR_ID: Final = r"[\p{Cc}\p{Co}\x{FFFD}-\x{FFFF}]"
_PATH_LIKE: Final = r"^[/\\]|^[A-Za-z]:\\|(^|[/\\])\.\.([/\\]|$)"
_PLACEHOLDER: Final = r"(?i)^(nan|null|none|undefined|n/a|\(not set\)|#n/a|#ref!)$"


def _missing(attribute: str) -> Rule:
    def breaks(feed: ParsedFeed) -> BoolArray:
        if attribute not in feed.profile.required:
            return np.zeros(len(feed), np.bool_)
        return ~feed.present(attribute)

    owner = CREATIVE if attribute in {c.IMAGE_LINK, c.DESCRIPTION} else MERCHANDISING
    return Rule(
        f"{attribute}_missing",
        attribute,
        Severity.ERROR,
        owner,
        breaks,
        fixed=attribute in {ID, c.TITLE},
    )


def conflicting_id(feed: ParsedFeed) -> BoolArray:
    """Rows that share an id and say different things: none of them can be believed."""
    return _same_id(feed)[0]


def repeated_row(feed: ParsedFeed) -> BoolArray:
    """Second and later copies of a row that agrees with the first in everything."""
    return _same_id(feed)[1]


def _same_id(feed: ParsedFeed) -> tuple[BoolArray, BoolArray]:
    ids = feed.text(ID)
    counts = pc.value_counts(ids.combine_chunks())
    repeated = counts.field(0).filter(pc.greater(counts.field(1), 1)).drop_null()
    rows = np.flatnonzero(mask(pc.is_in(ids, value_set=repeated)))
    content = feed.items.drop_columns([c.LINE]).take(rows).to_pylist()
    by_id: dict[str, list[int]] = defaultdict(list)
    for position, row in enumerate(content):
        by_id[row[ID]].append(position)
    conflict, copy = np.zeros(len(feed), np.bool_), np.zeros(len(feed), np.bool_)
    for positions in by_id.values():
        same = all(content[position] == content[positions[0]] for position in positions)
        (copy if same else conflict)[rows[positions[1:] if same else positions]] = True
    return conflict, copy


def id_differs_by_case(feed: ParsedFeed) -> BoolArray:
    """Ids that some platforms, which lower-case them, will take for one another."""
    ids = feed.text(ID).combine_chunks()
    spelled = pc.unique(ids).drop_null()
    lowered = pc.value_counts(pc.utf8_lower(spelled))
    clash = lowered.field(0).filter(pc.greater(lowered.field(1), 1))
    return mask(pc.is_in(pc.utf8_lower(ids), value_set=clash.drop_null()))


def _equals_group(feed: ParsedFeed) -> BoolArray:
    return mask(pc.equal(feed.text(ID), feed.text(c.ITEM_GROUP_ID)))


REQUIRED: Final = tuple(dict.fromkeys(name for p in PROFILES.values() for name in p.required))

RULES: Final = (
    *(_missing(attribute) for attribute in REQUIRED),
    Rule("id_conflict", ID, Severity.ERROR, MERCHANDISING, conflicting_id, fixed=True),
    Rule("id_repeated", ID, Severity.ERROR, MERCHANDISING, repeated_row, fixed=True),
    Rule(
        "id_unfit_characters", ID, Severity.ERROR, MERCHANDISING,
        lambda feed: feed.matches(ID, _UNFIT_FOR_ID),
    ),
    Rule(
        "id_placeholder", ID, Severity.ERROR, MERCHANDISING,
        lambda feed: feed.matches(ID, _PLACEHOLDER),
    ),
    Rule("id_case_clash", ID, Severity.WARNING, MERCHANDISING, id_differs_by_case),
    Rule(
        "id_path_like", ID, Severity.WARNING, MERCHANDISING,
        lambda feed: feed.matches(ID, _PATH_LIKE),
    ),
    Rule("id_equals_group", c.ITEM_GROUP_ID, Severity.ADVICE, MARKETING_OPERATIONS, _equals_group),
)  # fmt: skip
