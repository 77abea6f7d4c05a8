"""Amounts of money as platforms read them."""

from __future__ import annotations

from typing import Final

_PLACES: Final = 2


def price_text(amount: float | None, currency: str | None) -> str:
    """A number with a period, a blank and an ISO 4217 code; "" for a price that is not known or rounds to nothing.

    Example:
        >>> price_text(15.0, "USD"), price_text(1234.5, "EUR"), price_text(0.001, "USD"), price_text(None, "USD")
        ('15.00 USD', '1234.50 EUR', '', '')
    """
    if amount is None or currency is None or round(amount, _PLACES) <= 0:
        return ""
    return f"{amount:.{_PLACES}f} {currency}"
