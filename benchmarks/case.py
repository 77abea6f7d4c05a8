"""What a benchmark is: one task, two ways to do it, and a proof that both do the same."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

ROUNDS = 5
"""Timed rounds, after one round that is not counted."""

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, eq=False)
class Case(Generic[ResultT]):
    """One task.

    Attributes:
        task: what is done, to how much.
        rows: what `ours` goes through in one run, for rows per second.
        ours: does it with this project.
        peer_name: what does it the other way, "" = nothing to compare with.
        peer: does it the other way; the same inputs lie ready in memory for both.
        require_equal: raises AssertionError when the two results differ.
    """

    task: str
    rows: int
    ours: Callable[[], ResultT]
    peer_name: str = ""
    peer: Callable[[], ResultT] | None = None
    require_equal: Callable[[ResultT, ResultT], None] | None = None

    def check(self) -> None:
        """Run each side once and compare; this is also the warm-up that compiles and fills caches.

        Raises:
            AssertionError: the results differ.
        """
        result = self.ours()
        if self.peer is not None and self.require_equal is not None:
            self.require_equal(result, self.peer())


@dataclass(frozen=True)
class Timing:
    """Figures of one task.

    Attributes:
        ours: median seconds.
        peer: median seconds, None without a peer.
        ratio: median over the rounds of peer / ours, each pair timed in one round; None without a peer.
        rows_per_second: of `ours`, at its median.
    """

    ours: float
    peer: float | None
    ratio: float | None
    rows_per_second: float


def measure(case: Case[ResultT]) -> Timing:
    """Time both sides in turn, the order changing from round to round.

    Raises:
        AssertionError: the results differ; nothing is timed then.
    """
    case.check()
    ours: list[float] = []
    peers: list[float] = []
    for number in range(ROUNDS):
        turns = [(case.ours, ours)]
        if case.peer is not None:
            turns.append((case.peer, peers))
        for work, seconds in turns if number % 2 else reversed(turns):
            seconds.append(_seconds(work))
    middle = statistics.median(ours)
    ratios = [other / own for own, other in zip(ours, peers, strict=False)]
    return Timing(
        ours=middle,
        peer=statistics.median(peers) if peers else None,
        ratio=statistics.median(ratios) if ratios else None,
        rows_per_second=case.rows / middle,
    )


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
