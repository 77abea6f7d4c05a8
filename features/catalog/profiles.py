"""What an item must have, by vertical. Nothing else in the catalog knows what a shop is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from features import columns as c

Vertical = Literal["retail", "content", "saas", "local", "education", "travel", "leads"]


@dataclass(frozen=True)
class Profile:
    """One vertical.

    Attributes:
        required: Merchant attributes without which an item is disapproved; `id` always is one, and `category` means
            `google_product_category` or `product_type`.
        identifiers: whether brand, gtin or mpn is expected.
    """

    required: tuple[str, ...]
    identifiers: bool = False


_MINIMUM: Final = ("id", c.TITLE, c.LINK, c.IMAGE_LINK)
"""The minimum launch feed."""

PROFILES: Final[dict[Vertical, Profile]] = {
    "retail": Profile(
        (*_MINIMUM, c.DESCRIPTION, c.PRICE, c.AVAILABILITY, c.CATEGORY), identifiers=True
    ),
    "content": Profile(_MINIMUM),
    "saas": Profile(_MINIMUM),
    "local": Profile((*_MINIMUM, c.EXPIRATION_DATE)),
    "education": Profile(_MINIMUM),
    "travel": Profile((*_MINIMUM, c.PRICE)),
    "leads": Profile(_MINIMUM),
}
