"""A rule: which rows break it, how bad that is, and who mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from features.arrays import BoolArray
from features.catalog.limits import Limit, Severity
from features.catalog.parsed import ParsedFeed

MERCHANDISING: Final = "merchandising"
MARKETING_OPERATIONS: Final = "marketing operations"
CREATIVE: Final = "creative"


@dataclass(frozen=True)
class Rule:
    """One rule about items.

    Attributes:
        code: name of the issue, unique.
        attribute: Merchant attribute the issue is reported on.
        severity: what breaking it does to the item.
        owner: team that mends it.
        breaks: rows that break it, shape (n,).
        fixed: the severity follows from the items table itself, so no config may change it.
        limit: the platform limit it holds items to; None = it knows none.
    """

    code: str
    attribute: str
    severity: Severity
    owner: str
    breaks: Callable[[ParsedFeed], BoolArray]
    fixed: bool = False
    limit: Limit | None = None


@dataclass(frozen=True)
class FeedRule:
    """One rule about the feed as a whole.

    Attributes:
        code: name of the issue, unique.
        attribute: Merchant attribute the issue is reported on.
        severity: what breaking it does; an error stops the feed.
        owner: team that mends it.
        finds: what is wrong, in words; None = nothing.
        limit: the platform limit it holds the feed to; None = it knows none.
    """

    code: str
    attribute: str
    severity: Severity
    owner: str
    finds: Callable[[ParsedFeed], str | None]
    limit: Limit | None = None
