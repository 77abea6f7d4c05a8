"""Columns of events as numbers, taken in piece by piece, and the histories they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import IntArray
from features.errors import SchemaError
from features.histories.text_codes import NO_TEXT, TextCodes, Texts, as_texts, fingerprint
from features.tables import EVENT_NAMES, TIMESTAMP

COLUMNS: Final = {
    "person": c.PERSON_ID,
    "time": c.TIME,
    "event": c.EVENT_NAME,
    "item": c.ITEM_ID,
    "category": c.CATEGORY,
    "transaction": c.TRANSACTION_ID,
    "quantity": c.QUANTITY,
    "value": c.VALUE,
}
"""Array of the histories, and the column of the events table it comes from."""

TYPES: Final = {
    "person": np.int32,
    "time": np.int64,
    "event": np.int8,
    "item": np.int32,
    "category": np.int32,
    "transaction": np.int64,
    "quantity": np.float64,
    "value": np.float64,
}
"""What the numbers of each array are."""

_REQUIRED: Final = (c.PERSON_ID, c.TIME, c.EVENT_NAME)
_POSITIVE: Final = np.uint64(2**63 - 1)

Array = npt.NDArray[Any]


class EventColumns:
    """Turns Arrow columns into the arrays of the histories; ids get codes in the order of their appearance.

    Different columns may be taken in by different threads.
    """

    def __init__(self) -> None:
        self.persons, self.items, self.categories = TextCodes(), TextCodes(), TextCodes()
        self._convert: dict[str, Callable[[pa.Array], Array]] = {
            "person": self.persons.encode,
            "time": _times,
            "event": _events,
            "item": self.items.encode,
            "category": self.categories.encode,
            "transaction": _fingerprints,
            "quantity": _numbers,
            "value": _numbers,
        }

    def convert(self, name: str, values: pa.Array) -> Array:
        """One piece of one column.

        Raises:
            SchemaError: a person, time or event name is missing, or a name is not of the vocabulary.
        """
        if values.null_count and COLUMNS[name] in _REQUIRED:
            raise SchemaError(
                "events",
                f"column '{COLUMNS[name]}' has {values.null_count} empty rows",
                rule="histories need to know who did what when",
                next_step="Let the ingestion reject these rows.",
            )
        return self._convert[name](values)

    def take_in(self, name: str, pieces: Iterable[pa.Array], *, rows: int) -> Array:
        """One whole column of so many rows, in pieces."""
        whole = np.empty(rows, TYPES[name])
        begin = 0
        for piece in pieces:
            whole[begin : begin + len(piece)] = self.convert(name, piece)
            begin += len(piece)
        return whole


def nothing(name: str, rows: int) -> Array:
    """The array of a column that no event has a value in."""
    dtype: Any = TYPES[name]
    return np.full(rows, np.nan if np.issubdtype(dtype, np.floating) else NO_TEXT, dtype)


def _times(values: pa.Array) -> IntArray:
    if not pa.types.is_timestamp(values.type):
        raise SchemaError(
            "events",
            f"column '{c.TIME}' is {values.type}",
            rule=f"it must be {TIMESTAMP}",
            next_step="Write the events with the columns of the table.",
        )
    times: IntArray = values.cast(TIMESTAMP).cast(pa.int64()).to_numpy()
    return times


def _events(values: pa.Array) -> npt.NDArray[np.int8]:
    if pa.types.is_dictionary(values.type):
        position = pc.index_in(values.dictionary, value_set=pa.array(EVENT_NAMES))
        position = position.cast(pa.int8()).take(values.indices)
    else:
        position = pc.index_in(values, value_set=pa.array(EVENT_NAMES)).cast(pa.int8())
    if position.null_count:
        unknown = values.filter(position.is_null())[0].as_py()
        raise SchemaError(
            "events",
            f"column '{c.EVENT_NAME}' holds {unknown!r}",
            rule="event names are of the closed vocabulary",
            next_step="Map the name in the source's config.",
        )
    codes: npt.NDArray[np.int8] = position.to_numpy()
    return codes


def _numbers(values: pa.Array) -> npt.NDArray[np.float64]:
    numbers: npt.NDArray[np.float64] = values.to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64, copy=False)


def _fingerprints(values: pa.Array) -> IntArray:
    """A number for each text, >= 0, the same in every build; -1 for null."""
    if pa.types.is_dictionary(values.type):
        known: IntArray = np.append(_fingerprints(values.dictionary), NO_TEXT)
        taken: IntArray = known[pc.fill_null(values.indices, -1).to_numpy()]
        return taken
    numbers = np.empty(len(values), np.int64)
    _fill_fingerprints(as_texts(values), numbers)
    return numbers


@numba.njit(cache=True, nogil=True)
def _fill_fingerprints(texts: Texts, numbers: IntArray) -> None:
    for row in range(len(numbers)):
        if len(texts.valid) and not texts.valid[row]:
            numbers[row] = NO_TEXT
        else:
            numbers[row] = np.int64(fingerprint(texts, row) & _POSITIVE)
