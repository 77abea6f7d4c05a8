"""What no text may do: be too long, claim too much, name a price that is not the item's, press without reason, lead nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from features import columns as c
from serving.creative.config import CreativeConfig, TemplateConfig
from serving.creative.slots import DISCOUNT, REGULAR_PRICE, ItemFacts
from serving.creative.templates import parse_template
from serving.exports.item_texts import is_link

HEADLINE_TOO_LONG: Final = "headline_too_long"
BODY_TOO_LONG: Final = "body_too_long"
BANNED_CLAIM: Final = "banned_claim"
PRICE_NOT_TRUE: Final = "price_not_true"
DISCOUNT_NOT_TRUE: Final = "discount_not_true"
UNSUPPORTED_URGENCY: Final = "unsupported_urgency"
NO_LANDING_PAGE: Final = "no_landing_page"

_NUMBER: Final = r"[0-9]+(?:[.,][0-9]+)*"
_AMOUNT: Final = re.compile(rf"(?:[$€£¥]\s?({_NUMBER}))|(?:({_NUMBER})\s?(?:[$€£¥]|[A-Z]{{3}}\b))")
_PER_CENT: Final = re.compile(rf"({_NUMBER})\s?%")


def problem(
    template: TemplateConfig, headline: str, body: str, facts: ItemFacts, config: CreativeConfig
) -> str | None:
    """Why a filled text may not be shown for an item; None = it may.

    Prices that come from slots are the feed's; those in the words of the template and of its fallbacks are compared with it.
    """
    words = _own_words(template, facts)
    checks = {
        HEADLINE_TOO_LONG: len(headline) > config.headline_limit,
        BODY_TOO_LONG: len(body) > config.body_limit,
        BANNED_CLAIM: _holds(f"{headline} {body}", config.banned_claims),
        PRICE_NOT_TRUE: not _amounts(words) <= _prices(facts),
        DISCOUNT_NOT_TRUE: not _per_cents(words) <= {facts.texts.get(DISCOUNT)},
        UNSUPPORTED_URGENCY: _presses(template, words, config) and not _few_left(facts, config),
        NO_LANDING_PAGE: facts.has_feed and not (facts.link and is_link(facts.link)),
    }
    return next((name for name, broken in checks.items() if broken), None)


def _own_words(template: TemplateConfig, facts: ItemFacts) -> str:
    """What the template says without the feed: its own text and the fallbacks in use."""
    used = [text for slot, text in template.fallbacks.items() if slot not in facts.texts]
    texts = (template.headline, template.body)
    return " ".join([*(parse_template(text).own_words() for text in texts), *used])


def _holds(text: str, claims: Iterable[str]) -> bool:
    return any(claim.casefold() in text.casefold() for claim in claims)


def _presses(template: TemplateConfig, words: str, config: CreativeConfig) -> bool:
    return template.step in config.urgency_steps or _holds(words, config.urgency_claims)


def _few_left(facts: ItemFacts, config: CreativeConfig) -> bool:
    return facts.inventory is not None and 0 < facts.inventory < config.urgency_below


def _amounts(text: str) -> set[float | None]:
    return {_value(first or second) for first, second in _AMOUNT.findall(text)}


def _prices(facts: ItemFacts) -> set[float | None]:
    texts = (facts.texts.get(name, "") for name in (c.PRICE, REGULAR_PRICE))
    return {_value(text.split(" ")[0]) for text in texts if text}


def _per_cents(text: str) -> set[str | None]:
    return set(_PER_CENT.findall(text))


def _value(written: str) -> float | None:
    """An amount as a number; None for one that could be read in two ways, which equals no price."""
    try:
        return float(written)
    except ValueError:
        return None
