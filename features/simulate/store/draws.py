"""Random numbers inside kernels: a stream per person, so that neither blocks nor threads change what a person does.

Source: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), the generator that seeds most others.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from features.arrays import FloatArray, IntArray
from features.kernels import helper

State = npt.NDArray[np.uint64]
"""Shape (1,): the state of one stream, moved on by every draw."""

_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_BY_30, _BY_27, _BY_31, _BY_11 = (np.uint64(bits) for bits in (30, 27, 31, 11))
_UNIT: Final = 1.0 / (1 << 53)


@helper
def start(state: State, seed: int, number: int) -> None:
    """Begin the stream of one person."""
    state[0] = np.uint64(seed)
    state[0] = _next(state) ^ np.uint64(number)
    _next(state)


@helper
def begin(state: State, seed: int, purpose: int, moment: int, number: int) -> None:
    """Begin the stream of one person for one purpose at one moment: the same in any company, whatever was drawn before.

    Args:
        state: of the stream.
        seed: of the world.
        purpose: from 0 to 255; streams of different purposes have nothing in common.
        moment: from 0 to 65,535.
        number: of the person, below 2 ** 40.
    """
    start(state, seed, (purpose << 56) | (moment << 40) | number)


@helper
def uniform(state: State) -> float:
    """A number in [0, 1)."""
    return float(_next(state) >> _BY_11) * _UNIT


@numba.njit(cache=True, nogil=True)
def uniforms(seed: int, purpose: int, moment: IntArray, numbers: IntArray) -> FloatArray:
    """The first number in [0, 1) of each row's stream, shape (n,); arguments as for `begin`."""
    state = np.empty(1, np.uint64)
    drawn = np.empty(len(numbers))
    for row in range(len(numbers)):
        begin(state, seed, purpose, moment[row], numbers[row])
        drawn[row] = uniform(state)
    return drawn


@helper
def below(state: State, n: int) -> int:
    """A whole number in [0, n)."""
    return int(uniform(state) * n)


@helper
def exponential(state: State, mean: float) -> float:
    """An exponential number of this mean."""
    drawn: float = uniform(state)
    return float(-mean * np.log(1.0 - drawn))


@helper
def poisson(state: State, mean: float) -> int:
    """A Poisson number, by counting exponential waits; for means of a few."""
    count, left = 0, mean
    while True:
        left += np.log(1.0 - uniform(state))
        if left < 0:
            return count
        count += 1


@helper
def geometric(state: State, mean: float) -> int:
    """A geometric number from 1 on, of this mean >= 1."""
    if mean <= 1.0:
        return 1
    return 1 + int(np.log(1.0 - uniform(state)) / np.log(1.0 - 1.0 / mean))


@helper
def _next(state: State) -> np.uint64:
    state[0] += _STEP
    mixed = state[0]
    mixed = (mixed ^ (mixed >> _BY_30)) * _FIRST
    mixed = (mixed ^ (mixed >> _BY_27)) * _SECOND
    return np.uint64(mixed ^ (mixed >> _BY_31))
