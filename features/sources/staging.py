"""Each input file of a source as a Parquet file of unchecked events: what cleaning reads, whatever the source was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.sources.raw_events import RawEvents


@dataclass(frozen=True, eq=False)
class StagedFile:
    """One input file, read.

    Attributes:
        path: Parquet file of its unchecked events, with the columns `RAW_EVENTS`.
        rows: rows of the input.
        rejects: rows the source refused, the rejects table.
    """

    path: Path
    rows: int
    rejects: pa.Table


def stage(raw: RawEvents, path: Path) -> StagedFile:
    """Write the events of one input file to `path`."""
    pq.write_table(raw.events, path)
    return StagedFile(path, raw.rows, raw.rejects)
