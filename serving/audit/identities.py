"""Who the ids of files are: persons of today, by their own id, a login, or the id of an earlier day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.ingest.identity import LOGIN
from features.run import Run
from features.steps.items import stored
from features.tables import IDENTITIES, PERSON_MERGES


@dataclass(frozen=True, eq=False)
class Identities:
    """Who is who in an ingestion.

    Attributes:
        logins: person of each login; None = the source knows persons by one id.
        merged: the person that stands for each earlier one.
    """

    logins: Mapping[str, str] | None
    merged: Mapping[str, str]

    @classmethod
    def of(cls, ingested: Run) -> Self:
        """From the identities and merges that an ingestion kept, if it did."""
        known, merges = stored(ingested, IDENTITIES), stored(ingested, PERSON_MERGES)
        logins = None
        if known is not None:
            usable = pc.and_not(pc.starts_with(known[c.IDENTITY], LOGIN), known[c.QUARANTINED])
            pairs = _pairs(known.filter(usable), c.IDENTITY, c.PERSON_ID)
            logins = {login.removeprefix(LOGIN): person for login, person in pairs.items()}
        return cls(logins, {} if merges is None else _pairs(merges, c.PERSON_ID, c.MERGED_INTO))

    def person(self, person_id: str) -> str:
        """The person that stands for an id now; an unknown id stands for itself."""
        return self.merged.get(person_id, person_id)

    def of_login(self, login: str) -> str:
        """The person of a login; an unknown login stands for itself."""
        return login if self.logins is None else self.logins.get(login, login)


def _pairs(table: pa.Table, key: str, value: str) -> dict[str, str]:
    return dict(zip(table[key].to_pylist(), table[value].to_pylist(), strict=True))
