"""Lists that lie on disk, part by part of the persons, until each is decided and published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import check
from features.tables import RECOMMENDATIONS


@dataclass(frozen=True, eq=False)
class ListParts:
    """Recommendations tables of parts of the persons.

    Attributes:
        folder: of the files.
        spans: the persons of each part, in order.
    """

    folder: Path
    spans: tuple[slice, ...]

    def write(self, span: slice, rows: pa.Table) -> None:
        """Put the lists of a part away; rows in the order of the persons, then by rank."""
        pq.write_table(check(rows, RECOMMENDATIONS, source="lists"), self._path(span))

    def __iter__(self) -> Iterator[tuple[slice, pa.Table]]:
        """Each part with its lists, one in memory at a time."""
        for span in self.spans:
            yield span, pq.read_table(self._path(span))

    def columns(self, names: Sequence[str]) -> pa.Table:
        """Some columns of all lists, each different text once."""
        schema = RECOMMENDATIONS.schema
        texts = [name for name in names if pa.types.is_string(schema.field(name).type)]
        paths = [self._path(span) for span in self.spans]
        tables = [pq.read_table(path, columns=list(names), read_dictionary=texts) for path in paths]
        return pa.concat_tables(tables).unify_dictionaries()

    def _path(self, span: slice) -> Path:
        return self.folder / f"lists-{span.start}.parquet"
