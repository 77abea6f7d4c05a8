"""Batch output in the form of Amazon Personalize: users for items, or items for users.

A person stands for an item if the recommender put it on their list; persons are sorted by the item's rank there, then by
its score relative to the best of the list, then by id. Scores are those of the recommender, comparable within one user only.

Source: Amazon Personalize developer guide, output of batch segment and batch inference jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from features import columns as c
from features.catalog.limits import read_limits
from features.config import BaseConfig
from features.run import write_text
from serving.exports.base import (
    FaultError,
    Format,
    Outcome,
    Prepared,
    Row,
    Unavailable,
    distinct_rows,
)
from serving.exports.facts import ExportFacts
from serving.exports.inert import id_problem, json_line

_NOT_IN_CATALOG: Final = "item not in catalog"


class PersonalizeConfig(BaseConfig):
    """Users for items, or items for users."""

    kind: Literal["personalize"]

    direction: Literal["users_for_items", "items_for_users"] = "users_for_items"
    """What is listed for what."""

    results: int = Field(default=25, ge=1)
    """Length of a list at most."""

    items: tuple[str, ...] = ()
    """Items asked for; none = every item of anybody's list. An item that is not in the catalog gets a row with an error."""


def prepare(_: str, config: PersonalizeConfig, facts: ExportFacts) -> Outcome:
    """A row per query: the id asked for, an error or "", then ids, each followed by its score where there are scores."""
    rows, drops = distinct_rows(_pairs(facts), lambda row: _problem(row[0]) or _problem(row[1]))
    if config.direction == "items_for_users":
        lists = _items_for_users(rows, config.results)
    else:
        lists = _users_for_items(rows, config, facts)
    if not lists:
        return Unavailable("nobody to contact has an item")
    return [Prepared("", tuple(lists), len({row[0] for row in rows}), drops)]


def file_format(config: PersonalizeConfig, _: ExportFacts) -> Format:
    """JSON lines as a batch job writes them."""
    return PersonalizeFormat(config.direction)


def _problem(value: str) -> str | None:
    """Why an id cannot stand in a batch."""
    most = read_limits()["personalize.items.id.characters"].limit
    return id_problem(value) or ("id_too_long" if len(value) > most else None)


def _pairs(facts: ExportFacts) -> Iterator[Row]:
    """person, item, rank, score; no score = put there by a rule."""
    columns = (c.PERSON_ID, c.ITEM_ID, c.RANK, c.SCORE)
    for row in facts.eligible.lists.select(list(columns)).to_pylist():
        yield tuple("" if row[name] is None else str(row[name]) for name in columns)


def _items_for_users(rows: Sequence[Row], results: int) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row[0], int(row[2])))
    found: list[Row] = []
    for person, own in groupby(ordered, key=lambda row: row[0]):
        listed = list(own)[:results]
        found.append((person, "", *(cell for row in listed for cell in (row[1], row[3] or "0.0"))))
    return found


def _users_for_items(
    rows: Sequence[Row], config: PersonalizeConfig, facts: ExportFacts
) -> list[Row]:
    scored = [
        (person, item, int(rank), float(score)) for person, item, rank, score in rows if score
    ]
    best: dict[str, float] = {}
    for person, _, _, score in scored:
        best[person] = max(score, best.get(person, score))
    users: dict[str, list[tuple[int, float, str]]] = {}
    for person, item, rank, score in scored:
        relative = score / best[person] if best[person] > 0 else score
        users.setdefault(item, []).append((rank, -relative, person))
    catalog = frozenset(facts.catalog[c.ITEM_ID].to_pylist()) if config.items else frozenset()
    found: list[Row] = []
    for item in sorted(set(config.items)) or sorted(users):
        unknown = bool(config.items) and item not in catalog
        listed = [person for _, _, person in sorted(users.get(item, []))[: config.results]]
        found.append((item, _NOT_IN_CATALOG) if unknown else (item, "", *listed))
    return found


@dataclass(frozen=True)
class PersonalizeFormat:
    """One JSON object per query."""

    direction: Literal["users_for_items", "items_for_users"]

    @property
    def suffix(self) -> str:
        return ".jsonl"

    def write(self, path: Path, rows: Sequence[Row]) -> None:
        write_text(path, "".join(json_line(self._record(row)) for row in rows))

    def read(self, path: Path) -> list[Row]:
        try:
            records = [json.loads(line) for line in path.read_bytes().decode("ascii").splitlines()]
            return [self._row(record) for record in records]
        except (ValueError, KeyError, TypeError) as error:
            raise FaultError(f"is no batch output ({type(error).__name__}: {error})") from None

    def faults(self, path: Path) -> Iterator[str]:
        try:
            rows = self.read(path)
        except FaultError as fault:
            yield str(fault)
            return
        step = 2 if self.direction == "items_for_users" else 1
        for number, (query, _, *cells) in enumerate(rows, start=1):
            ids = cells[::step]
            if len(set(ids)) < len(ids):
                yield f"line {number}: an id is listed twice"
            for value in (query, *ids):
                problem = _problem(value)
                if problem is not None:
                    yield f"line {number}: {problem}"
        if len({row[0] for row in rows}) < len(rows):
            yield "an id is asked for twice"

    def _record(self, row: Row) -> dict[str, Any]:
        query, error, *cells = row
        if self.direction == "items_for_users":
            output = {"recommendedItems": cells[::2], "scores": [float(x) for x in cells[1::2]]}
            return {"input": {"userId": query}, "output": output, "error": None}
        record: dict[str, Any] = {"input": {"itemId": query}}
        if error:
            return {**record, "output": None, "error": error}
        return {**record, "output": {"recommendedUsers": cells}}

    def _row(self, record: dict[str, Any]) -> Row:
        if self.direction == "items_for_users":
            output = record["output"]
            pairs = zip(output["recommendedItems"], output["scores"], strict=True)
            return (record["input"]["userId"], "", *(x for i, s in pairs for x in (i, str(s))))
        item, output = record["input"]["itemId"], record["output"]
        return (item, record["error"]) if output is None else (item, "", *output["recommendedUsers"])  # fmt: skip
