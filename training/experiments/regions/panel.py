"""Regions by days: what each region did on each day, complete, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.arrays import BoolArray, FloatArray
from features.errors import InputError, SchemaError
from features.sources.flat_table import (
    FlatTable,
    as_numbers,
    reject_missing,
    require_columns,
    text_values,
)
from training.experiments.regions.config import RegionTable

_MOST_CELLS: Final = 20_000_000
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, eq=False)
class RegionPanel:
    """Outcomes of regions, day by day without a gap.

    Attributes:
        regions: names, sorted, n_regions of them.
        days: days since 1970, consecutive, shape (n_days,).
        values: each of shape (n_regions, n_days), finite, by outcome.
        source: where it comes from, for messages.
    """

    regions: tuple[str, ...]
    days: npt.NDArray[np.int64]
    values: dict[str, FloatArray]
    source: str

    def where(self, regions: BoolArray) -> RegionPanel:
        """Some of the regions; `regions` has the shape (n_regions,)."""
        kept = tuple(name for name, keep in zip(self.regions, regions, strict=True) if keep)
        return replace(
            self,
            regions=kept,
            values={name: values[regions] for name, values in self.values.items()},
        )

    def until(self, day: int) -> RegionPanel:
        """The days before `day` (days since 1970)."""
        kept = self.days < day
        return replace(
            self,
            days=self.days[kept],
            values={name: values[:, kept] for name, values in self.values.items()},
        )


def day_number(moment: datetime) -> int:
    """Days since 1970."""
    return (moment.date() - _EPOCH).days


def day_name(day: int) -> str:
    """The date of a day since 1970, such as 2017-11-01."""
    return str(np.datetime64(int(day), "D"))


def region_panel(
    flat: FlatTable, data: RegionTable, outcomes: Sequence[str], *, before: int | None = None
) -> tuple[RegionPanel, FlatTable]:
    """The panel of a table; also returns the table with every refused row in its rejects.

    Refused: rows without region, day or number. Days run from the first to the last one of the table.

    Args:
        flat: the table.
        data: its columns.
        outcomes: columns of numbers; the largest regions are those with most of the first.
        before: first day of the test, days since 1970: which regions are largest is told by the days before it; None = by all.

    Raises:
        SchemaError: a column is missing or is not what the config says.
        InputError: a region has two rows for a day, or none where that is no zero.
    """
    require_columns(flat.table, [data.region, data.day, *outcomes], source=flat.source)
    for column in (data.region, data.day):
        flat = reject_missing(flat, column)
    for column in outcomes:
        flat = as_numbers(flat, column)
    if not len(flat.table):
        raise InputError(
            flat.source,
            "no row has a region, a day and every outcome",
            rule="a region is measured by its days",
            next_step="Look at the columns that the config names.",
        )
    labels = np.array(text_values(flat.table[data.region]), np.str_)
    names, place = np.unique(labels, return_inverse=True)
    day = _days(flat.table[data.day], data.day, flat.source)
    days = np.arange(day.min(), day.max() + 1)
    _require_size(len(names) * len(days), len(names), len(days), flat.source)
    cell = place * len(days) + (day - days[0])
    _require_one_each(cell, names, days, flat.source)
    values = {}
    for column in outcomes:
        whole = np.full(len(names) * len(days), 0.0 if data.missing_is_zero else np.nan)
        whole[cell] = flat.table[column].to_numpy()
        values[column] = whole.reshape(len(names), len(days))
    panel = RegionPanel(tuple(names.tolist()), days, values, flat.source)
    return _largest(_complete(panel), data.most_regions, before), flat


def _days(values: pa.ChunkedArray, column: str, source: str) -> npt.NDArray[np.int64]:
    """Days since 1970 of dates, times and text."""
    plain = values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values
    if not (pa.types.is_temporal(plain.type) or pa.types.is_string(plain.type)):
        raise _no_dates(values, column, source)
    zone = "UTC" if pa.types.is_timestamp(plain.type) and plain.type.tz is not None else None
    try:
        moments = plain.cast(pa.timestamp("s", zone), safe=False)
    except pa.ArrowInvalid:
        raise _no_dates(values, column, source) from None
    seconds = moments.cast(pa.int64()).to_numpy()
    return np.asarray(np.floor_divide(seconds, 86_400), np.int64)


def _no_dates(values: pa.ChunkedArray, column: str, source: str) -> SchemaError:
    text = pa.types.is_dictionary(values.type)
    return SchemaError(
        source,
        f"column '{column}' is {'text' if text else values.type}, not dates",
        rule="every row has a day",
        next_step="Name another column, or write days as 2017-12-25.",
    )


def _require_size(cells: int, regions: int, days: int, source: str) -> None:
    if cells > _MOST_CELLS:
        raise InputError(
            source,
            f"{regions:,} regions and {days:,} days from the first to the last are {cells:,} cells",
            rule=f"at most {_MOST_CELLS:,} cells of region and day",
            next_step="Look for a wrong date; or aggregate regions, or leave out early days.",
        )


def _require_one_each(
    cell: npt.NDArray[np.int64],
    names: npt.NDArray[np.str_],
    days: npt.NDArray[np.int64],
    source: str,
) -> None:
    found, count = np.unique(cell, return_counts=True)
    if count.max() > 1:
        twice = int(found[count > 1][0])
        raise InputError(
            source,
            f"region '{names[twice // len(days)]}' has {int(count[count > 1][0])} rows for {day_name(days[twice % len(days)])}",
            rule="one row per region and day",
            next_step="Add the rows of a region and day up before measuring.",
        )


def _complete(panel: RegionPanel) -> RegionPanel:
    gap = np.isnan(next(iter(panel.values.values())))
    if gap.any():
        region, day = np.argwhere(gap)[0]
        raise InputError(
            panel.source,
            f"region '{panel.regions[region]}' has no row for {day_name(panel.days[day])} ({int(gap.sum()):,} such gaps)",
            rule="every region has every day",
            next_step="Set 'data.missing_is_zero: true' if no row means no outcome, or leave the region out.",
        )
    return panel


def _largest(panel: RegionPanel, most: int | None, before: int | None) -> RegionPanel:
    if most is None or most >= len(panel.regions):
        return panel
    first = next(iter(panel.values.values()))
    known = panel.days < before if before is not None else np.ones(len(panel.days), np.bool_)
    order = np.argsort(-first[:, known].sum(axis=1), kind="stable")
    chosen = np.zeros(len(panel.regions), np.bool_)
    chosen[order[:most]] = True
    return panel.where(chosen)
