"""The rule: a new model takes the place of the one in force when it is shown not to be worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np


class Outcome(StrEnum):
    """What became of a version that wanted to be in force."""

    FIRST = "first"
    PROMOTED = "promoted"
    REFUSED = "refused"
    FORCED = "forced"
    IN_FORCE = "in force already"


@dataclass(frozen=True)
class Check:
    """One metric of the new model beside that of the one in force, on the same persons or rows.

    Attributes:
        metric: its name.
        challenger, champion: the two values; None where only their difference is known.
        difference: new minus old, higher is better.
        low: lower end of its interval; the difference itself where the metric has none.
        margin: loss allowed, in the unit of the metric.
    """

    metric: str
    challenger: float | None
    champion: float | None
    difference: float
    low: float
    margin: float

    @property
    def passed(self) -> bool:
        """Whether the new model is shown not to be worse by more than the margin; what is unknown is not shown."""
        return bool(self.low >= -self.margin)

    def text(self) -> str:
        """The check in words."""
        if np.isnan(self.low):
            return f"{self.metric} cannot be compared"
        relation = "not below" if self.passed else "below"
        return f"{self.metric} {self.difference:+.4g}, at worst {self.low:+.4g}, {relation} {-self.margin:.4g}"


@dataclass(frozen=True)
class Decision:
    """What became of a version.

    Attributes:
        model: name in the registry.
        version: its number.
        champion: number of the version that was in force; None = there was none.
        outcome: what became of it.
        reason: why, in words.
        checks: what was compared.
    """

    model: str
    version: int
    champion: int | None
    outcome: Outcome
    reason: str
    checks: tuple[Check, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether the version is in force from now on."""
        return self.outcome is not Outcome.REFUSED

    def line(self) -> str:
        """The decision for a person."""
        return f"{self.model} version {self.version} {self.outcome}: {self.reason}"

    def as_dict(self) -> dict[str, Any]:
        """Plain content for JSON."""
        checks = [{**asdict(check), "passed": check.passed} for check in self.checks]
        return {**asdict(self), "outcome": str(self.outcome), "checks": checks}


def decided(model: str, version: int, champion: int, checks: Sequence[Check]) -> Decision:
    """The decision that follows from the checks: all must pass.

    Raises:
        ValueError: no check at all.
    """
    if not checks:
        raise ValueError("a promotion needs at least one check")
    failed = [check for check in checks if not check.passed]
    outcome = Outcome.REFUSED if failed else Outcome.PROMOTED
    told = "; ".join(check.text() for check in failed or checks)
    before = f"version {champion} stays in force" if failed else f"in place of version {champion}"
    return Decision(model, version, champion, outcome, f"{told}; {before}", tuple(checks))


def unchanged(names: Sequence[str]) -> list[Check]:
    """The checks of a model with the settings of the one in force: their difference is 0 by definition."""
    return [Check(name, None, None, 0.0, 0.0, 0.0) for name in names]
