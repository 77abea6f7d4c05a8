"""Validate a feed: every row is accepted, disapproved with reasons, or was rejected by the reader."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray
from features.catalog.items import custom_attributes, feed_items, listings
from features.catalog.limits import Limits, Severity, read_limits
from features.catalog.parsed import ID, SALE_PERIOD, ParsedFeed, mask
from features.catalog.profiles import PROFILES, Vertical
from features.catalog.readers.feed import FeedReaderConfig
from features.catalog.readers.raw import LIST_ATTRIBUTES, RawFeed
from features.catalog.rules import identity, offers, structure, texts
from features.catalog.rules.rule import MARKETING_OPERATIONS, FeedRule, Rule
from features.catalog.taxonomy import read_taxonomy
from features.config import BaseConfig
from features.contracts import check
from features.errors import ConfigError, GateError
from features.feed_tables import FEED_ISSUES, FEED_ITEMS
from features.files.rejects import shown

KNOWN_ATTRIBUTES: Final = (
    frozenset(FEED_ITEMS.schema.names) - {c.ITEM_ID, c.CATEGORY, c.SALE_STARTS, c.SALE_ENDS}
    | LIST_ATTRIBUTES
    | {c.START_DATE, c.LATITUDE, c.LONGITUDE}
    | {ID, SALE_PERIOD, "adult", "guid", "is_bundle", "mobile_link", "multipack", "pubdate", "updated"}
    | {"shipping_height", "shipping_label", "shipping_length", "shipping_weight", "shipping_width"}
    | {"unit_pricing_base_measure", "unit_pricing_measure", "size_system", "size_type"}
)  # fmt: skip
"""Attributes that need no declaration."""


class FeedConfig(BaseConfig):
    """One client's feed: how it is read, what its items must have, when it is refused."""

    vertical: Vertical = "retail"
    """What kind of items these are; decides the required attributes."""

    reader: FeedReaderConfig = FeedReaderConfig()
    """How the file is read."""

    taxonomy: Path | None = None
    """Google's `taxonomy-with-ids` file; left out = any category is believed."""

    custom_attributes: dict[str, tuple[str, ...]] = Field(default={})
    """Custom attributes to carry, each with its allowed values; no values = any text."""

    severities: dict[str, Severity] = Field(default={})
    """Own severity per issue code."""

    owners: dict[str, str] = Field(default={})
    """Own owner per issue code."""

    max_error_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of rows that may be rejected or disapproved before the whole feed is refused."""


@dataclass(frozen=True)
class Validation:
    """What came of a feed.

    Attributes:
        source: name of the feed.
        rows: rows of the feed.
        items: accepted items, the feed-items table, sorted by item id.
        attributes: their declared custom attributes, the feed-attributes table.
        listings: the items that end, begin or lie somewhere, the listings table.
        issues: what is wrong, the feed-issues table: errors first, then by line.
        rejects: rows the reader refused, the rejects table.
        disapproved: rows with at least one error.
        limits_compiled: date of the table of limits used, for the manifest.

    Invariants: rows = accepted items + disapproved + rejects.
    """

    source: str
    rows: int
    items: pa.Table
    attributes: pa.Table
    listings: pa.Table
    issues: pa.Table
    rejects: pa.Table
    disapproved: int
    limits_compiled: str

    @property
    def error_rate(self) -> float:
        """Share of rows that did not become items, in [0, 1]; 1 for a feed without rows."""
        return (self.disapproved + self.rejects.num_rows) / self.rows if self.rows else 1.0

    def counts(self) -> dict[str, int]:
        """Issues per code, commonest first, then by name."""
        found = Counter(self.issues[c.ISSUE_CODE].to_pylist())
        found.update(self.rejects[c.REASON_CODE].to_pylist())
        return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))

    def figures(self) -> dict[str, Any]:
        """Counts for the manifest of the run and for the series of feed errors over time."""
        return {
            "rows": self.rows,
            "accepted": self.items.num_rows,
            "disapproved": self.disapproved,
            "rejected": self.rejects.num_rows,
            "error_rate": self.error_rate,
            "issues": self.counts(),
            "limits_compiled": self.limits_compiled,
        }

    def require_publishable(self, *, max_error_rate: float) -> None:
        """Stop here, with the last good snapshot still in force, unless the feed as a whole is good enough.

        Raises:
            GateError: no rows, an error about the feed as a whole, or too many rows without item.
        """
        errors = self.issues.filter(pc.equal(self.issues[c.SEVERITY], Severity.ERROR))
        whole = errors.filter(pc.is_null(errors[c.LINE])).to_pylist()
        if whole:
            first = whole[0]
            raise self._refusal(f"{first[c.ISSUE_CODE]}: {first[c.RAW_VALUE]}", first[c.OWNER])
        if not self.rows:
            raise self._refusal("it holds no items", MARKETING_OPERATIONS)
        if self.error_rate > max_error_rate:
            lost = self.disapproved + self.rejects.num_rows
            raise GateError(
                self.source,
                f"{lost} of {self.rows} rows ({self.error_rate:.1%}) are no items; {self._commonest(errors)}",
                rule=f"at most {max_error_rate:.1%} may be lost, so the last good snapshot stays",
                next_step="Mend the feed, map its values under 'reader.spellings', or raise 'max_error_rate'.",
            )

    def _commonest(self, errors: pa.Table) -> str:
        found = Counter(errors[c.ISSUE_CODE].to_pylist())
        found.update(self.rejects[c.REASON_CODE].to_pylist())
        code, count = min(found.items(), key=lambda entry: (-entry[1], entry[0]))
        rows = errors.filter(pc.equal(errors[c.ISSUE_CODE], code)).to_pylist()
        if not rows:
            return f"most for '{code}' ({count})"
        example = rows[0]
        where = f"line {example[c.LINE]}: {example[c.RAW_VALUE]!r}"
        return f"most for '{code}' ({count}; {where}; owner {example[c.OWNER]})"

    def _refusal(self, found: str, owner: str) -> GateError:
        return GateError(
            self.source,
            found,
            rule="such a feed is not published, so the last good snapshot stays",
            next_step=f"Ask {owner} to mend the feed.",
        )


def validate_feed(feed_: RawFeed, config: FeedConfig, *, as_of: datetime) -> Validation:
    """Judge every row of a feed.

    Args:
        feed_: unchecked rows, as a reader gives them.
        config: what is expected of them.
        as_of: the moment of validation; dates are judged against it.

    Raises:
        ConfigError: a severity or an owner is declared for a code that no rule has.
    """
    limits = read_limits()
    feed = ParsedFeed(
        feed_.items,
        profile=PROFILES[config.vertical],
        as_of=as_of,
        taxonomy=read_taxonomy(config.taxonomy) if config.taxonomy else None,
    )
    rules, feed_rules = _rules(config, limits), _feed_rules(config, limits, feed_)
    _require_known_codes(config, [*(r.code for r in rules), *(r.code for r in feed_rules)])
    _require_fixed(config, rules)
    broken = np.zeros(len(feed), np.bool_)
    found: list[dict[str, Any]] = []
    for rule in _configured(rules, config):
        rows = rule.breaks(feed)
        if rule.severity is Severity.ERROR:
            broken |= rows
        found.extend(_issues(rule, rows, feed, feed_.source))
    for feed_rule in _configured(feed_rules, config):
        problem = feed_rule.finds(feed)
        if problem:
            found.append(_issue(feed_rule, feed_.source, None, None, problem))
    return Validation(
        source=feed_.source,
        rows=feed_.rows,
        items=feed_items(feed, ~broken, source=feed_.source),
        attributes=custom_attributes(
            feed, ~broken, config.custom_attributes, source=feed_.source
        ),
        listings=listings(feed, ~broken, source=feed_.source),
        issues=_issue_table(found, feed_.source),
        rejects=feed_.rejects,
        disapproved=int(broken.sum()),
        limits_compiled=limits.compiled.isoformat(),
    )  # fmt: skip


def _rules(config: FeedConfig, limits: Limits) -> tuple[Rule, ...]:
    enumerated = (
        Rule(
            f"{name}_undeclared", name, Severity.WARNING, MARKETING_OPERATIONS,
            partial(_undeclared, name, values),
        )
        for name, values in config.custom_attributes.items()
        if values
    )  # fmt: skip
    return (
        *structure.RULES,
        *offers.rules(limits),
        *texts.rules(limits),
        *identity.RULES,
        *enumerated,
    )


def _feed_rules(config: FeedConfig, limits: Limits, feed_: RawFeed) -> tuple[FeedRule, ...]:
    line = limits["meta.feed.line.bytes"]
    long = f"a line of {feed_.longest_line} bytes, Meta reads at most {line.limit}"
    return (
        *offers.FEED_RULES,
        *texts.feed_rules(limits),
        FeedRule(
            "undeclared_attributes", "(all)", Severity.ADVICE, MARKETING_OPERATIONS,
            partial(_unknown_attributes, config),
        ),
        FeedRule(
            "line_too_long_for_meta", "(all)", Severity.WARNING, MARKETING_OPERATIONS,
            lambda _: long if feed_.longest_line > line.limit else None, limit=line,
        ),
    )  # fmt: skip


def _undeclared(attribute: str, values: tuple[str, ...], feed: ParsedFeed) -> BoolArray:
    listed = mask(pc.is_in(feed.text(attribute), value_set=pa.array(values)))
    return feed.present(attribute) & ~listed


def _unknown_attributes(config: FeedConfig, feed: ParsedFeed) -> str | None:
    names = set(feed.items.column_names) - {c.LINE} - KNOWN_ATTRIBUTES
    return ", ".join(sorted(names - set(config.custom_attributes))) or None


_RuleT = TypeVar("_RuleT", Rule, FeedRule)


def _configured(rules: Iterable[_RuleT], config: FeedConfig) -> list[_RuleT]:
    return [
        replace(
            rule,
            severity=config.severities.get(rule.code, rule.severity),
            owner=config.owners.get(rule.code, rule.owner),
        )
        for rule in rules
    ]


def _require_known_codes(config: FeedConfig, codes: list[str]) -> None:
    declared: Mapping[str, Mapping[str, str]] = {
        "severities": config.severities,
        "owners": config.owners,
    }
    for key, entries in declared.items():
        for code, value in entries.items():
            if code not in codes:
                near = difflib.get_close_matches(code, codes, n=1)
                raise ConfigError(
                    f"'{key}.{code}'",
                    "is no issue code",
                    rule="severities and owners are declared for codes that exist",
                    next_step=f"Did you mean '{near[0]}'?" if near else f"Codes: {codes}",
                )
            if not value.strip():
                raise ConfigError(
                    f"'{key}.{code}'",
                    "is empty",
                    rule="every check has an owner",
                    next_step="Name the team that mends it.",
                )


def _require_fixed(config: FeedConfig, rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        if rule.fixed and config.severities.get(rule.code, rule.severity) is not rule.severity:
            raise ConfigError(
                f"'severities.{rule.code}'",
                f"is '{config.severities[rule.code]}'",
                rule="an item that breaks this rule cannot stand in the catalog",
                next_step="Leave it out; map values under 'reader.spellings' instead.",
            )


def _issues(rule: Rule, rows: BoolArray, feed: ParsedFeed, source: str) -> list[dict[str, Any]]:
    at = np.flatnonzero(rows)
    if not len(at):
        return []
    lines = feed.items[c.LINE].take(at).to_pylist()
    ids = feed.text(ID).take(at).to_pylist()
    values = feed.text(rule.attribute).take(at).to_pylist()
    return [
        _issue(rule, source, line, item, value)
        for line, item, value in zip(lines, ids, values, strict=True)
    ]


def _issue(
    rule: Rule | FeedRule, source: str, line: int | None, item: str | None, value: str | None
) -> dict[str, Any]:
    return {
        c.SOURCE: source,
        c.LINE: line,
        c.ITEM_ID: None if item is None else shown(item),
        c.ISSUE_CODE: rule.code,
        c.SEVERITY: rule.severity.value,
        c.ATTRIBUTE: rule.attribute,
        c.OWNER: rule.owner,
        c.RAW_VALUE: None if value is None else shown(value),
        c.LIMIT: None if rule.limit is None else str(rule.limit),
    }


_ORDER: Final = {severity.value: place for place, severity in enumerate(Severity)}


def _issue_table(found: list[dict[str, Any]], source: str) -> pa.Table:
    if not found:
        return FEED_ISSUES.schema.empty_table()
    ordered = sorted(
        found, key=lambda issue: (_ORDER[issue[c.SEVERITY]], issue[c.LINE] or 0)
    )  # fmt: skip
    table = pa.Table.from_pylist(ordered, schema=FEED_ISSUES.schema)
    return check(table, FEED_ISSUES, source=source)
