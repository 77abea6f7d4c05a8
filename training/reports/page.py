"""One self-contained HTML page from a template: no request, opens offline; every page has the same style and script."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, Final, NamedTuple

import jinja2
from markupsafe import Markup

UNKNOWN: Final = "\u2013"
_LEAST_P_VALUE: Final = 0.0001
_WHOLE: Final = 1_000
"""Shown for a value that is not known."""

_FOLDER: Final = Path(__file__).parent


class Said(NamedTuple):
    """A sentence of a summary.

    Attributes:
        text: the sentence.
        told: population and convention of its figures, for whoever asks.
    """

    text: str
    told: str = ""


def render_page(template: str, facts: dict[str, Any], *, folder: Path = _FOLDER) -> str:
    """Fill a template; every value is escaped, except SVG marked by `trusted_svg`.

    Args:
        template: name of its file.
        facts: what it names.
        folder: where it lies; the templates of this folder are found from everywhere.

    Raises:
        jinja2.UndefinedError: the template names a fact that is not there.

    Invariants: nothing but the page's own style and script can run, and nothing can be requested.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, _FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percent": percent, "money": money, "points": points}
    style, script = (
        (_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")
    )
    own = {"style": Markup(style), "script": Markup(script), "policy": _policy(style, script)}  # noqa: S704 - our own files
    return environment.get_template(template).render(own | facts)


def _policy(style: str, script: str) -> str:
    """What a browser may do with the page: apply this style, run this script, nothing else."""
    style_hash, script_hash = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{style_hash}'; script-src 'sha256-{script_hash}'; "
        "base-uri 'none'; form-action 'none'"
    )


def trusted_svg(svg: str) -> Markup:
    """SVG drawn by `training.reports.charts`, which escapes the texts it is given."""
    return Markup(svg)  # noqa: S704 - made by our own charts, never from input


def number(value: float | None, digits: int = 0) -> str:
    """1,234.5; a dash for a value that is not known."""
    return UNKNOWN if value is None else f"{value:,.{digits}f}"


def significant(value: float, *, sign: str = "-") -> str:
    """Four digits, and every digit before the point: 0.01234, 12.34, 12,345; `sign` "+" marks gains too."""
    return format(value, f"{sign},.0f" if abs(value) >= _WHOLE else f"{sign},.4g")


def p_value(value: float | None) -> str:
    """0.0123; what four digits cannot show is below 0.0001."""
    if value is None:
        return UNKNOWN
    return f"{value:.4f}" if value >= _LEAST_P_VALUE else f"< {_LEAST_P_VALUE}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.123 as 12.3 %."""
    return UNKNOWN if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None, digits: int = 2) -> str:
    """0.0123 as +1.23 points: a difference of two shares."""
    return UNKNOWN if value is None else f"{100 * value:+.{digits}f}"


def money(value: float | None, currency: str, digits: int = 2) -> str:
    """12.5, USD as 12.50 USD."""
    return UNKNOWN if value is None else f"{value:,.{digits}f} {currency}"
