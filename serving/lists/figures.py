"""What became of many lists, in a few figures."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c

LIST_COLUMNS: Final = (
    c.RANK, c.LEVEL, c.RECO_KIND, c.COLD_START, c.RELEVANCE_LOST, c.GAIN_LOST,
)  # fmt: skip
"""What `list_figures` looks at."""


def list_figures(rows: pa.Table) -> dict[str, Any]:
    """What became of lists, in a few figures.

    Args:
        rows: `LIST_COLUMNS` of a recommendations table.

    Returns:
        Rows per level and per kind, and what merchandising and diversity cost: the mean per person of scores lost and of
        the share of discounted gain lost, and the share of persons whose list lost any.
    """
    first = rows.filter(pc.equal(rows[c.RANK], 1))
    lost = first[c.GAIN_LOST].to_numpy()
    return {
        "levels": _counted(rows[c.LEVEL]),
        "kinds": _counted(rows[c.RECO_KIND]),
        "cold_start_rows": int(pc.sum(rows[c.COLD_START]).as_py() or 0),
        "mean_scores_lost": pc.mean(first[c.RELEVANCE_LOST]).as_py(),
        "mean_gain_lost": pc.mean(first[c.GAIN_LOST]).as_py(),
        "share_of_lists_with_a_loss": float(np.mean(lost > 0)) if len(lost) else None,
    }


def _counted(values: pa.ChunkedArray) -> dict[str, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(values).to_pylist()}
