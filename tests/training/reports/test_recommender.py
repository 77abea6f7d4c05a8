"""The card says what the stored figures say, and what the model must not be used for."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from training.reports.model_card import card_text
from training.reports.recommender import flat_card, history_card, recommender_plots


def interval(value):
    return {"estimate": value, "low": value - 0.01, "high": value + 0.01, "persons": 50}


def model(kind, ndcg):
    return {
        "kind": kind,
        "chosen": {"kind": kind, "half_life_days": 60.0},
        "metrics": {"ndcg_at_10.all": interval(ndcg), "ndcg_at_10.novel": interval(0.002)},
        "ndcg_by_cutoff": [ndcg, ndcg + 0.01],
        "coverage": 0.133,
        "gini": 0.943,
    }


HISTORY = {
    "as_of": "2017-12-25T00:00:00+00:00",
    "validation_cutoffs": ["2017-11-20T00:00:00+00:00"],
    "champion": "buy_again",
    "interactions": 1_435_706,
    "items": 68_260,
    "populations": [
        {"cutoff": f"2017-12-{day}T00:00:00+00:00", "with_all": 100, "cold_persons": 2}
        | {"pairs": 400, "unseen_pairs": 30}
        for day in (11, 18)
    ],
    "models": [model("recent_popular", 0.112), model("buy_again", 0.291)],
}
CONFIG = {"k": 10, "level": 0.95, "horizon_days": 7, "target_events": ["purchase"]}

FLAT = {
    "champion": "ease",
    "metric": "ndcg_at_3",
    "lists": 4_715,
    "items": 1_682,
    "models": [
        {"kind": kind, "chosen": [{"kind": kind, "regularization": 2.0}]}
        | {"metrics": {"ndcg_at_3": interval(value), "recall_at_3": interval(0.2)}}
        for kind, value in (("ease", 0.479), ("recent_popular", 0.249))
    ],
}
FLAT_CONFIG = {
    "k": 3,
    "level": 0.95,
    "show_seen": False,
    "split": {"kind": "random_by_item", "train_share": 0.75, "seeds": 5},
}


def test_the_card_of_a_project():
    card = history_card(HISTORY, CONFIG)
    assert card["Model"] == "buy again (half_life_days 60.0)"
    assert "1,435,706 weighted events on 68,260 items" in card["Data"]
    # two cut-offs: 2 x 100 pairs, 2 x 2 cold, 2 x 30 of 2 x 400 unknown
    assert "200 (person, cut-off) pairs, 4 of them without any history" in card["Population"]
    assert "60 of 800 wanted items" in card["Population"]
    assert "judged on 2 cut-offs until 2017-12-18" in card["Protocol"]
    assert "| ndcg_at_10.all | 0.2910 [0.2810, 0.3010] |" in card["Metrics"]
    assert "ideal over min(k, relevant items)" in card["Metrics"]
    assert card["Beside the others"] == "ndcg_at_10.all: recent popular 0.1120 [0.1020, 0.1220]"
    assert "13.3 % of the items" in card["Known gaps"]
    assert "Gini of their exposure 0.943" in card["Known gaps"]
    assert "not effect" in card["Must not be used for"]
    text = card_text(card)
    assert text.startswith("# Model card\n\n## Model\n\nbuy again")
    assert text.count("\n## ") == len(card)


def test_the_card_of_flat_files():
    card = flat_card(FLAT, FLAT_CONFIG)
    assert (
        "75 % of each item's rows train, drawn at random, 5 times; blind to time"
        in (card["Protocol"])
    )
    assert "items already seen are left out" in card["Protocol"]
    assert "recent popular 0.2490" in card["Beside the others"]
    assert "coverage and exposure are not measured" in card["Known gaps"]


@pytest.mark.parametrize(
    ("metrics", "metric", "names"),
    [
        (HISTORY, "ndcg_at_10", ["ndcg_at_10.svg", "ndcg_by_cutoff.svg"]),
        (FLAT, "ndcg_at_3", ["ndcg_at_3.svg"]),
    ],
)
def test_plots_are_drawn(metrics, metric, names):
    plots = recommender_plots(metrics, metric)
    assert sorted(plots) == names
    for svg in plots.values():
        assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert "buy again" in "".join(plots.values()) or "ease" in "".join(plots.values())
