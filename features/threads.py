"""Two threads for work that numba or Arrow does without the interpreter; the result never depends on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

_WORTH_IT: Final = 20_000

ResultT = TypeVar("ResultT")


def in_two_threads(works: Sequence[Callable[[], ResultT]]) -> list[ResultT]:
    """The results of some works, in their order; at most two run at a time."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def over_rows(rows: int, work: Callable[[int, int], Any]) -> None:
    """Call `work(first, last)` on all rows at once, or on each half of many rows in a thread of its own.

    `work` must treat each row by itself and write nothing but its rows.
    """
    if rows < _WORTH_IT:
        work(0, rows)
        return
    in_two_threads([lambda: work(0, rows // 2), lambda: work(rows // 2, rows)])
