"""Rules in a declared order: what each removed, and for everything removed, the rule that did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features import columns as c
from features.arrays import BoolArray
from features.errors import GateError


@dataclass(frozen=True, eq=False)
class Rule:
    """One reason to leave something out.

    Attributes:
        name: reason code.
        removes: true where the rule speaks against; any shape, the same for all rules of a waterfall.
    """

    name: str
    removes: BoolArray


@dataclass(frozen=True, eq=False)
class Verdict:
    """The outcome of a waterfall.

    Attributes:
        rule: name of the first rule that removed each element, "" where none did; the shape of the rules' masks.
        table: one row per rule: how many came in, were removed, were left.
    """

    rule: npt.NDArray[np.str_]
    table: pa.Table

    @property
    def kept(self) -> BoolArray:
        kept: BoolArray = self.rule == ""
        return kept


def apply_rules(rules: Sequence[Rule], *, level: str, run_id: str, among: BoolArray) -> Verdict:
    """Apply rules in order; an element counts for the first rule that removes it.

    Args:
        rules: at least one.
        level: "person" or "item", for the table.
        run_id: for the table.
        among: the elements that enter; the others are neither counted nor kept.

    Raises:
        GateError: removed and left do not add up to what came in.

    Invariants: the order of rules changes who is counted where, never who is left.
    """
    decided = np.where(among, "", "not_considered").astype(object)
    rows: list[dict[str, Any]] = []
    for rule in rules:
        standing = decided == ""
        hit = standing & rule.removes
        decided[hit] = rule.name
        rows.append(
            {
                c.RUN_ID: run_id,
                c.LEVEL: level,
                c.RULE: rule.name,
                c.COUNT_IN: int(standing.sum()),
                c.COUNT_REMOVED: int(hit.sum()),
                c.COUNT_LEFT: int((decided == "").sum()),
            }
        )
    removed = sum(row[c.COUNT_REMOVED] for row in rows)
    left = int((decided == "").sum())
    if removed + left != int(among.sum()):
        raise GateError(
            f"{level} waterfall",
            f"{removed} removed + {left} left, of {int(among.sum())}",
            rule="removed + left = in",
            next_step="This is a defect: please report it with the config.",
        )
    return Verdict(decided.astype(str), pa.Table.from_pylist(rows))
