"""How small functions inside kernels are compiled."""

from __future__ import annotations

from typing import Any, Final

import numba

helper: Final[Any] = numba.njit(cache=True, nogil=True, _nrt=False)
"""Compiles a function that a kernel calls for every event. It may read and write arrays but not make one: without the
counting of references an array argument costs nothing, with it a call costs 50 ns, more than most kernels need per event.
"""
