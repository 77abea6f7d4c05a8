"""What an item is: product identifiers, category, brand, and the group of its variants."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.limits import Severity
from features.catalog.parsed import ParsedFeed, mask
from features.catalog.rules.rule import MARKETING_OPERATIONS, MERCHANDISING, Rule
from features.distinct import map_distinct

VARIANT_ATTRIBUTES: Final = (c.COLOR, c.SIZE, c.MATERIAL, c.PATTERN, c.GENDER, c.AGE_GROUP)

_GTIN_LENGTHS: Final = frozenset({8, 12, 13, 14})
_SEPARATOR: Final = "\x1f"


def is_gtin(written: str) -> bool:
    """Whether a number is a GTIN-8, -12, -13 or -14 with the right check digit.

    Source: GS1 General Specifications, standard check digit.

    Example:
        >>> is_gtin("4006381333931"), is_gtin("4006381333932")
        (True, False)
    """
    digits = written.replace("-", "").replace(" ", "")
    if len(digits) not in _GTIN_LENGTHS or not (digits.isascii() and digits.isdigit()):
        return False
    *body, check = [int(digit) for digit in digits]
    total = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == check


def _bad_gtin(feed: ParsedFeed) -> BoolArray:
    good = mask(map_distinct(feed.text(c.GTIN), is_gtin, pa.bool_()))
    return feed.present(c.GTIN) & ~good


def _no_identifier(feed: ParsedFeed) -> BoolArray:
    if not feed.profile.identifiers:
        return np.zeros(len(feed), np.bool_)
    declared = mask(pc.equal(feed.text(c.IDENTIFIER_EXISTS), "no"))
    return ~(feed.present(c.BRAND) | feed.present(c.GTIN) | feed.present(c.MPN) | declared)


def _unknown_category(feed: ParsedFeed) -> BoolArray:
    return feed.present(c.GOOGLE_PRODUCT_CATEGORY) & mask(pc.is_null(feed.known_category))


def ungrouped_variants(feed: ParsedFeed) -> BoolArray:
    """Items without group that share brand and title with another and differ from it in a variant attribute."""
    named = feed.present(c.TITLE) & ~feed.present(c.ITEM_GROUP_ID)
    name = _joined(feed, (c.BRAND, c.TITLE))
    table = pa.table({"name": name, "variant": _joined(feed, VARIANT_ATTRIBUTES)}).filter(named)
    kinds = table.group_by("name").aggregate([("variant", "count_distinct")])
    several = kinds["name"].filter(pc.greater(kinds["variant_count_distinct"], 1))
    return named & mask(pc.is_in(name, value_set=several.combine_chunks()))


def _mixed_group(attribute: str, feed: ParsedFeed) -> BoolArray:
    """Items whose group gives the attribute different values."""
    group = feed.text(c.ITEM_GROUP_ID)
    values = pc.utf8_lower(feed.text(attribute))
    table = pa.table({"group": group, "value": values}).filter(pc.is_valid(group))
    kinds = table.group_by("group").aggregate([("value", "count_distinct")])
    mixed = kinds["group"].filter(pc.greater(kinds["value_count_distinct"], 1))
    return mask(pc.is_in(group, value_set=mixed.combine_chunks()))


def _joined(feed: ParsedFeed, attributes: tuple[str, ...]) -> pa.ChunkedArray:
    texts = [pc.utf8_lower(feed.text(attribute)) for attribute in attributes]
    return pc.binary_join_element_wise(
        *texts, _SEPARATOR, null_handling="replace", null_replacement=""
    )


def usual_brand(brand: pa.ChunkedArray) -> pa.ChunkedArray:
    """Each brand in its commonest spelling; of equally common ones, the first in alphabetical order."""
    spaced = pc.utf8_trim_whitespace(pc.replace_substring_regex(brand, r"\s+", " "))
    counts = pc.value_counts(spaced.combine_chunks()).to_pylist()
    ranked = sorted(counts, key=lambda entry: (-entry["counts"], entry["values"] or ""))
    usual: dict[str, str] = {}
    for entry in ranked:
        if entry["values"] is not None:
            usual.setdefault(entry["values"].casefold(), entry["values"])
    return map_distinct(spaced, lambda text: usual[text.casefold()], pa.string())


def _unusual_brand(feed: ParsedFeed) -> BoolArray:
    brand = feed.text(c.BRAND)
    return mask(pc.not_equal(brand, usual_brand(brand)))


RULES: Final = (
    Rule("gtin_invalid", c.GTIN, Severity.WARNING, MERCHANDISING, _bad_gtin),
    Rule("identifiers_missing", c.BRAND, Severity.WARNING, MERCHANDISING, _no_identifier),
    Rule(
        "category_unknown", c.GOOGLE_PRODUCT_CATEGORY, Severity.WARNING, MERCHANDISING,
        _unknown_category,
    ),
    Rule("brand_spelling", c.BRAND, Severity.ADVICE, MERCHANDISING, _unusual_brand),
    Rule(
        "variants_without_group", c.ITEM_GROUP_ID, Severity.WARNING, MARKETING_OPERATIONS,
        ungrouped_variants,
    ),
    *(
        Rule(
            f"group_mixed_{attribute}", c.ITEM_GROUP_ID, Severity.WARNING, MARKETING_OPERATIONS,
            partial(_mixed_group, attribute),
        )
        for attribute in (c.BRAND, c.GOOGLE_PRODUCT_CATEGORY, c.CONDITION)
    ),
)  # fmt: skip
