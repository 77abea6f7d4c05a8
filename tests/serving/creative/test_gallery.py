"""The gallery is picked by rule: as many different kinds of creative as there is room for, the same ones every time."""

from __future__ import annotations

import pyarrow as pa

from features import columns as c
from features.tables import CREATIVES
from serving.creative.gallery import gallery

FIGURES = {"templates": {}, "blocked": {}, "fallbacks": {}, "warnings": []}


def creatives(*rows):
    plain = dict.fromkeys(CREATIVES.schema.names, "") | {c.PRICE_TEXT: None, c.LINK: None}
    table = [
        {
            **plain,
            c.PERSON_ID: person,
            c.RANK: rank,
            c.TEMPLATE: template,
            c.GHOST: person == "ghost",
            c.HEADLINE: f"{template} {rank}",
        }
        for person, rank, template in rows
    ]
    return pa.Table.from_pylist(table, schema=CREATIVES.schema)


def test_every_kind_is_shown_before_any_is_shown_twice():
    rows = [(f"p{i}", rank, "common") for i in range(30) for rank in (2, 1, 3, 4)]
    table = creatives(*rows, ("ghost", 1, "rare"))
    found = gallery(table, FIGURES)
    assert len(found["cards"]) == 8
    (rare,) = [card for card in found["cards"] if card["person"] == "ghost"]
    assert not rare["contact"]
    other = next(card for card in found["cards"] if card["person"] != "ghost")
    assert [item["headline"] for item in other["items"]] == ["common 1", "common 2", "common 3"]
    assert {(item["link"], item["price"]) for item in other["items"]} == {("", "")}
    shuffled = table.sort_by([(c.RANK, "descending"), (c.PERSON_ID, "descending")])
    assert gallery(shuffled, FIGURES) == found


def test_without_creatives_there_is_no_gallery():
    assert gallery(creatives(), FIGURES) is None
