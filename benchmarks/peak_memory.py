"""How much memory a process held at most."""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")
_PEAK = "VmHWM:"


def peak_mib() -> float:
    """Peak resident memory of this process in MiB.

    Linux counts what the parent held before this program began into `ru_maxrss`, so its own mark is read there.
    """
    if _STATUS.exists():
        lines = _STATUS.read_text().splitlines()
        found = next((line for line in lines if line.startswith(_PEAK)), None)
        if found is not None:
            return int(found.removeprefix(_PEAK).split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
