"""One cap for several campaigns: contacts that campaigns of higher priority have decided for the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.contracts import check
from features.errors import InputError
from features.run import read_parquet
from features.tables import DECISIONS


def contacts_ahead(paths: Sequence[Path], *, as_of: datetime) -> pa.Table:
    """Person and channel of every contact that the decisions in some files plan.

    Args:
        paths: decisions.parquet of campaigns of higher priority.
        as_of: the moment of decision.

    Raises:
        InputError: a file is missing, or decides for another moment.
        SchemaError: a file holds no decisions.
    """
    nobody = DECISIONS.schema.empty_table().select([c.PERSON_ID, c.CHANNEL])
    return pa.concat_tables([nobody, *(_contacts(path, as_of) for path in paths)])


def _contacts(path: Path, as_of: datetime) -> pa.Table:
    decisions = check(read_parquet(path), DECISIONS, source=str(path))
    others = [moment for moment in pc.unique(decisions[c.AS_OF]).to_pylist() if moment != as_of]
    if others:
        raise InputError(
            str(path),
            f"decides for {others[0]:%Y-%m-%d %H:%M}, this campaign for {as_of:%Y-%m-%d %H:%M}",
            rule="campaigns that share a cap decide for the same moment, by priority",
            next_step="Run 'retarget score' of the campaign ahead again, then this one.",
        )
    first = pc.and_(decisions[c.CONTACT], pc.equal(decisions[c.RANK], 1))
    return decisions.filter(first).select([c.PERSON_ID, c.CHANNEL])
