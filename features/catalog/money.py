"""Prices as feeds write them: a number, a space, an ISO 4217 code."""

from __future__ import annotations

import re
from typing import Any, Final

import pyarrow as pa

CURRENCIES: Final = frozenset(
    """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT
    MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND
    VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    """.split()  # noqa: SIM905 - one column of quotes would be unreadable
)
"""Codes of ISO 4217 in use."""

MONEY: Final = pa.struct(
    [("amount", pa.float64()), ("currency", pa.string()), ("problem", pa.string())]
)
"""A parsed price: `problem` is null where it is good, else the kind of flaw and the amount is null."""

_WRITTEN: Final = re.compile(r"(-?[0-9]{1,12}(?:\.[0-9]{1,6})?) ([A-Z]{3})")


def parse_money(written: str) -> dict[str, Any]:
    """A price as a row of `MONEY`.

    Problems: `syntax` (not a number with a period, a space and three capitals), `currency` (no ISO 4217 code),
    `not_positive`.

    Example:
        >>> parse_money("15.00 USD")["amount"], parse_money("15,00 USD")["problem"]
        (15.0, 'syntax')
    """
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return {"problem": "syntax"}
    if found.group(2) not in CURRENCIES:
        return {"problem": "currency"}
    amount = float(found.group(1))
    if amount <= 0:
        return {"problem": "not_positive"}
    return {"amount": amount, "currency": found.group(2)}
