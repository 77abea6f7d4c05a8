"""A small shop whose rhythm is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from features import columns as c
from features.histories.histories import Histories
from features.tables import TIMESTAMP
from training.uplift.rows import UpliftRows

SHOP_CLOSES = datetime(2025, 6, 30, tzinfo=UTC)


def shop_purchases():
    """60 persons buy three of their own five staples every week for 20 weeks, and one item at random."""
    rng = np.random.default_rng(11)
    for person in range(60):
        staples = rng.permutation(40)[:5]
        for week in range(1, 21):
            items = {*rng.permutation(staples)[:3], rng.integers(40)}
            for item in sorted(items):
                yield f"p{person:02d}", f"i{item:02d}", SHOP_CLOSES - timedelta(days=7 * week - 2)


def shop_histories(purchases):
    text = pa.string()
    persons, items, times = zip(*purchases, strict=True)
    rows = len(persons)
    return Histories.from_events(
        pa.table(
            {
                c.PERSON_ID: pa.chunked_array([persons], text),
                c.ITEM_ID: pa.chunked_array([items], text),
                c.CATEGORY: pa.chunked_array([[None] * rows], text),
                c.TRANSACTION_ID: pa.chunked_array([[None] * rows], text),
                c.EVENT_ID: pa.chunked_array([[f"{row:06d}" for row in range(rows)]], text),
                c.EVENT_NAME: pa.chunked_array([["purchase"] * rows], text),
                c.TIME: pa.chunked_array([times], TIMESTAMP),
                c.QUANTITY: pa.chunked_array([[1.0] * rows], pa.float64()),
                c.VALUE: pa.chunked_array([[None] * rows], pa.float64()),
            }
        )
    )


@pytest.fixture(scope="session")
def shop():
    """(purchases, function that makes histories of purchases, moment the data end)."""
    return list(shop_purchases()), shop_histories, SHOP_CLOSES


@pytest.fixture(scope="session")
def uplift_trial():
    """A function that draws rows of a randomised test with 'none' and 'mail', whose effect is there only for the old (age > 0)."""

    def draw(n=6_000, *, effect=0.4, share=0.5, seed=0, group=None):
        rng = np.random.default_rng(seed)
        age, treated = rng.normal(size=n), rng.random(n) < share
        visit = (rng.random(n) < 0.2 + effect * treated * (age > 0)).astype(float)
        zips = np.array(["a", "b"], dtype=object)[rng.integers(0, 2, n)]
        return UpliftRows(
            ids=pa.table({c.LINE: np.arange(n)}),
            features=pa.table({"age": age, "zip": pa.array(zips).dictionary_encode()}),
            arms=("none", "mail"),
            arm=treated.astype(np.int64),
            probability=np.full((n, 2), 0.5),
            outcomes={"visit": visit},
            group=group,
            time=None,
            source="trial",
        )

    return draw


@pytest.fixture(scope="session")
def uplift_file(uplift_trial):
    """A function that writes such rows as `data.csv` into a folder, and lines of text below them."""

    def write(folder, n, *, extra="", **drawn):
        rows = uplift_trial(n, **drawn)
        table = pa.table(
            {
                "arm": [rows.arms[k] for k in rows.arm],
                "age": rows.features["age"].to_numpy().round(3),
                "visit": rows.outcomes["visit"].astype(int),
            }
        )
        lines = [",".join(map(str, row.values())) for row in table.to_pylist()]
        text = "\n".join([",".join(table.column_names), *lines])
        (folder / "data.csv").write_text(f"{text}\n{extra}")

    return write
