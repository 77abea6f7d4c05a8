"""Prices as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.catalog.money import CURRENCIES, parse_money


@pytest.mark.parametrize(
    ("written", "amount"), [("15.00 USD", 15.0), ("15 JPY", 15.0), ("0.001 KWD", 0.001)]
)
def test_good_prices(written, amount):
    assert parse_money(written)["amount"] == amount


@pytest.mark.parametrize(
    "written", ["", "15.00", "USD 15", "15.00USD", "15.00 usd", ".5 USD", "15. USD", "1_0 USD", "15.00 USD\n", "9" * 13 + " USD"]
)  # fmt: skip
def test_prices_that_are_none(written):
    assert parse_money(written) == {"problem": "syntax"}


@given(st.integers(1, 10**12 - 1), st.integers(0, 99), st.sampled_from(sorted(CURRENCIES)))
def test_what_is_written_is_read(whole, cents, currency):
    parsed = parse_money(f"{whole}.{cents:02d} {currency}")
    assert parsed == {"amount": float(f"{whole}.{cents:02d}"), "currency": currency}


@given(st.text(max_size=20))
def test_any_text_is_a_price_or_a_problem(text):
    parsed = parse_money(text)
    assert ("problem" in parsed) != ("amount" in parsed)
