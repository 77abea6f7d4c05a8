"""Everything persons were sent or shown: the campaign's own exposures and the sends of other systems, as one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from features import columns as c
from features.catalog.moments import parse_moment
from features.contracts import check
from features.errors import InputError
from features.tables import CONTACT_LOG
from serving.exports.person_lists import ID_COLUMNS, KnownIds, read_list

_SUBJECT: Final = "a send log"
_TEXTS: Final = (c.CHANNEL, c.ITEM_ID, c.STEP, c.TEMPLATE)
_CLICKED: Final = {"": None, "true": True, "1": True, "false": False, "0": False}


def contact_log(
    exposures: pa.Table | None, paths: Sequence[Path], known: KnownIds
) -> pa.Table | None:
    """One row per contact or ghost; None = there is no log at all, and nobody knows who was contacted.

    Args:
        exposures: the campaign's own exposures table; what it does not say is null.
        paths: send logs of other systems, CSV, TSV or Parquet: `person_id` or `user_id`, `time` (ISO 8601), `channel`, and
            where they are known `item_id`, `clicked` (true, false), `step`, `template`.
        known: who the ids are; a send to nobody of today is left out.

    Raises:
        InputError: a log cannot be read whole: a cap held in part is no cap.
    """
    tables = [] if exposures is None else [_own(exposures)]
    tables += [_sends(path, known) for path in paths]
    return pa.concat_tables(tables) if tables else None


def _own(exposures: pa.Table) -> pa.Table:
    told = {
        field.name: exposures[field.name]
        if field.name in exposures.column_names
        else pa.nulls(exposures.num_rows, field.type)
        for field in CONTACT_LOG.schema
    }
    return check(pa.table(told), CONTACT_LOG, source="exposures")


def _sends(path: Path, known: KnownIds) -> pa.Table:
    columns = (*ID_COLUMNS, c.TIME, c.CLICKED, *_TEXTS)
    rows = []
    for number, row in enumerate(read_list(path, subject=_SUBJECT, known=columns), start=1):
        person = known.resolve(row)
        if person is not None:
            rows.append(_send(row, person, path, number))
    return check(
        pa.Table.from_pylist(rows, schema=CONTACT_LOG.schema), CONTACT_LOG, source=str(path)
    )


def _send(row: dict[str, str], person: str, path: Path, number: int) -> dict[str, Any]:
    time = parse_moment(row.get(c.TIME, "").replace(" ", "T"))
    clicked = row.get(c.CLICKED, "").lower()
    if time is None:
        raise _refused(path, number, c.TIME, "is a moment in ISO 8601, such as 2017-12-25T10:00Z")
    if clicked not in _CLICKED:
        raise _refused(path, number, c.CLICKED, "is true, false or empty")
    if not row.get(c.CHANNEL):
        raise _refused(path, number, c.CHANNEL, "names what it was sent by, such as email")
    return {
        c.EXPOSURE_ID: f"{path}:{number}",
        c.PERSON_ID: person,
        c.TIME: time,
        c.GHOST: False,
        c.CLICKED: _CLICKED[clicked],
        **{name: row.get(name) or None for name in _TEXTS},
    }


def _refused(path: Path, number: int, column: str, rule: str) -> InputError:
    return InputError(
        str(path),
        f"has an unusable '{column}' in row {number}",
        rule=f"'{column}' of {_SUBJECT} {rule}",
        next_step="Mend the row: a log that is read in part caps in part, so nothing is decided.",
    )
