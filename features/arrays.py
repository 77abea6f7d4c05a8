"""Names for the array types that signatures use."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
ScoreArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int32]
BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.object_]

Number = TypeVar("Number", bound=np.generic)


def read_only(array: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """The same numbers as a plain array that cannot be written to, however they lie in memory.

    A kernel is compiled anew for each kind of array it meets: one kind for all saves half of the compilation.
    """
    view: npt.NDArray[Any] = np.asarray(array).view()
    view.flags.writeable = False
    return view
