"""Arrays on disk in numpy's format, written piece by piece without ever lying in memory as a whole."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt


class ArrayFile:
    """A one-dimensional .npy file of a length known beforehand; use it in a `with` statement.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with ArrayFile(Path(folder) / "a.npy", np.int64, length=3) as file:
        ...         file.append(np.array([1, 2]))
        ...         file.append(np.array([3]))
        ...     np.load(Path(folder) / "a.npy")
        array([1, 2, 3])
    """

    def __init__(self, path: Path, dtype: npt.DTypeLike, *, length: int) -> None:
        self._dtype = np.dtype(dtype)
        self._missing = length
        self._handle = path.open("wb")
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (length,),
        }
        np.lib.format.write_array_header_1_0(self._handle, header)

    def append(self, values: npt.NDArray[Any]) -> None:
        """Write the next values.

        Raises:
            ValueError: they are of another type, or more than the length leaves room for.
        """
        if values.dtype != self._dtype or len(values) > self._missing:
            raise ValueError(
                f"{len(values)} values of {values.dtype}, room for {self._missing} of {self._dtype}"
            )
        values.tofile(self._handle)
        self._missing -= len(values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.close()
        if kind is None and self._missing:
            raise ValueError(f"{self._missing} values were never written")
