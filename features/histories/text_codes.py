"""Codes for texts met in a stream: one hash table in numba instead of one Python object per row."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features.arrays import BoolArray, CodeArray, IntArray, TextArray
from features.kernels import helper

NO_TEXT: Final = -1

_ROWS_AT_ONCE: Final = 65_536  # the table is sized for the codes it has and these
_FIRST_SLOTS: Final = 1 << 12
_BATCH: Final = 2_048
_WORD: Final = 8
_PADDED: Final = 2 * _WORD
_HALF: Final = np.uint64(32)
_LOWER: Final = np.uint64(0xFFFFFFFF)
_PLACE_BITS: Final = np.uint64(40)
_PLACE: Final = np.uint64((1 << 40) - 1)
_FIRST_PRIME: Final = np.uint64(0x9E3779B97F4A7C15)
_SECOND_PRIME: Final = np.uint64(0xD6E8FEB86659FD93)

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]


class Texts(NamedTuple):
    """Arrow text as plain arrays, for kernels.

    Attributes:
        data: the bytes of all texts.
        words: the eight bytes that begin at each byte of `data` as one number, for all but the last seven.
        offsets: shape (n + 1,), the bytes of text i are `offsets[i]:offsets[i + 1]`.
        valid: shape (n,), False = null; of length 0 where none is.
    """

    data: Bytes
    words: Words
    offsets: npt.NDArray[np.int32] | IntArray
    valid: BoolArray


def as_texts(array: pa.Array) -> Texts:
    """The buffers of a `string` or `large_string` array, without a copy."""
    if len(array) == 0:
        array = _EMPTY  # whose buffers exist
    wide = pa.types.is_large_string(array.type)
    _, offsets_, data_ = array.buffers()
    width: Any = np.int64 if wide else np.int32
    offsets = np.frombuffer(offsets_, width)
    data = np.frombuffer(data_ or b"", np.uint8)
    if (
        len(data) < _PADDED
    ):  # arrays of every length have one kind of words, so that kernels are compiled once
        data = np.frombuffer(data.tobytes().ljust(_PADDED, b"\0"), np.uint8)
    valid = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else _NONE
    return Texts(data, _words(data), offsets[array.offset : array.offset + len(array) + 1], valid)


class TextCodes:
    """Growing codes of the different texts met so far, in the order of their first appearance.

    The texts lie one after another in words of eight bytes: a header of length and code, then the text, padded with zeros.
    """

    def __init__(self) -> None:
        self._size = 0
        self._used = 0
        self._arena = np.zeros(1, np.uint64)
        self._hashes = np.zeros(1, np.uint64)
        self._slots = np.zeros(_FIRST_SLOTS, np.uint64)
        self._dictionary: tuple[pa.Array, CodeArray] | None = None  # the latest, with its codes

    def __len__(self) -> int:
        return self._size

    def encode(self, values: pa.Array) -> CodeArray:
        """The code of each text, shape (n,), -1 for null; new texts get new codes.

        Args:
            values: `string`, `large_string`, or a dictionary of either.
        """
        if pa.types.is_dictionary(values.type):
            return self._of_dictionary(values)
        codes = np.empty(len(values), np.int32)
        for begin in range(0, len(values), _ROWS_AT_ONCE):
            part = values.slice(begin, _ROWS_AT_ONCE)
            texts = as_texts(part)
            self._reserve(len(part), int(texts.offsets[-1] - texts.offsets[0]))
            self._size, self._used = _encode(
                texts,
                codes[begin : begin + _ROWS_AT_ONCE],
                self._slots,
                self._hashes,
                self._arena,
                self._size,
                self._used,
            )
        return codes

    def _of_dictionary(self, values: pa.DictionaryArray) -> CodeArray:
        """Pieces that follow each other mostly share one dictionary."""
        dictionary = values.dictionary
        if self._dictionary is None or not _is_same(dictionary, self._dictionary[0]):
            known: CodeArray = np.append(self.encode(dictionary), np.int32(NO_TEXT))
            self._dictionary = (dictionary, known)
        taken: CodeArray = self._dictionary[1][pc.fill_null(values.indices, -1).to_numpy()]
        return taken

    def texts(self) -> pa.Array:
        """The texts by code."""
        offsets = np.zeros(self._size + 1, np.int64)
        data = np.empty(_WORD * self._used, np.uint8)
        _write_texts(self._arena, self._arena.view(np.uint8), offsets, data)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.large_string(), self._size, buffers)

    def in_order(self) -> tuple[TextArray, CodeArray]:
        """The texts in the order of their bytes, and the place of each code among them."""
        texts = self.texts()
        order = pc.array_sort_indices(texts).to_numpy()
        place = np.empty(self._size, np.int32)
        place[order] = np.arange(self._size, dtype=np.int32)
        return texts.take(pa.array(order)).to_numpy(zero_copy_only=False).astype(object), place

    def _reserve(self, rows: int, size: int) -> None:
        """Make room for so many new texts of so many bytes."""
        self._arena = _grown(self._arena, self._used + 2 * rows + size // _WORD)
        self._hashes = _grown(self._hashes, self._size + rows)
        slots = len(self._slots)
        while 4 * (self._size + rows) > 3 * slots:
            slots *= 2
        if slots > len(self._slots):
            self._slots = np.zeros(slots, np.uint64)
            _fill(self._slots, self._hashes, self._arena, self._size)


def _is_same(one: pa.Array, other: pa.Array) -> bool:
    """Whether two arrays are one and the same memory; both are alive, so no address is used twice."""
    return len(one) == len(other) and [b and b.address for b in one.buffers()] == [
        b and b.address for b in other.buffers()
    ]


_NONE: Final = np.zeros(0, np.bool_)
_EMPTY: Final = pa.array([""], pa.string()).slice(0, 0)


def _grown(array: npt.NDArray[Any], wanted: int) -> npt.NDArray[Any]:
    if wanted <= len(array):
        return array
    larger = np.zeros(max(wanted, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


def _words(data: Bytes) -> Words:
    whole = data[: len(data) // _WORD * _WORD].view(np.uint64)
    shape = (len(data) - _WORD + 1,)
    return np.lib.stride_tricks.as_strided(whole, shape, (1,), writeable=False)


@helper
def fingerprint(texts: Texts, row: int) -> np.uint64:
    """A number for a text: equal texts have equal ones, in every run and on every machine of one byte order."""
    begin, end = np.int64(texts.offsets[row]), np.int64(texts.offsets[row + 1])
    number = np.uint64(end - begin) * _FIRST_PRIME
    for at in range(begin, end, _WORD):
        number = (number ^ _word(texts, at, end)) * _SECOND_PRIME
        number ^= number >> _HALF
    number *= _SECOND_PRIME
    return number ^ (number >> _HALF)


@numba.njit(cache=True, nogil=True)
def _encode(
    texts: Texts,
    codes: CodeArray,
    slots: Words,
    hashes: Words,
    arena: Words,
    size: int,
    used: int,
) -> tuple[int, int]:
    """Codes of the texts; a slot holds the upper bits of a hash and a place in the arena + 1, 0 = empty.

    Most texts were met before. Their slots and headers are fetched for many rows at a time, one loop each, so that the
    memory answers many rows at once; the rest goes the long way.
    """
    mask = np.uint64(len(slots) - 1)
    numbers = np.empty(_BATCH, np.uint64)
    entries = np.empty(_BATCH, np.uint64)
    headers = np.empty(_BATCH, np.uint64)
    for first in range(0, len(codes), _BATCH):
        rows = min(_BATCH, len(codes) - first)
        for at in range(rows):
            numbers[at] = fingerprint(texts, first + at)
        for at in range(rows):
            entries[at] = slots[numbers[at] & mask]
        for at in range(rows):
            headers[at] = arena[max(int(entries[at] & _PLACE) - 1, 0)]
        for at in range(rows):
            row = first + at
            if len(texts.valid) and not texts.valid[row]:
                codes[row] = NO_TEXT
                continue
            place = int(entries[at] & _PLACE) - 1
            if place < 0 or not _equal(texts, row, arena, place, headers[at]):
                place = _find(texts, row, numbers[at], slots, arena)
                if place < 0:
                    hashes[size] = numbers[at]
                    _enter(slots, numbers[at], used)
                    used = _append(texts, row, arena, used, size)
                    codes[row] = size
                    size += 1
                    continue
            codes[row] = np.int32(arena[place] & _LOWER)
    return size, used


@helper
def _find(texts: Texts, row: int, number: np.uint64, slots: Words, arena: Words) -> int:
    """Place of a text in the arena, -1 = never met."""
    mask = np.uint64(len(slots) - 1)
    slot = number & mask
    while slots[slot] != 0:
        place = int(slots[slot] & _PLACE) - 1
        if (slots[slot] ^ number) >> _PLACE_BITS == 0 and _equal(
            texts, row, arena, place, arena[place]
        ):
            return place
        slot = (slot + np.uint64(1)) & mask
    return NO_TEXT


@helper
def _enter(slots: Words, number: np.uint64, place: int) -> None:
    mask = np.uint64(len(slots) - 1)
    slot = number & mask
    while slots[slot] != 0:
        slot = (slot + np.uint64(1)) & mask
    slots[slot] = ((number >> _PLACE_BITS) << _PLACE_BITS) | np.uint64(place + 1)


@helper
def _equal(texts: Texts, row: int, arena: Words, place: int, header: np.uint64) -> bool:
    begin, end = np.int64(texts.offsets[row]), np.int64(texts.offsets[row + 1])
    if header >> _HALF != np.uint64(end - begin):
        return False
    at = begin
    while at < end and _word(texts, at, end) == arena[place + 1 + ((at - begin) >> 3)]:
        at += _WORD
    return bool(at >= end)


@helper
def _append(texts: Texts, row: int, arena: Words, used: int, code: int) -> int:
    """Write a text; the place after it."""
    begin, end = np.int64(texts.offsets[row]), np.int64(texts.offsets[row + 1])
    arena[used] = (np.uint64(end - begin) << _HALF) | np.uint64(code)
    used += 1
    for at in range(begin, end, _WORD):
        arena[used] = _word(texts, at, end)
        used += 1
    return used


@helper
def _word(texts: Texts, at: int, end: int) -> np.uint64:
    """The next eight bytes of a text, padded with zeros, as a number."""
    word: np.uint64 = np.uint64(0)
    if at + _WORD <= len(texts.data):
        word = texts.words[at]
        if end - at < _WORD:
            word &= (np.uint64(1) << np.uint64(8 * (end - at))) - np.uint64(1)
        return word
    for place in range(end - 1, at - 1, -1):
        word = (word << np.uint64(8)) | np.uint64(texts.data[place])
    return word


@numba.njit(cache=True, nogil=True)
def _fill(slots: Words, hashes: Words, arena: Words, size: int) -> None:
    place = 0
    for code in range(size):
        _enter(slots, hashes[code], place)
        place += 1 + (int(arena[place] >> _HALF) + _WORD - 1) // _WORD


@numba.njit(cache=True, nogil=True)
def _write_texts(arena: Words, arena_bytes: Bytes, offsets: IntArray, data: Bytes) -> None:
    place = 0
    for code in range(len(offsets) - 1):
        length = int(arena[place] >> _HALF)
        begin = offsets[code]
        for at in range(length):
            data[begin + at] = arena_bytes[_WORD * (place + 1) + at]
        offsets[code + 1] = begin + length
        place += 1 + (length + _WORD - 1) // _WORD
