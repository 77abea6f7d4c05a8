"""One self-contained HTML page from a template: no script, no request, opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

UNKNOWN: Final = "\u2013"
"""Shown for a value that is not known."""


def render_page(template: str, facts: dict[str, Any]) -> str:
    """Fill a template of this folder; every value is escaped, except SVG marked by `trusted_svg`.

    Raises:
        jinja2.UndefinedError: the template names a fact that is not there.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "money": money, "points": points}
    return environment.get_template(template).render(facts)


def trusted_svg(svg: str) -> Markup:
    """SVG drawn by `training.reports.charts`, which escapes the texts it is given."""
    return Markup(svg)  # noqa: S704 - made by our own charts, never from input


def number(value: float | None, digits: int = 0) -> str:
    """1,234.5; a dash for a value that is not known."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.123 as 12.3 %."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None, digits: int = 2) -> str:
    """0.0123 as +1.23 points: a difference of two shares."""
    return UNKNOWN if value is None else f"{100 * value:+.{digits}f}"


def money(value: float | None, currency: str, digits: int = 2) -> str:
    """12.5, USD as 12.50 USD."""
    return UNKNOWN if value is None else f"{value:,.{digits}f} {currency}"
