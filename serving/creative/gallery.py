"""The gallery of the report: what example persons are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.assignment import uniform

_SALT: Final = "gallery sample"
_PERSONS: Final = 8
_ITEMS: Final = 3


def gallery(creatives: pa.Table, figures: Mapping[str, Any]) -> dict[str, Any] | None:
    """Cards of a few persons, one for each combination of stage, step and template as far as there is room.

    Args:
        creatives: the creatives table of a run.
        figures: its creative figures.

    Returns:
        Facts for the page; None where nobody is shown anything.
    """
    table = creatives.to_pandas()
    if table.empty:
        return None
    first = table[table[c.RANK] == table.groupby(c.PERSON_ID)[c.RANK].transform("min")]
    draw = uniform(first[c.PERSON_ID], salt=_SALT)
    ordered = first.iloc[np.argsort(draw, kind="stable")]
    varied = ordered.drop_duplicates([c.STAGE, c.STEP, c.TEMPLATE])
    rest = ordered.drop(varied.index)
    chosen = pd.concat([varied, rest]).head(_PERSONS)[c.PERSON_ID].tolist()
    rows = creatives.sort_by([(c.PERSON_ID, "ascending"), (c.RANK, "ascending")])
    return {
        "cards": [
            _card(rows.filter(pc.equal(rows[c.PERSON_ID], person)).to_pylist()) for person in chosen
        ],
        "templates": figures["templates"],
        "blocked": figures["blocked"],
        "fallbacks": figures["fallbacks"],
        "warnings": figures["warnings"],
    }


def _card(rows: list[dict[str, Any]]) -> dict[str, Any]:
    first = rows[0]
    return {
        "person": first[c.PERSON_ID],
        "contact": not first[c.GHOST],
        "told": f"{first[c.CHANNEL]}, stage {first[c.STAGE].replace('_', ' ')}, step {first[c.STEP]}",
        "items": [_item(row) for row in rows[:_ITEMS]],
    }


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "headline": row[c.HEADLINE],
        "body": row[c.BODY],
        "price": row[c.PRICE_TEXT] or "",
        "link": row[c.LINK] or "",
        "template": row[c.TEMPLATE],
        "fallbacks": row[c.FALLBACKS].replace(";", ", "),
    }
