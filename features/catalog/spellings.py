"""One spelling for each attribute name and each listed value, whatever dialect a feed is written in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features.distinct import map_distinct

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS: Final = re.compile(r"[\s\-]+")
_PREFIX: Final = re.compile(r"^[gc]:")
_SCHEMA_ORG: Final = re.compile(r"^https?://schema\.org/", re.IGNORECASE)

_ATTRIBUTES: Final[Mapping[str, str]] = {
    "offer_id": "id",
    "additional_image_links": "additional_image_link",
    "product_types": "product_type",
    "quantity_to_sell_on_facebook": "inventory",
    "quantity_to_sell_on_fb": "inventory",
}
"""Names of the same thing in the Content API and in Meta's feeds."""

_AVAILABILITY: Final[Mapping[str, str]] = {
    "instock": "in_stock",
    "outofstock": "out_of_stock",
    "pre_order": "preorder",
    "back_order": "backorder",
}
_CONDITION: Final[Mapping[str, str]] = {
    "new_condition": "new",
    "used_condition": "used",
    "refurbished_condition": "refurbished",
}
_TRUTH: Final[Mapping[str, str]] = {"true": "yes", "false": "no"}


@lru_cache(maxsize=4096)
def attribute_name(written: str) -> str:
    """The Merchant name of an attribute.

    Example:
        >>> [attribute_name(name) for name in ("g:image_link", "Image Link", "imageLink", "offerId")]
        ['image_link', 'image_link', 'image_link', 'id']
    """
    name = _SEPARATORS.sub("_", _CAMEL.sub("_", _PREFIX.sub("", written.strip()))).lower()
    return _ATTRIBUTES.get(name, name)


def availability(written: str) -> str:
    """Merchant spelling of an availability; a value of no known spelling comes back lower-cased.

    Example:
        >>> [availability(text) for text in ("in stock", "Out-Of-Stock", "https://schema.org/InStock")]
        ['in_stock', 'out_of_stock', 'in_stock']
    """
    return _listed(written, _AVAILABILITY)


def condition(written: str) -> str:
    """Merchant spelling of a condition."""
    return _listed(written, _CONDITION)


def truth(written: str) -> str:
    """`yes` or `no` for a flag written in any usual way; anything else comes back lower-cased."""
    return _listed(written, _TRUTH)


def _listed(written: str, known: Mapping[str, str]) -> str:
    bare = _CAMEL.sub("_", _SCHEMA_ORG.sub("", written.strip()))
    value = _SEPARATORS.sub("_", bare).lower()
    return known.get(value, value)


LISTED: Final[Mapping[str, Callable[[str], str]]] = {
    "availability": availability,
    "condition": condition,
    "identifier_exists": truth,
}
"""Attributes with a closed list of values, and how each is spelled."""


def respell(items: pa.Table, own: Mapping[str, Mapping[str, str]]) -> pa.Table:
    """The feed with blank texts as null, listed values in Merchant spelling, and the client's own replacements.

    Args:
        items: unchecked feed rows, text columns by Merchant attribute name.
        own: per attribute, text found -> text meant, compared without regard to case; wins over the usual spellings.
    """
    for position, field in enumerate(items.schema):
        if not pa.types.is_string(field.type):
            continue
        trimmed = pc.utf8_trim_whitespace(items[field.name])
        values = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
        speller = _speller(field.name, own.get(field.name, {}))
        if speller:
            values = map_distinct(values, speller, pa.string())
        items = items.set_column(position, field.name, values)
    return items


def _speller(attribute: str, own: Mapping[str, str]) -> Callable[[str], str] | None:
    usual = LISTED.get(attribute)
    if not own:
        return usual
    replace = {found.casefold(): meant for found, meant in own.items()}

    def spelled(text: str) -> str:
        if text.casefold() in replace:
            return replace[text.casefold()]
        value = usual(text) if usual else text
        return replace.get(value, value)

    return spelled
