"""What a quality check says, and the report of all checks: figure, threshold, owner, what to do next."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator

from features.errors import ConfigError, GateError

Status = Literal["pass", "warn", "alert", "fail", "not_available"]
"""`warn` is counted, `alert` wants its owner to act, `fail` stops training and scoring."""

STATUSES: Final[tuple[Status, ...]] = ("fail", "alert", "warn", "not_available", "pass")
"""The worst first."""

ANALYTICS: Final = "analytics"


def _some_team(owner: str) -> str:
    if not owner.strip():
        raise ValueError("a check needs an owner: the team that acts on it")
    return owner


Owner = Annotated[str, AfterValidator(_some_team)]
"""The team that acts on a check, never empty."""


class Point(NamedTuple):
    """One value of a time series.

    Attributes:
        line: which line of the plot it belongs to.
        day: ISO date; of a week, its Monday.
        value: None = nothing was observed, which is a gap and not a zero.
    """

    line: str
    day: str
    value: float | None


class Detail(NamedTuple):
    """A small table behind a figure; all rows have the same keys."""

    title: str
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class QualityCheck:
    """The result of one check.

    Attributes:
        name: what is checked.
        owner: the team that acts on it.
        status: see `Status`.
        words: what was found, in a sentence.
        next_step: what to do about it; "" where there is nothing to do.
        figure: what was measured; None = it could not be.
        threshold: the limit the figure is held against; None = there is none.
        unit: of figure, threshold and series.
        details: tables behind the figure.
        series: the figure over time.

    Raises:
        ConfigError: the owner is empty.
    """

    name: str
    owner: str
    status: Status
    words: str
    next_step: str = ""
    figure: float | None = None
    threshold: float | None = None
    unit: Literal["share", "count", "hours"] = "share"
    details: tuple[Detail, ...] = ()
    series: tuple[Point, ...] = ()

    def __post_init__(self) -> None:
        if not self.owner.strip():
            raise ConfigError(
                f"quality check '{self.name}'",
                "has no owner",
                rule="every check names the team that acts on it",
                next_step="Set its owner in the config.",
            )


@dataclass(frozen=True)
class QualityReport:
    """All checks of one moment.

    Attributes:
        as_of: only events before it were looked at.
        events: number of those events.
        events_later: events at or after it, not looked at.
        checks: in the order of the funnel of facts: what arrived, whether it is right, whom it is about.
    """

    as_of: datetime
    events: int
    events_later: int
    checks: tuple[QualityCheck, ...]

    def __getitem__(self, name: str) -> QualityCheck:
        """The check of that name."""
        return {check.name: check for check in self.checks}[name]

    @property
    def counts(self) -> dict[str, int]:
        """Checks per status, the worst first."""
        found = Counter(check.status for check in self.checks)
        return {status: found[status] for status in STATUSES}

    @property
    def failed(self) -> tuple[QualityCheck, ...]:
        """The gates that say no."""
        return tuple(check for check in self.checks if check.status == "fail")

    def as_json(self) -> dict[str, Any]:
        """Everything as plain values, ready for a JSON file."""
        checks = [
            {
                **asdict(check),
                "details": [
                    {
                        "title": d.title,
                        "columns": list(d.rows[0]) if d.rows else [],
                        "rows": list(d.rows),
                    }
                    for d in check.details
                ],
                "series": [point._asdict() for point in check.series],
            }
            for check in self.checks
        ]
        return {
            "as_of": self.as_of.isoformat(),
            "events": self.events,
            "events_later": self.events_later,
            "counts": self.counts,
            "checks": checks,
        }

    def require(self) -> None:
        """Stop here when a gate says no.

        Raises:
            GateError: naming every failed gate with its owner, and what to do.
        """
        if not self.failed:
            return
        gates = "; ".join(f"{check.name} ({check.owner}): {check.words}" for check in self.failed)
        raise GateError(
            "data quality",
            gates,
            rule="training and scoring need these gates to pass",
            next_step="\n".join(check.next_step for check in self.failed),
        )


def not_available(name: str, owner: str, words: str, next_step: str = "") -> QualityCheck:
    """A check whose input is missing: neither good nor bad."""
    return QualityCheck(name, owner, "not_available", words, next_step)
