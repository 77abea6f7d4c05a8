"""Rows of a randomised test, from a flat file or from histories: one form for everything behind."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import InputError, SchemaError
from features.sources.flat_table import (
    FlatTable,
    as_numbers,
    number_values,
    reject_missing,
    require_columns,
    text_values,
)
from training.uplift.data_config import FlatTableData, HistoriesData
from training.uplift.probabilities import from_received, probabilities_of_file

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class UpliftRows:
    """Assigned rows. Row order is that of the source.

    Attributes:
        ids: columns that identify a row.
        features: feature columns: numbers, or text as dictionaries.
        arms: arm names, control first.
        arm: assigned arm as a position in `arms`, shape (n_rows,).
        probability: known or estimated probability of each arm, shape (n_rows, n_arms); rows sum to 1, every entry is positive.
        outcomes: per outcome its values, shape (n_rows,), finite.
        group: code of the person, shape (n_rows,); None where every row is another person.
        time: microseconds since 1970 UTC of the assignment, shape (n_rows,); None where it is not known.
        source: file or table, for messages.
        clipped: whether an estimated probability of the row was clipped, shape (n_rows,); None where they are known.
        part: value of the split column, '' where it is missing, shape (n_rows,); None without such a column.
    """

    ids: pa.Table
    features: pa.Table
    arms: tuple[str, ...]
    arm: IntArray
    probability: FloatArray
    outcomes: dict[str, FloatArray]
    group: IntArray | None
    time: IntArray | None
    source: str
    clipped: BoolArray | None = None
    part: npt.NDArray[np.str_] | None = None

    def __len__(self) -> int:
        return len(self.arm)

    def subset(self, keep: BoolArray) -> UpliftRows:
        """The rows where `keep` is True, shape (n_rows,)."""
        mask = pa.array(keep)
        return UpliftRows(
            self.ids.filter(mask),
            self.features.filter(mask),
            self.arms,
            self.arm[keep],
            self.probability[keep],
            {name: values[keep] for name, values in self.outcomes.items()},
            None if self.group is None else self.group[keep],
            None if self.time is None else self.time[keep],
            self.source,
            None if self.clipped is None else self.clipped[keep],
            None if self.part is None else self.part[keep],
        )

    def without(self, features: AbstractSet[str]) -> UpliftRows:
        """The same rows without these feature columns."""
        kept = [name for name in self.features.column_names if name not in features]
        return replace(self, features=self.features.select(kept))

    def contrast(
        self, treated: Sequence[int], control: int
    ) -> tuple[BoolArray, BoolArray, FloatArray]:
        """Rows of a contrast: (kept, treated, probability).

        Args:
            treated: arms that count as treated, positions in `arms`.
            control: arm compared with.

        Returns:
            `kept`, shape (n_rows,); and for the kept rows only, whether they are treated and the probability of that,
            given that the row is in one of these arms.
        """
        is_treated = np.isin(self.arm, treated)
        kept = is_treated | (self.arm == control)
        share = self.probability[kept]
        of_treated = share[:, list(treated)].sum(axis=1)
        return kept, is_treated[kept], of_treated / (of_treated + share[:, control])


def rows_from_flat_table(
    flat: FlatTable, config: FlatTableData, *, split_column: str | None = None
) -> tuple[UpliftRows, FlatTable]:
    """Rows of a file; also returns the file with every refused row in its rejects.

    Refused: rows without treatment, outcome, probability or group, and rows of an arm the config does not name
    (reason `other_arm`, not counted against `max_reject_share`).

    Args:
        flat: the file.
        config: what its columns are.
        split_column: column that says which rows learn and which judge; never a feature. None = there is none.

    Raises:
        SchemaError: a column is missing, is no number where one is needed, or a binary outcome has other values.
        InputError: an arm has no row, too many rows are refused, or the probabilities do not fit the arms.
    """
    named = _named_columns(config) + ([] if split_column is None else [split_column])
    require_columns(flat.table, named, source=flat.source)
    flat = reject_missing(flat, config.treatment)
    for outcome in config.outcomes:
        flat = as_numbers(flat, outcome)
    if isinstance(config.probability, str) and not config.estimated:
        flat = as_numbers(flat, config.probability)
        values = flat.table[config.probability].to_numpy()
        flat = flat.refuse(
            (values <= 0) | (values > 1), reason=f"out_of_range_{config.probability}"
        )
    if config.group is not None:
        flat = reject_missing(flat, config.group)
    _check_reject_share(flat, config)
    assigned = text_values(flat.table[config.treatment])
    flat, arm, complete = _known_arms(flat, assigned, config.arms, config.treatment)
    rows = UpliftRows(
        ids=pa.table({c.LINE: flat.line}),
        features=flat.table.select(_feature_columns(flat.table, config, split_column)),
        arms=config.arms,
        arm=arm,
        probability=probabilities_of_file(flat, config, arm, complete=complete),
        outcomes={name: flat.table[name].to_numpy() for name in config.outcomes},
        group=None if config.group is None else _codes(flat.table[config.group]),
        time=None,
        source=flat.source,
        part=None if split_column is None else _labels(flat.table[split_column]),
    )
    _check_outcomes(rows, config)
    return rows, flat


def rows_from_histories(
    table: pa.Table, config: HistoriesData, *, features: Sequence[str], source: str
) -> UpliftRows:
    """Rows of a randomised campaign.

    Args:
        table: one row per person and assignment: person_id, assigned_at, arm, probability (of the arm the row got),
            the feature columns and the outcome columns. Nothing may be missing but feature values.
        config: arms and outcomes.
        features: feature columns, known strictly before assigned_at.
        source: where the table comes from, for messages.

    Raises:
        SchemaError: a column is missing, holds a missing value, or is no number where one is needed.
        InputError: an arm has no row or is not named in the config, or the probabilities do not fit the arms.
    """
    keys = [c.PERSON_ID, c.ASSIGNED_AT, c.ARM, c.PROBABILITY]
    needed = [*keys, *config.outcomes]
    require_columns(table, [*needed, *features], source=source)
    incomplete = [name for name in needed if table[name].null_count]
    if incomplete:
        raise SchemaError(
            source,
            f"column '{incomplete[0]}' has {table[incomplete[0]].null_count} missing values",
            rule="keys, probability and outcomes of an assignment are known",
            next_step="Rebuild the training table.",
        )
    assigned = text_values(table[c.ARM])
    arm = _arm_codes(assigned, config.arms)
    if (arm < 0).any():
        other = sorted({str(name) for name in assigned} - set(config.arms))
        raise InputError(
            source,
            f"arm '{other[0]}' is not in the config",
            rule=f"the arms are {list(config.arms)}",
            next_step="Correct 'control' and 'treated'.",
        )
    _check_every_arm(arm, config.arms, assigned, c.ARM, source)
    rows = UpliftRows(
        ids=table.select([c.PERSON_ID, c.ASSIGNED_AT]),
        features=table.select(list(features)),
        arms=config.arms,
        arm=arm,
        probability=from_received(
            source,
            c.PROBABILITY,
            table[c.PROBABILITY].to_numpy(),
            arm,
            len(config.arms),
            complete=True,
        ),
        outcomes={name: _outcome(table, name, source) for name in config.outcomes},
        group=_codes(table[c.PERSON_ID]),
        time=table[c.ASSIGNED_AT].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy(),
        source=source,
    )
    _check_outcomes(rows, config)
    return rows


def _labels(values: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    return np.array([label or "" for label in text_values(values)], dtype=np.str_)


def _named_columns(config: FlatTableData) -> list[str]:
    return [*sorted(config.roles), *(config.features or config.exclude or [])]


def _feature_columns(table: pa.Table, config: FlatTableData, split_column: str | None) -> list[str]:
    if config.features is not None:
        return config.features
    taken = {*(config.exclude or []), *config.post_treatment, *config.roles, split_column}
    return [name for name in table.column_names if name not in taken]


def _check_reject_share(flat: FlatTable, config: FlatTableData) -> None:
    share = flat.rejects.num_rows / flat.rows_in
    if share <= config.max_reject_share and flat.table.num_rows:
        return
    counts = flat.rejects.group_by(c.REASON_CODE).aggregate([([], "count_all")]).to_pylist()
    reasons = ", ".join(
        f"{row[c.REASON_CODE]}: {row['count_all']:,}"
        for row in sorted(counts, key=lambda row: (-row["count_all"], row[c.REASON_CODE]))
    )
    raise InputError(
        flat.source,
        f"{flat.rejects.num_rows:,} of {flat.rows_in:,} rows are refused ({reasons})",
        rule=f"at most {config.max_reject_share:.0%} may be",
        next_step="Correct the file, or raise data.max_reject_share if these rows may go.",
    )


def _arm_codes(assigned: Sequence[str | None], arms: Sequence[str]) -> IntArray:
    code = {name: position for position, name in enumerate(arms)}
    return np.array([code.get(str(name), -1) for name in assigned], dtype=np.int64)


def _known_arms(
    flat: FlatTable, assigned: Sequence[str | None], arms: Sequence[str], column: str
) -> tuple[FlatTable, IntArray, bool]:
    """Rows of the named arms, their codes, and whether there was no other arm."""
    arm = _arm_codes(assigned, arms)
    _check_every_arm(arm, arms, assigned, column, flat.source)
    other = arm < 0
    return flat.refuse(other, reason="other_arm"), arm[~other], not other.any()


def _check_every_arm(
    arm: IntArray, arms: Sequence[str], assigned: Sequence[str | None], column: str, source: str
) -> None:
    for position, name in enumerate(arms):
        if not (arm == position).any():
            raise no_such_value(
                name,
                {str(value) for value in assigned},
                column=column,
                source=source,
                rule="every arm of the config has rows",
                next_step="Correct 'control' and 'treated'.",
            )


def no_such_value(
    value: str, found: AbstractSet[str], *, column: str, source: str, rule: str, next_step: str
) -> InputError:
    """A value that no row has: the error, with the values found and the nearest of them."""
    near = difflib.get_close_matches(value, sorted(found), n=1, cutoff=0.5)
    shown = ", ".join(repr(one) for one in sorted(found)[:_SHOWN])
    return InputError(
        source,
        f"no row has '{value}' in column '{column}' (found: {shown})",
        rule=rule,
        next_step=f"Did you mean '{near[0]}'?" if near else next_step,
    )


def _outcome(table: pa.Table, name: str, source: str) -> FloatArray:
    values = number_values(table[name])
    if values is None or not np.isfinite(values).all():
        raise SchemaError(
            source,
            f"outcome '{name}' is {table[name].type} or not finite",
            rule="an outcome is a finite number",
            next_step="Name another outcome, or rebuild the training table.",
        )
    return values


def _check_outcomes(rows: UpliftRows, config: FlatTableData | HistoriesData) -> None:
    for name, kind in config.outcomes.items():
        values = rows.outcomes[name]
        other = values[(values != 0) & (values != 1)]
        if kind == "binary" and len(other):
            raise SchemaError(
                rows.source,
                f"outcome '{name}' has {len(other):,} values that are neither 0 nor 1 (first: {other[0]:g})",
                rule="the config calls it binary",
                next_step=f"Write '{name}: continuous', or correct the column.",
            )


def _codes(values: pa.ChunkedArray) -> IntArray:
    """Code of each value; equal values share a code."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    codes: npt.NDArray[np.int64] = (
        flat.indices.to_numpy()
        if pa.types.is_dictionary(flat.type)
        else pc.dictionary_encode(flat).indices.to_numpy()
    ).astype(np.int64)
    return codes
