"""What a training set holds, in a few figures, gathered while its parts go by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel

from features import columns as c
from features.config import config_hash
from features.provenance import content_hash


class Summary:
    """Rows, time span, label rate, and hashes of columns and config of one set.

    Args:
        schema: the set's columns.
        config: the set's config.
        time: the set's time column; None = it has none.
    """

    def __init__(self, schema: pa.Schema, config: BaseModel, *, time: str | None = None) -> None:
        self._facts: dict[str, Any] = {
            "rows": 0,
            "columns": len(schema),
            "schema_hash": content_hash(str(schema.remove_metadata()).encode()),
            "config_hash": config_hash(config),
        }
        self._time = time
        self._first: Any = None
        self._last: Any = None
        self._sums: dict[str, float] = {}

    def watch(self, parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The same parts, counted as they go by."""
        for part in parts:
            self._facts["rows"] += part.num_rows
            if self._time is not None and part.num_rows:
                span = pc.min_max(part[self._time]).as_py()
                self._first = min(filter(None, [self._first, span["min"]]))
                self._last = max(filter(None, [self._last, span["max"]]))
            if c.ITEMS_IN_HORIZON in part.column_names:
                self._count_groups(part)
            yield part

    def _count_groups(self, part: pa.Table) -> None:
        groups = part.group_by([c.AS_OF, c.PERSON_ID]).aggregate(
            [(c.LABEL, "sum"), (c.ITEMS_IN_HORIZON, "max")]
        )
        found, wanted = groups[f"{c.LABEL}_sum"], groups[f"{c.ITEMS_IN_HORIZON}_max"]
        self._add("groups", groups.num_rows)
        self._add("groups_with_positive", pc.sum(pc.greater(found, 0)).as_py())
        self._add("positives", pc.sum(found).as_py())
        self._add("items_in_horizon", pc.sum(wanted).as_py())

    def _add(self, name: str, amount: float | None) -> None:
        self._sums[name] = self._sums.get(name, 0) + (amount or 0)

    def as_json(self) -> dict[str, Any]:
        """The figures so far; `candidate_recall` is the share of what persons took up that was among their candidates."""
        facts = {**self._facts, **self._sums}
        if self._time is not None and self._first is not None:
            facts |= {"first": self._first.isoformat(), "last": self._last.isoformat()}
        if "positives" in self._sums:
            facts["label_rate"] = self._sums["positives"] / max(facts["rows"], 1)
            facts["candidate_recall"] = self._sums["positives"] / max(
                self._sums["items_in_horizon"], 1
            )
        return facts
