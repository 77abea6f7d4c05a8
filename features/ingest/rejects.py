"""Refused rows of all steps: the table, its counts, and the gates that stop a run."""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.errors import GateError
from features.ingest.timestamps import LATE_EVENT
from features.tables import REJECTS

_USUAL: Final = "Mend the source, or raise 'max_reject_rate' if these rows may be lost."
_ADVICE: Final = {
    LATE_EVENT: "To admit them raise 'cleaning.timestamps.late_days' (null = however late, for files that repeat the whole "
    "history), or build the history anew in another workspace.",
}


def refused(events: pa.Table, code: str, *, shown: str | None) -> pa.Table:
    """Events that are refused, as the rejects table.

    Args:
        events: refused events with `source` and `line`; several may come from one line, and then the second and later
            ones are told apart as `source#2` ...
        code: the reason.
        shown: column whose value is shown; None = none, for values that name persons.
    """
    n = events.num_rows
    value = pa.nulls(n, pa.string()) if shown is None else events[shown].cast(pa.string())
    columns = [pa.array([code] * n, pa.string()), _numbered_sources(events), events[c.LINE], value]
    return pa.table(columns, schema=REJECTS.schema)


def _numbered_sources(events: pa.Table) -> pa.ChunkedArray:
    place = events.select([c.SOURCE, c.LINE]).to_pandas()
    nth = place.groupby([c.SOURCE, c.LINE], sort=False).cumcount().to_numpy() + 1
    suffix = pa.array([f"#{n}" if n > 1 else "" for n in nth.tolist()], pa.string())
    return pc.binary_join_element_wise(events[c.SOURCE], suffix, "")


def count_reasons(rejects: pa.Table) -> dict[str, int]:
    """Refused rows per reason code, sorted by code."""
    found = rejects[c.REASON_CODE].value_counts().to_pylist()
    return {entry["values"]: entry["counts"] for entry in sorted(found, key=lambda e: e["values"])}


def sorted_rejects(rejects: pa.Table) -> pa.Table:
    """The rejects table in its order: place, then reason, then value."""
    names = [c.SOURCE, c.LINE, c.REASON_CODE, c.RAW_VALUE]
    return rejects.sort_by([(name, "ascending") for name in names])


def require_balance(rows_in: int, rows_out: int) -> None:
    """Stop here when a row is lost or counted twice; `rows_out` includes the refused ones.

    Raises:
        GateError: the two differ.
    """
    if rows_out != rows_in:
        raise GateError(
            "events",
            f"{rows_in} rows came in, {rows_out} went out",
            rule="rows in = rows out + rejects",
            next_step="This is a defect: please report it with the source's config.",
        )


def require_quality(rejects: pa.Table, rows: int, *, max_reject_rate: float) -> None:
    """Stop here when too many rows were refused.

    Raises:
        GateError: naming the commonest reason.
    """
    rate = rejects.num_rows / max(rows, 1)
    if rate > max_reject_rate:
        counts = count_reasons(rejects)
        reason = min(counts, key=lambda code: (-counts[code], code))
        raise GateError(
            "events",
            f"{rate:.1%} of {rows} rows were refused, most for '{reason}' ({counts[reason]})",
            rule=f"at most {max_reject_rate:.1%} may be",
            next_step=_ADVICE.get(reason, _USUAL),
        )
