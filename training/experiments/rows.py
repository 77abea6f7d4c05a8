"""The rows of an experiment: arms, outcomes, what was known before, and what is independent of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import SchemaError
from features.sources.flat_table import FlatTable, number_values, text_values
from training.experiments.config import MeasureConfig
from training.experiments.data_config import ExperimentTable
from training.experiments.draws import first_rows
from training.uplift.data_config import FlatTableData
from training.uplift.rows import UpliftRows, rows_from_flat_table

_MICROSECONDS_PER_DAY: Final = 86_400_000_000


@dataclass(frozen=True, eq=False)
class ExperimentRows:
    """Assigned rows with everything that is measured. Row order is that of the source.

    Attributes:
        arms: arm names, control first.
        arm: assigned arm as a position in `arms`, shape (n_rows,).
        probability: known probability of each arm, shape (n_rows, n_arms).
        assigned: rows of each arm before any was refused for a missing value, shape (n_arms,).
        numbers: outcome columns, each of shape (n_rows,), finite.
        before: columns of the period before assignment, by outcome; a missing value is the mean.
        covariates: columns known before assignment.
        segments: labels of each segment column, shape (n_rows,).
        cluster: independent unit of each row, shape (n_rows,); None where every row is one.
        unit: code of what was randomised, shape (n_rows,); None where it is not named.
        day: days since the first day, shape (n_rows,); None where it is not named.
        exposed, would_be_exposed: shape (n_rows,); None where it is not named.
        tier: intent tier of each row, shape (n_rows,); None where it is not named.
        days_to_conversion: NaN where there was none, shape (n_rows,); None where it is not named.
        click_path: days from the last click of each channel to the conversion, NaN where there was none, by channel, each of shape
            (n_rows,); empty where it is not named.
        cohort: of each row, shape (n_rows,); None where it is not named.
        cohort_values: what each row brought within so many days, NaN where these are not over, by days, each of shape (n_rows,).
        seconds_to_exposure: from assignment to exposure, NaN where there was none, shape (n_rows,); None as above.
        source: file or table, for messages.
    """

    arms: tuple[str, ...]
    arm: IntArray
    probability: FloatArray
    assigned: IntArray
    numbers: dict[str, FloatArray]
    before: dict[str, FloatArray]
    covariates: pa.Table
    segments: dict[str, list[str]]
    cluster: IntArray | None
    unit: IntArray | None
    day: FloatArray | None
    exposed: BoolArray | None
    would_be_exposed: BoolArray | None
    tier: list[str] | None
    days_to_conversion: FloatArray | None
    click_path: dict[str, FloatArray]
    cohort: list[str] | None
    cohort_values: dict[int, FloatArray]
    seconds_to_exposure: FloatArray | None
    source: str

    def __len__(self) -> int:
        return len(self.arm)

    @property
    def drawn(self) -> BoolArray:
        """One row per draw of the lot, shape (n_rows,): the first row of a cluster where clusters have one arm each.

        Where a cluster is in several arms its rows were drawn one by one.
        """
        return first_rows(self.arm, self.cluster)


def experiment_rows(
    flat: FlatTable, data: ExperimentTable, config: MeasureConfig
) -> tuple[ExperimentRows, FlatTable]:
    """Rows of a table; also returns the table with every refused row in its rejects.

    Refused: rows without arm, outcome, probability or cluster, and rows of an arm the config does not name.

    Raises:
        SchemaError: a column is missing or is not what the config says.
        InputError: an arm has no row, too many rows are refused, or the probabilities do not fit the arms.
    """
    flags = [name for name in (data.exposed, data.would_be_exposed) if name is not None]
    known = [
        *data.covariates,
        *config.before_columns.values(),
        *data.segments,
        *config.known_columns,
        *(name for name in (data.unit, data.day, data.assigned_at, data.exposed_at) if name),
    ]
    table = FlatTableData(
        kind="flat_table",
        path=data.path,
        separator=data.separator,
        treatment=data.arm,
        control=data.control,
        treated=data.treated,
        outcomes=config.numbers | dict.fromkeys(flags, "binary"),
        features=list(dict.fromkeys(known)),
        probability=data.probability,
        group=data.cluster,
        max_reject_share=data.max_reject_share,
    )
    arms = [] if data.arm not in flat.table.column_names else text_values(flat.table[data.arm])
    rows, judged = rows_from_flat_table(flat, table)
    counts = [arms.count(name) for name in rows.arms]
    return _of_columns(rows, data, config, np.array(counts, np.int64)), judged


def _of_columns(
    rows: UpliftRows, data: ExperimentTable, config: MeasureConfig, assigned: IntArray
) -> ExperimentRows:
    known, source = rows.features, rows.source
    unit = None if data.unit is None else _codes(known[data.unit])
    return ExperimentRows(
        arms=rows.arms,
        arm=rows.arm,
        probability=rows.probability,
        assigned=assigned,
        numbers={name: rows.outcomes[name] for name in config.numbers},
        before={
            name: _number(known, column, source) for name, column in config.before_columns.items()
        },
        covariates=known.select(list(data.covariates)),
        segments={name: _labels(known[name]) for name in data.segments},
        cluster=rows.group if rows.group is not None else _repeated(unit),
        unit=unit,
        day=None if data.day is None else _days(known[data.day], data.day, source),
        exposed=_flag(rows, data.exposed),
        would_be_exposed=_flag(rows, data.would_be_exposed),
        tier=None if config.funnel is None else _labels(known[config.funnel.tier]),
        days_to_conversion=None
        if config.attribution is None
        else number_values(known[config.attribution.days_to_conversion]),
        click_path={}
        if config.attribution is None
        else {
            channel: _sometimes(known, column, source, "it holds days from a click to a conversion")
            for channel, column in config.attribution.channels.items()
        },
        cohort=None if config.cohorts is None else _labels(known[config.cohorts.column]),
        cohort_values={}
        if config.cohorts is None
        else {
            days: _sometimes(known, column, source, "it holds what rows brought")
            for days, column in config.cohorts.values.items()
        },
        seconds_to_exposure=None
        if data.assigned_at is None or data.exposed_at is None
        else 86_400.0
        * (
            _moments(known[data.exposed_at], data.exposed_at, source)
            - _moments(known[data.assigned_at], data.assigned_at, source)
        ),
        source=source,
    )


def _repeated(unit: IntArray | None) -> IntArray | None:
    """Units as clusters where one has several rows."""
    return None if unit is None or len(np.unique(unit)) == len(unit) else unit


def _codes(values: pa.ChunkedArray) -> IntArray:
    labels = np.array(_labels(values), dtype=np.str_)
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)


def _labels(values: pa.ChunkedArray) -> list[str]:
    return [label if label is not None else "(missing)" for label in text_values(values)]


def _flag(rows: UpliftRows, column: str | None) -> BoolArray | None:
    return None if column is None else rows.outcomes[column] == 1


def _number(table: pa.Table, column: str, source: str) -> FloatArray:
    values = number_values(table[column])
    if values is None or not np.isfinite(values).any():
        raise _unusable(
            source, column, "no numbers", "a period before assignment is measured in them"
        )
    known = np.isfinite(values)
    filled: FloatArray = np.where(known, values, values[known].mean())
    return filled


def _sometimes(table: pa.Table, column: str, source: str, rule: str) -> FloatArray:
    """Numbers, NaN where there is none."""
    written = table[column]
    values = number_values(written)
    text = pa.types.is_dictionary(written.type)
    if values is None or (text and np.isnan(values).sum() > written.null_count):
        raise _unusable(source, column, "cells that are no numbers", rule)
    return values


def _days(values: pa.ChunkedArray, column: str, source: str) -> FloatArray:
    """Whole days since the first one."""
    found = np.floor(_moments(values, column, source))
    if not np.isfinite(found).all():
        raise _unusable(source, column, "missing or unreadable days", "every row has a day")
    return np.asarray(found - found.min(), np.float64)


def _moments(values: pa.ChunkedArray, column: str, source: str) -> FloatArray:
    """Days as numbers: times and dates since 1970, numbers as they are; NaN where missing."""
    if pa.types.is_temporal(values.type):
        times = values.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
        return np.asarray(times / _MICROSECONDS_PER_DAY, np.float64)
    if pa.types.is_dictionary(values.type):
        try:
            return _moments(values.cast(pa.string()).cast(pa.timestamp("us")), column, source)
        except pa.ArrowInvalid:
            raise _unusable(source, column, "text that is no date", "it holds times") from None
    numbers = number_values(values)
    if numbers is None:
        raise _unusable(source, column, f"{values.type}", "it holds times or numbers of days")
    return numbers


def _unusable(source: str, column: str, found: str, rule: str) -> SchemaError:
    return SchemaError(
        source,
        f"column '{column}' has {found}",
        rule=rule,
        next_step="Name another column, or convert this one (times as 2017-12-25 or 2017-12-25T06:00:00Z).",
    )
