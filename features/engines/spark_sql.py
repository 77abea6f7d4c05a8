"""Ibis expressions as Spark's SQL, where what Ibis writes would mean something else than on one machine."""

from __future__ import annotations

from typing import Any, Final

import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.pyspark import PySparkCompiler

_PLAIN: Final = "CAST({x} AS STRING)"
"""What Java writes: 12.5, but 1.25E7 from ten million on and 1.25E-4 below a thousandth."""

_DIGITS: Final = "REGEXP_REPLACE(REPLACE(SPLIT_PART(ABS({x}), 'E', 1), '.', ''), '(?<=.)0$', '')"
_POWER: Final = "CAST(SPLIT_PART({x}, 'E', 2) AS INT)"
_REST: Final = f"SUBSTRING({_DIGITS}, 2)"

_TEXT: Final = f"""
CASE WHEN {{x}} IS NULL THEN NULL
WHEN NOT CONTAINS({_PLAIN}, 'E') THEN {_PLAIN}
ELSE CONCAT(
  CASE WHEN {{x}} < 0 THEN '-' ELSE '' END,
  CASE
  WHEN {_POWER} BETWEEN 0 AND 15 AND LENGTH({_DIGITS}) <= {_POWER} + 1
    THEN CONCAT(RPAD({_DIGITS}, {_POWER} + 1, '0'), '.0')
  WHEN {_POWER} BETWEEN 0 AND 15
    THEN CONCAT(LEFT({_DIGITS}, {_POWER} + 1), '.', SUBSTRING({_DIGITS}, {_POWER} + 2))
  WHEN {_POWER} BETWEEN -4 AND -1
    THEN CONCAT('0.', REPEAT('0', -{_POWER} - 1), {_DIGITS})
  ELSE CONCAT(
    LEFT({_DIGITS}, 1),
    CASE WHEN {_REST} = '' THEN '' ELSE CONCAT('.', {_REST}) END,
    CASE WHEN {_POWER} < 0 THEN 'e-' ELSE 'e+' END,
    CASE WHEN ABS({_POWER}) < 10 THEN '0' ELSE '' END,
    ABS({_POWER})) END) END"""


class SparkSql(PySparkCompiler):  # type: ignore[misc]  # ibis ships no types
    """The compiler of Ibis, with the meaning that every engine gives to nulls and to numbers as text."""

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:  # noqa: ARG002, N802 - as Ibis calls it
        """Null alone; Ibis takes NaN for null, too."""
        return arg.is_(sge.null())

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:  # noqa: ARG002, N802 - as Ibis calls it
        """All but null, NaN included."""
        return arg.is_(sg.not_(sge.null()))

    def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: N802 - as Ibis calls it
        """A float as text is written as Python and DuckDB write it."""
        if op.arg.dtype.is_floating() and to.is_string():
            x = f"({arg.sql(dialect=self.dialect)})"
            return sg.parse_one(_TEXT.format(x=x), dialect=self.dialect)
        return super().visit_Cast(op, arg=arg, to=to)
