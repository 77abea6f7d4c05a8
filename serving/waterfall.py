"""Rules in a declared order: what each removed, and for everything removed, the rule that did it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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


def joined(parts: Sequence[Verdict]) -> Verdict:
    """The verdicts of parts, under the same rules, as one."""
    first = parts[0].table
    counts = {
        name: sum(part.table[name].to_numpy() for part in parts)
        for name in (c.COUNT_IN, c.COUNT_REMOVED, c.COUNT_LEFT)
    }
    table = pa.table({name: counts.get(name, first[name]) for name in first.column_names})
    return Verdict(np.concatenate([part.rule for part in parts]), table)


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
    removed = []
    for rule in rules:
        hit = (decided == "") & rule.removes
        decided[hit] = rule.name
        removed.append(int(hit.sum()))
    left = int((decided == "").sum())
    names = [rule.name for rule in rules]
    table = waterfall_table(
        names, removed, level=level, run_id=run_id, count_in=int(among.sum()), left=left
    )
    return Verdict(decided.astype(str), table)


def waterfall_table(
    rules: Sequence[str],
    removed: Sequence[int],
    *,
    level: str,
    run_id: str,
    count_in: int,
    left: int,
) -> pa.Table:
    """One row per rule: how many came in, were removed, were left.

    Args:
        rules: names, in order.
        removed: how many each removed.
        level: "person" or "item".
        run_id: of the run.
        count_in: how many came to the first rule.
        left: how many no rule removed, counted for themselves.

    Raises:
        GateError: removed and left do not add up to what came in.
    """
    if sum(removed) + left != count_in:
        raise GateError(
            f"{level} waterfall",
            f"{sum(removed)} removed + {left} left, of {count_in}",
            rule="removed + left = in",
            next_step="This is a defect: please report it with the config.",
        )
    rows = []
    standing = count_in
    for name, gone in zip(rules, removed, strict=True):
        rows.append(
            {
                c.RUN_ID: run_id,
                c.LEVEL: level,
                c.RULE: name,
                c.COUNT_IN: standing,
                c.COUNT_REMOVED: gone,
                c.COUNT_LEFT: standing - gone,
            }
        )
        standing -= gone
    return pa.Table.from_pylist(rows)
