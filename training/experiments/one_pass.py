"""One pass of DuckDB over the rows of an experiment: per arm its units, and means, variances and covariances of its columns."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import tea_tasting.aggr

ROWS, SAME = "rows_of_unit", "rows_of_unit_again"
"""Rows summed up in a unit, twice: tea-tasting takes no column for two roles."""

_ARM, _LAST_ARM, _UNIT, _COMPLETE = (
    "arm_of_unit",
    "last_arm_of_unit",
    "unit_of_rows",
    "complete_rows",
)
_ASSIGNED, _COUNT, _BOTH = "assigned_units", "analysed_units", "units_in_two_arms"
_MEAN, _VARIANCE, _COVARIANCE, _SOME, _LEAST = (
    "mean, ",
    "variance, ",
    "covariance, ",
    "outcomes, ",
    "least, ",
)
_NO_ARM: Final = -1


@dataclass(frozen=True, eq=False)
class ArmPass:
    """What one pass found of one arm.

    Attributes:
        assigned: units before rows with a missing number were left out.
        rows: complete rows.
        aggregates: of units with a complete row.
        outcomes: complete rows whose value is not 0, by column.
        least: smallest value of a row, by column.
        in_two_arms: clusters that are in another arm, too.
    """

    assigned: int
    rows: int
    aggregates: tea_tasting.aggr.Aggregates
    outcomes: Mapping[str, int]
    least: Mapping[str, float]
    in_two_arms: int


@dataclass(frozen=True)
class Columns:
    """What is read of a table.

    Attributes:
        arm: column of the arm.
        numbers: columns of numbers; a row with a missing or infinite one is left out.
        caps: cap and source column of capped columns, by name.
        cluster: column of the unit; None = each row is one.
    """

    arm: str
    numbers: Sequence[str]
    caps: Mapping[str, tuple[str, float]]
    cluster: str | None


def read_arms(table: Any, columns: Columns, arms: Sequence[str], needs: Any) -> dict[str, ArmPass]:
    """Read a table once.

    Args:
        table: Ibis table.
        columns: which of its columns are what.
        arms: rows of other arms, or without cluster, are not looked at.
        needs: tea-tasting's `AggrCols`: of which columns means, variances and covariances are wanted.

    Returns:
        By arm; an arm without a row is not there. Variances and covariances are those of the sample; NaN with one unit.
    """
    rows, names = _rows(table, columns, arms)
    units = rows if columns.cluster is None else _units(rows, names)
    found = units.group_by(_ARM).aggregate(**_wanted(units, names, needs)).to_pyarrow().to_pylist()
    return {arms[row[_ARM]]: _arm_pass(row, names, needs) for row in found}


def _rows(table: Any, columns: Columns, arms: Sequence[str]) -> tuple[Any, list[str]]:
    """Rows of the arms: numbers as float64, all of them missing where one is, counted where none is."""
    values = {name: table[name].cast("float64") for name in columns.numbers}
    # x - x is 0 for finite x; DuckDB takes isnan() for false where a Parquet file has no NaN among its minima and maxima
    known = functools.reduce(operator.add, [value - value for value in values.values()]) == 0
    arm = ibis.cases(
        *((table[columns.arm].cast("string") == name, place) for place, name in enumerate(arms)),
        else_=_NO_ARM,
    ).cast("int8")
    capped = {name: ibis.least(values[of], cap) for name, (of, cap) in columns.caps.items()}
    one = dict.fromkeys((ROWS, SAME), ibis.literal(1.0))
    kept = {name: known.ifelse(value, None) for name, value in (values | capped | one).items()}
    keys = {_ARM: arm} | ({} if columns.cluster is None else {_UNIT: table[columns.cluster]})
    rows = table.select(**keys, **kept, **{_COMPLETE: known.fill_null(False).cast("int64")})
    rows = rows.filter(rows[_ARM] != _NO_ARM)
    if columns.cluster is not None:
        rows = rows.filter(rows[_UNIT].notnull())
    return rows, list(kept)


def _units(rows: Any, names: Sequence[str]) -> Any:
    """Sums over clusters; a cluster in two arms counts for the first."""
    sums = {name: rows[name].sum() for name in [*names, _COMPLETE]}
    outcomes = {f"{_SOME}{name}": (rows[name] != 0).sum() for name in names}
    least = {f"{_LEAST}{name}": rows[name].min() for name in names}
    arms = {_ARM: rows[_ARM].min(), _LAST_ARM: rows[_ARM].max()}
    return rows.group_by(_UNIT).aggregate(**arms, **sums, **outcomes, **least)


def _wanted(units: Any, names: Sequence[str], needs: Any) -> dict[str, Any]:
    clustered = _LAST_ARM in units.columns
    found = {
        _ASSIGNED: units.count(),
        _COUNT: (units[_COMPLETE] > 0).sum(),
        _COMPLETE: units[_COMPLETE].sum(),
    }
    if clustered:
        found[_BOTH] = (units[_ARM] != units[_LAST_ARM]).sum()
    for name in names:
        some = units[f"{_SOME}{name}"] if clustered else units[name] != 0
        least = units[f"{_LEAST}{name}"] if clustered else units[name]
        found |= {f"{_SOME}{name}": some.sum(), f"{_LEAST}{name}": least.min()}
    found |= {f"{_MEAN}{name}": units[name].mean() for name in needs.mean_cols}
    found |= {f"{_VARIANCE}{name}": units[name].var(how="sample") for name in needs.var_cols}
    return found | {
        _pair(left, right): units[left].cov(units[right], how="sample")
        for left, right in needs.cov_cols
    }


def _pair(left: str, right: str) -> str:
    return f"{_COVARIANCE}{left}, {right}"


def _arm_pass(row: Mapping[str, Any], names: Sequence[str], needs: Any) -> ArmPass:
    def number(name: str) -> float:
        return float("nan") if row[name] is None else float(row[name])

    return ArmPass(
        assigned=int(row[_ASSIGNED]),
        rows=int(row[_COMPLETE] or 0),
        aggregates=tea_tasting.aggr.Aggregates(
            count_=int(row[_COUNT] or 0),
            mean_={name: number(f"{_MEAN}{name}") for name in needs.mean_cols},
            var_={name: number(f"{_VARIANCE}{name}") for name in needs.var_cols},
            cov_={pair: number(_pair(*pair)) for pair in needs.cov_cols},
        ),
        outcomes={name: int(row[f"{_SOME}{name}"] or 0) for name in names},
        least={name: number(f"{_LEAST}{name}") for name in names},
        in_two_arms=int(row.get(_BOTH) or 0),
    )
