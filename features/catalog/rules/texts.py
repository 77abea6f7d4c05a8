"""Links, texts and labels: what is shown, and what a platform cuts or ignores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray
from features.catalog.limits import Limit, Limits, Severity
from features.catalog.parsed import ParsedFeed, mask
from features.catalog.rules.rule import CREATIVE, MARKETING_OPERATIONS, FeedRule, Rule

CUSTOM_LABELS: Final = (
    c.CUSTOM_LABEL_0, c.CUSTOM_LABEL_1, c.CUSTOM_LABEL_2, c.CUSTOM_LABEL_3, c.CUSTOM_LABEL_4,
)  # fmt: skip

_ABSOLUTE: Final = r"^https?://[^\s/?#.:@][^\s/?#@]*([/?#][^\s]*)?$"
_SECURE: Final = r"^https://"
_CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_FORMULA: Final = r"^[=+@\-\t\r]"


def _too_long(attribute: str, limit: Limit, *, code: str = "") -> Rule:
    return Rule(
        code or f"{attribute}_too_long", attribute, limit.severity, CREATIVE,
        lambda feed: feed.length(attribute) > limit.limit, limit=limit,
    )  # fmt: skip


def _not_absolute(attribute: str, feed: ParsedFeed) -> BoolArray:
    return feed.present(attribute) & ~feed.matches(attribute, _ABSOLUTE)


def _too_many_images(limit: Limit) -> Rule:
    def breaks(feed: ParsedFeed) -> BoolArray:
        commas = pc.count_substring(feed.text(c.ADDITIONAL_IMAGE_LINK), ",")
        return mask(pc.greater_equal(commas, limit.limit))

    return Rule(
        "too_many_images", c.ADDITIONAL_IMAGE_LINK, limit.severity, CREATIVE, breaks, limit=limit
    )


def _label_values(attribute: str, feed: ParsedFeed) -> int:
    """Distinct values of one label; platforms do not tell upper from lower case."""
    return len(pc.unique(pc.utf8_lower(feed.text(attribute))).drop_null())


def _overflow(attribute: str, limit: Limit, feed: ParsedFeed) -> str | None:
    found = _label_values(attribute, feed)
    return f"{found} distinct values of at most {limit.limit}" if found > limit.limit else None


def _overflow_in_all(limit: Limit, feed: ParsedFeed) -> str | None:
    found = sum(_label_values(attribute, feed) for attribute in CUSTOM_LABELS)
    return f"{found} distinct values of at most {limit.limit}" if found > limit.limit else None


def _any(attributes: tuple[str, ...], pattern: str, feed: ParsedFeed) -> BoolArray:
    found = np.zeros(len(feed), np.bool_)
    for attribute in attributes:
        found |= feed.matches(attribute, pattern)
    return found


def rules(limits: Limits) -> tuple[Rule, ...]:
    """The rules about texts, with the platforms' limits."""
    lengths = limits.under("google_merchant.item", unit="characters")
    label = lengths.pop("custom_label")
    images = limits["google_merchant.item.additional_image_link.values"]
    on_link: Callable[[ParsedFeed], BoolArray] = partial(_not_absolute, c.LINK)
    on_image: Callable[[ParsedFeed], BoolArray] = partial(_not_absolute, c.IMAGE_LINK)
    return (
        Rule("link_not_absolute", c.LINK, Severity.ERROR, CREATIVE, on_link),
        Rule("image_link_not_absolute", c.IMAGE_LINK, Severity.ERROR, CREATIVE, on_image),
        Rule(
            "image_link_not_secure", c.IMAGE_LINK, Severity.ADVICE, CREATIVE,
            lambda f: f.present(c.IMAGE_LINK) & ~on_image(f) & ~f.matches(c.IMAGE_LINK, _SECURE),
        ),
        Rule(
            "control_characters", c.TITLE, Severity.WARNING, CREATIVE,
            lambda f: _any((c.TITLE, c.DESCRIPTION, c.BRAND), _CONTROL, f),
        ),
        Rule(
            "formula_like", c.TITLE, Severity.ADVICE, CREATIVE,
            lambda f: _any(("id", c.TITLE, c.BRAND, *CUSTOM_LABELS), _FORMULA, f),
        ),
        _too_many_images(images),
        *(_too_long(attribute, limit) for attribute, limit in lengths.items()),
        *(_too_long(name, label, code=f"{name}_too_long") for name in CUSTOM_LABELS),
    )  # fmt: skip


def feed_rules(limits: Limits) -> tuple[FeedRule, ...]:
    """The rules about labels over the whole feed: what is above the limit, platforms ignore without a word."""
    each = limits["google_merchant.account.custom_label.distinct_values"]
    total = limits["google_merchant.account.custom_labels.distinct_values"]
    return (
        *(
            FeedRule(
                f"{name}_overflow", name, each.severity, MARKETING_OPERATIONS,
                partial(_overflow, name, each), limit=each,
            )
            for name in CUSTOM_LABELS
        ),
        FeedRule(
            "custom_labels_overflow", CUSTOM_LABELS[0], total.severity, MARKETING_OPERATIONS,
            partial(_overflow_in_all, total), limit=total,
        ),
    )  # fmt: skip
