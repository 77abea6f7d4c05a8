"""Person, item and pair features of candidates, against the same table by DuckDB.

`python -m benchmarks.pair_features` takes 100,000 candidates; `--candidates 1000000` takes a million.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import scipy.sparse as sp

from benchmarks.case import Case, measure
from benchmarks.pair_features_sql import features_sql
from features.builders.candidates import CANDIDATE_COLUMNS, candidate_features
from features.builders.item_attributes import ItemAttributes
from features.builders.item_counts import ItemCounts
from features.builders.knowledge import Knowledge
from features.builders.similarity import ItemSimilarity
from features.builders.spend import SpendCounts
from features.histories.histories import MICROSECONDS_PER_DAY, AsOf, Histories
from features.histories.reversals import sorted_reversals
from features.tables import EVENT_NAMES

CANDIDATES = 100_000
PER_PERSON = 100
EVENTS_PER_PERSON = 100
DAYS = 400
THREADS = 2
_CATEGORIES = 40
_CORNER_STEP = 7_919
_LIKE = 20  # items that go with an item
_FIRST = 17_000 * MICROSECONDS_PER_DAY
_END = _FIRST + DAYS * MICROSECONDS_PER_DAY
_NAMES = ("view", "view_list", "cart_add", "cart_remove", "checkout", "page_view")
_SHARES = (0.6, 0.1, 0.15, 0.04, 0.06, 0.05)

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WebShop:
    """The same events twice, and candidates: `PER_PERSON` different items for everybody.

    Attributes:
        histories: sorted by person, then time.
        frame: one row per event, in the same order, with the names of the table `event` of the query.
        taken: what refunds took back, the table `taken` of the query.
        attributes: the catalog.
        similarity: which items go together.
        row: person of each candidate.
        item: code of its item.
    """

    histories: Histories
    frame: pd.DataFrame
    taken: pd.DataFrame
    attributes: ItemAttributes
    similarity: ItemSimilarity
    row: Codes
    item: Codes


def case(scale: float = 1.0) -> Case[pa.Table]:
    """100,000 candidates at full scale, everything as of one moment."""
    shop = make_web_shop(persons=max(round(CANDIDATES * scale / PER_PERSON), 4))
    connection = _loaded(shop)
    query = features_sql(_END)
    return Case(
        task=f"person + item + pair features: {len(shop.row):,} candidates, {len(shop.frame):,} events",
        rows=len(shop.row),
        ours=lambda: _ours(shop),
        peer_name=f"DuckDB SQL, {THREADS} threads",
        peer=lambda: connection.sql(query).to_arrow_table(),
        require_equal=_require_equal,
    )


def _ours(shop: WebShop) -> pa.Table:
    """Counts of the shop, then the candidates' table; one thread."""
    everyone: AsOf = shop.histories.as_of(np.arange(shop.histories.n_persons), _END)
    knowledge = Knowledge.of(
        counts=ItemCounts.of(everyone),
        attributes=shop.attributes,
        similarity=shop.similarity,
        spend=SpendCounts.of(everyone),
    )
    return candidate_features(everyone, knowledge, row=shop.row, item=shop.item)


def _loaded(shop: WebShop) -> duckdb.DuckDBPyConnection:
    """Everything as tables of DuckDB in memory, keyed by whole numbers."""
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    cells = shop.similarity.matrix.tocoo()
    tables = {
        "event": shop.frame,
        "taken": shop.taken,
        "item": pd.DataFrame(
            {
                "item": np.arange(len(shop.attributes.item_ids)),
                "category": shop.attributes.category,
                "price": shop.attributes.price,
                "margin_tier": shop.attributes.margin_tier,
                "availability": shop.attributes.availability,
                "best_seller": shop.attributes.best_seller,
            }
        ),
        "likeness": pd.DataFrame({"item": cells.row, "other": cells.col, "value": cells.data}),
        "candidate": pd.DataFrame(
            {"number": np.arange(len(shop.row)), "person": shop.row, "item": shop.item}
        ),
    }
    for name, frame in tables.items():
        connection.register("frame", frame)
        connection.execute(f"CREATE TABLE {name} AS FROM frame")
        connection.unregister("frame")
    return connection


def _require_equal(one: pa.Table, other: pa.Table) -> None:
    ordered = other.sort_by("number")
    for name in CANDIDATE_COLUMNS:
        np.testing.assert_allclose(
            one[name].to_numpy(),
            ordered[name].cast(pa.float64()).to_numpy(zero_copy_only=False),
            rtol=1e-4,
            atol=1e-4,
            err_msg=name,
        )


def make_web_shop(*, persons: int) -> WebShop:
    """Persons who browse, fill carts and buy from a corner of the shop; the same in every run.

    Somebody's purchases fall at one time of the day, so that two occasions are a whole number of days apart.
    """
    rng = np.random.default_rng(11)
    items = max(2 * persons, 2 * PER_PERSON)
    frame = pd.concat([_browsing(rng, persons, items), _orders(rng, persons, items)])
    frame = frame.sort_values(["person", "time"], kind="stable", ignore_index=True)
    frame["position"] = np.arange(len(frame))
    taken = _refunds(rng, frame)
    attributes = _catalog(rng, items)
    frame["category"] = np.where(
        frame["item"] >= 0, attributes.category[frame["item"]], frame["category"]
    )
    row = np.repeat(np.arange(persons), PER_PERSON)
    return WebShop(
        histories=_histories(frame, taken, persons=persons, attributes=attributes),
        frame=frame,
        taken=taken,
        attributes=attributes,
        similarity=_similarity(rng, attributes),
        row=row,
        item=_candidates(rng, persons, items),
    )


def _candidates(rng: np.random.Generator, persons: int, items: int) -> Codes:
    """For everybody half of the most popular items and as many from the own corner on, all different."""
    half = PER_PERSON // 2
    popular = (rng.integers(PER_PERSON, size=(persons, 1)) + np.arange(half)) % PER_PERSON
    corner = np.arange(persons)[:, None] * _CORNER_STEP + np.arange(half)
    return np.hstack([popular, PER_PERSON + corner % (items - PER_PERSON)]).ravel()


def _popular(rng: np.random.Generator, items: int, rows: int) -> Codes:
    return (items * rng.random(rows) ** 3).astype(np.int64)


def _browsing(rng: np.random.Generator, persons: int, items: int) -> pd.DataFrame:
    rows = persons * EVENTS_PER_PERSON * 4 // 5
    person = rng.integers(persons, size=rows)
    name = rng.choice([EVENT_NAMES.index(n) for n in _NAMES], rows, p=_SHARES)
    itemless = np.isin(name, [EVENT_NAMES.index(n) for n in ("view_list", "checkout", "page_view")])
    cart = np.isin(name, [EVENT_NAMES.index(n) for n in ("cart_add", "cart_remove")])
    list_view = name == EVENT_NAMES.index("view_list")
    return pd.DataFrame(
        {
            "person": person,
            "time": _FIRST + rng.integers(DAYS * MICROSECONDS_PER_DAY, size=rows),
            "name": name.astype(np.int8),
            "item": np.where(itemless, -1, _own(rng, person, items)),
            "category": np.where(list_view, rng.integers(_CATEGORIES, size=rows), -1),
            "ordered": -1,
            "quantity": np.where(cart, rng.integers(1, 4, size=rows), np.nan),
            "value": np.where(cart, np.round(rng.gamma(2.0, 9.0, rows), 2), np.nan),
        }
    )


def _own(rng: np.random.Generator, person: Codes, items: int) -> Codes:
    """Mostly one of thirty items of the person's own corner, else a popular one."""
    corner = person * _CORNER_STEP + rng.integers(30, size=len(person))
    corner = PER_PERSON + corner % (items - PER_PERSON)
    return np.where(rng.random(len(person)) < 0.7, corner, _popular(rng, items, len(person)))


def _orders(rng: np.random.Generator, persons: int, items: int) -> pd.DataFrame:
    orders = persons * EVENTS_PER_PERSON // 15
    of = np.sort(rng.integers(orders, size=orders * 3))
    buyer = rng.integers(persons, size=orders)
    clock = rng.integers(MICROSECONDS_PER_DAY, size=persons)
    moment = _FIRST + rng.integers(DAYS, size=orders) * MICROSECONDS_PER_DAY + clock[buyer]
    person = buyer[of]
    return pd.DataFrame(
        {
            "person": person,
            "time": moment[of],
            "name": np.full(len(of), EVENT_NAMES.index("purchase"), np.int8),
            "item": _own(rng, person, items),
            "category": -1,
            "ordered": _one_per_moment(buyer, moment)[of],
            "quantity": rng.integers(1, 4, size=len(of)).astype(np.float64),
            "value": np.round(rng.gamma(2.0, 9.0, len(of)), 2),
        }
    )


def _one_per_moment(buyer: Codes, moment: Codes) -> Codes:
    """Number of each order; two orders of one person at one moment are one."""
    pairs = pd.DataFrame({"buyer": buyer, "moment": moment})
    numbers: Codes = pairs.groupby(["buyer", "moment"]).ngroup().to_numpy()
    return numbers


def _refunds(rng: np.random.Generator, frame: pd.DataFrame) -> pd.DataFrame:
    """One purchase in twelve is taken back, as a whole or by one unit, within thirty days."""
    bought = np.flatnonzero(frame["name"] == EVENT_NAMES.index("purchase"))
    position = np.sort(rng.choice(bought, len(bought) // 12, replace=False))
    purchase = frame.iloc[position]
    quantity = purchase["quantity"].to_numpy()
    units = np.where(rng.random(len(position)) < 0.6, quantity, 1.0)
    delay = rng.integers(30 * MICROSECONDS_PER_DAY, size=len(position))
    return pd.DataFrame(
        {
            "position": position,
            "time": purchase["time"].to_numpy() + delay,
            "quantity": units,
            "value": purchase["value"].to_numpy() * units / quantity,
        }
    )


def _catalog(rng: np.random.Generator, items: int) -> ItemAttributes:
    return ItemAttributes(
        item_ids=_ids("i", items),
        category_ids=_ids("c", _CATEGORIES),
        category=(np.arange(items) % _CATEGORIES).astype(np.int32),
        price=np.round(rng.gamma(3.0, 8.0, items), 2),
        margin_tier=rng.integers(3, size=items).astype(np.float64),
        availability=np.where(rng.random(items) < 0.9, 0.0, 1.0),
        best_seller=(rng.random(items) < 0.1).astype(np.float64),
        known_at=_FIRST,
    )


def _ids(prefix: str, count: int) -> npt.NDArray[np.object_]:
    return np.array([f"{prefix}{number:07d}" for number in range(count)], dtype=object)


def _similarity(rng: np.random.Generator, attributes: ItemAttributes) -> ItemSimilarity:
    items = len(attributes.item_ids)
    row = np.repeat(np.arange(items), _LIKE)
    other = (row + rng.integers(1, 60, size=len(row))) % items
    value = np.round(rng.random(len(row)), 3)
    matrix = sp.coo_matrix((value, (row, other)), shape=(items, items)).tocsr()
    return ItemSimilarity(_FIRST, attributes.item_ids, matrix)


def _histories(
    frame: pd.DataFrame, taken: pd.DataFrame, *, persons: int, attributes: ItemAttributes
) -> Histories:
    counts = np.bincount(frame["person"], minlength=persons)
    return Histories(
        person_ids=_ids("p", persons),
        item_ids=attributes.item_ids,
        category_ids=attributes.category_ids,
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        time=frame["time"].to_numpy(),
        event=frame["name"].to_numpy(),
        item=frame["item"].to_numpy().astype(np.int32),
        category=frame["category"].to_numpy().astype(np.int32),
        transaction=frame["ordered"].to_numpy().astype(np.int32),
        quantity=frame["quantity"].to_numpy(),
        value=frame["value"].to_numpy(),
        reversals=sorted_reversals(
            *(taken[name].to_numpy() for name in ("position", "time", "quantity", "value")),
            n_events=len(frame),
        ),
    )


def main() -> None:
    """Print one row: seconds and ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--candidates", type=int, default=CANDIDATES)
    arguments = parser.parse_args()
    task = case(arguments.candidates / CANDIDATES)
    timing = measure(task)
    print(
        f"{task.task}: {timing.ours:.2f} s, {timing.rows_per_second:,.0f} rows/s; "
        f"{task.peer_name} {timing.peer:.2f} s; {timing.ratio:.1f} x"
    )


if __name__ == "__main__":
    main()
