"""What the leakage checks found, for people and for the gate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from features.errors import GateError
from features.leakage.compare import Difference
from features.leakage.screening import Screened

_SHOWN: Final = 3


@dataclass(frozen=True)
class SetReport:
    """The checks of one training set.

    Attributes:
        name: the set.
        rows: rows that were built again, once per future.
        moments: cut-offs they come from.
        columns: feature columns compared.
        differences: columns that know the future; each one fails the gate.
        screened_rows: rows on which single features were held against the label.
        suspicious: features that tell the label too well alone; a warning.
        overlaps: what is wrong or worth knowing about windows; a warning.
    """

    name: str
    rows: int
    moments: int
    columns: int
    differences: tuple[Difference, ...]
    screened_rows: int = 0
    suspicious: tuple[Screened, ...] = ()
    overlaps: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no column knows the future."""
        return not self.differences

    def lines(self) -> list[str]:
        """The report for a person, one finding a line."""
        verdict = "no difference" if self.passed else "FAILED"
        rebuilt = f"{self.rows:,} rows at {self.moments} moments rebuilt without the future and with a forged one"
        told = [f"{self.name}: {rebuilt}, {self.columns} columns: {verdict}"]
        told += [
            f"{self.name}: column '{d.column}' changes with {d.future}" for d in self.differences
        ]
        told += [
            f"{self.name}: warning: '{s.column}' alone tells the label (AUC {s.auc:.3f} on {self.screened_rows:,} rows)"
            for s in self.suspicious
        ]
        return told + [f"{self.name}: warning: {text}" for text in self.overlaps]


@dataclass(frozen=True)
class LeakageReport:
    """The checks of every set that was written."""

    sets: tuple[SetReport, ...]

    @property
    def passed(self) -> bool:
        """Whether no column of any set knows the future."""
        return all(each.passed for each in self.sets)

    def as_json(self) -> dict[str, Any]:
        """Every figure, for the run's folder."""
        return {"passed": self.passed, "sets": [_plain(each) for each in self.sets]}

    def lines(self) -> list[str]:
        """The report for a person."""
        return [line for each in self.sets for line in each.lines()]

    def require_passed(self) -> None:
        """Stop the run when a column knows the future.

        Raises:
            GateError: naming the columns.
        """
        failed = [(each.name, d) for each in self.sets for d in each.differences]
        if not failed:
            return
        shown = "; ".join(
            f"{name} set, column '{d.column}': {d.rows:,} of {d.of_rows:,} rows change with {d.future} ({d.first})"
            for name, d in failed[:_SHOWN]
        )
        more = f"; and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise GateError(
            "leakage",
            shown + more,
            rule="a feature knows nothing of what happens at or after its row's moment",
            next_step="Correct the builder of each column named; nothing was written.",
        )


def _plain(report: SetReport) -> dict[str, Any]:
    content = asdict(report)
    content["differences"] = [d._asdict() for d in report.differences]
    content["suspicious"] = [s._asdict() for s in report.suspicious]
    return content
