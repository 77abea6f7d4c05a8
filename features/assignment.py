"""Stable random numbers and arms from a salted hash: the same unit gets the same draw, on any machine, forever."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

import numpy as np

from features.arrays import FloatArray

HOLDOUT: Final = "holdout"
POLICY_HOLDOUT: Final = "policy_holdout"
TARGETABLE: Final = "targetable"
"""Arms of a holdout: never contacted, not contacted this time, and free to be contacted."""

_DIGEST_BYTES: Final = 8
_RESOLUTION: Final = 2**53


def uniform(units: Iterable[str], *, salt: str) -> FloatArray:
    """A draw in [0, 1) per unit, fixed by (salt, unit) alone.

    Args:
        units: unit ids: a person, or a person and a week.
        salt: names the purpose (an experiment, a holdout); draws under different salts are independent.

    Invariants: independent of the order and of the other units.

    Source: the first 53 bits of SHA-256 over "salt|unit", the resolution of a float64.

    Example:
        >>> uniform(["a", "b"], salt="demo").round(3)
        array([0.445, 0.285])
    """
    prefix, sha256 = f"{salt}|".encode(), hashlib.sha256
    first = [sha256(prefix + unit.encode()).digest()[:_DIGEST_BYTES] for unit in units]
    numbers = np.frombuffer(b"".join(first), ">u8").astype(np.uint64) >> np.uint64(11)
    return numbers / _RESOLUTION
