"""Files of events that came before, and those that are new: what is known of a file stays with its content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.contracts import check
from features.ingest.timestamps import latest_of
from features.provenance import file_hash
from features.tables import DELIVERIES


@dataclass(frozen=True)
class Delivery:
    """One file of events.

    Attributes:
        name: what its events and rejects call their source.
        path: the file.
        sha256: hash of its content.
        watermark: the latest time that was known before the file first came; None = nothing was.
    """

    name: str
    path: Path
    sha256: str
    watermark: datetime | None


def plan_deliveries(paths: Sequence[Path], before: pa.Table | None) -> list[Delivery]:
    """The files to read, each content once.

    A content that came before keeps its watermark, whatever its file is called now; what is new has the latest time of
    all that came before. Of files with one content the one that was read before is read, else the first.

    Args:
        paths: the files of the source, sorted.
        before: the deliveries of the run before; None = there is none.

    Raises:
        InputError: a file cannot be read.
    """
    known = {row[c.SHA256]: row for row in (before.to_pylist() if before is not None else [])}
    watermark = latest_of(*(row[c.NEWEST] for row in known.values()))
    found: dict[str, Delivery] = {}
    for name, path in zip(source_names(paths), paths, strict=True):
        content = file_hash(path)
        row = known.get(content)
        is_known = row is not None and row[c.FILE] == name
        if content not in found or is_known:
            since = watermark if row is None else row[c.WATERMARK]
            found[content] = Delivery(name, path, content, since)
    return list(found.values())


def source_names(paths: Sequence[Path]) -> list[str]:
    """A short name for each file: its own, after its partitions (`day=2026-03-01/part-0.parquet`).

    Where that is not enough to tell two files apart, as many folders as are needed.
    """
    depth = [1 + _partitions(path) for path in paths]
    while True:
        names = ["/".join(path.parts[-n:]) for path, n in zip(paths, depth, strict=True)]
        count = Counter(names)
        short = [
            place
            for place, name in enumerate(names)
            if count[name] > 1 and depth[place] < len(paths[place].parts) - 1
        ]
        if not short:
            return names
        for place in short:
            depth[place] += 1


def _partitions(path: Path) -> int:
    """How many folders right above a file are named like `day=2026-03-01`."""
    folders = list(path.parts[-2::-1])
    return next((n for n, folder in enumerate(folders) if "=" not in folder), len(folders))


def deliveries_table(
    read: Iterable[tuple[Delivery, int, datetime | None, int]], before: pa.Table | None
) -> pa.Table:
    """The deliveries table after a run: what was read, and what came before and is not there any more.

    Args:
        read: each file that was read, with its rows, its latest believed time, and its late events that were admitted.
        before: the deliveries of the run before; None = there is none.
    """
    rows = [
        (file.name, file.sha256, count, file.watermark, newest, late, True)
        for file, count, newest, late in read
    ]
    columns = list(zip(*rows, strict=True)) or [()] * len(DELIVERIES.schema)
    table = pa.table([*map(list, columns)], schema=DELIVERIES.schema)
    if before is not None:
        gone = pc.invert(pc.is_in(before[c.SHA256], value_set=table[c.SHA256]))
        absent = before.filter(gone)
        place = absent.schema.get_field_index(c.PRESENT)
        absent = absent.set_column(
            place, c.PRESENT, pa.array([False] * absent.num_rows, pa.bool_())
        )
        table = pa.concat_tables([table, absent.cast(DELIVERIES.schema)])
    table = check(table, DELIVERIES, source=DELIVERIES.name)
    return table.sort_by([(c.FILE, "ascending"), (c.SHA256, "ascending")])
