"""A table of ratings judged with time respected, beside its random splits: `python -m benchmarks.movielens_by_time`.

Trains on the first 80 % of the rows by time and asks for what known persons rated later; settings are chosen by the same cut
inside the training rows. Prints nDCG with its interval for every kind of model.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from features.arrays import BoolArray
from features.config import load_config
from training.flat_recommender.config import FlatRecommenderConfig, InteractionTableData
from training.flat_recommender.interactions import Interactions, read_interaction_table
from training.flat_recommender.judging import METRICS, judge_on_test, judged
from training.flat_recommender.rounds import Round
from training.metrics.ranking import Relevant
from training.recommenders.als import AlsConfig
from training.recommenders.ease import EaseConfig
from training.recommenders.item_neighbours import ItemNeighboursConfig
from training.recommenders.recent_popular import RecentPopularConfig
from training.recommenders.registry import RecommenderConfig, build

CONFIG = Path(__file__).parents[1] / "configs/movielens/recommender.yaml"
TRAIN_SHARE = 0.8
CANDIDATES: tuple[RecommenderConfig, ...] = (
    *(RecentPopularConfig(popular_window_days=days) for days in (7, 30, 1_000)),
    *(EaseConfig(weighted=True, regularization=200.0, half_life_days=d) for d in (30, 120, 1e6)),
    *(
        AlsConfig(factors=32, regularization=10.0, alpha=5.0, half_life_days=d)
        for d in (30, 120, 1e6)
    ),
    *(ItemNeighboursConfig(neighbours=50, half_life_days=d) for d in (30, 120, 1e6)),
)


def rows_where(rows: Interactions, keep: BoolArray) -> Interactions:
    """The chosen rows; ids stay."""
    return replace(rows, person=rows.person[keep], item=rows.item[keep], time=rows.time[keep])


def cut(rows: Interactions, config: FlatRecommenderConfig) -> tuple[Interactions, Round]:
    """Training rows, and the round that asks known persons for what came after."""
    earlier = rows.time < np.quantile(rows.time, TRAIN_SHARE)
    train, later = rows_where(rows, earlier), rows_where(rows, ~earlier)
    both = np.intersect1d(train.person, later.person)
    everyone = train.histories(np.arange(len(train.item)), event=config.event).everyone(train.end)
    persons = np.unique(train.person)
    known = np.isin(later.person, both)
    relevant = Relevant.from_pairs(
        np.searchsorted(persons, later.person[known]), later.item[known], n_rows=len(persons)
    )
    return train, Round(everyone, everyone, relevant, persons, rows.item_ids)


def main() -> None:
    """Choose inside, judge once, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=CONFIG)
    path = parser.parse_args().config
    given = load_config(FlatRecommenderConfig, path)
    config = given.model_copy(update={"candidates": CANDIDATES, "trials": 3})
    assert isinstance(config.data, InteractionTableData)  # noqa: S101 - sessions know no time
    rows, _ = read_interaction_table(config.data, folder=path.parent)
    train, test = cut(rows, config)
    _, inner = cut(train, config)
    best: dict[str, tuple[float, RecommenderConfig]] = {}
    for setting in config.settings():
        values = judged(build(setting).fit(inner.train), inner, config)
        value = float(np.nanmean(values[:, list(METRICS).index(config.metric)]))
        if setting.kind not in best or value > best[setting.kind][0]:
            best[setting.kind] = (value, setting)
    chosen = {kind: setting for kind, (_, setting) in best.items()}
    inside = {kind: value for kind, (value, _) in best.items()}
    found = judge_on_test([test], [chosen], [inside], test.train, config)
    for result in found.results:
        interval = result.metrics[found.metric]
        print(
            f"{result.kind:<16} {found.metric} {interval.estimate:.3f} "
            f"[{interval.low:.3f}, {interval.high:.3f}], {interval.persons} persons; chosen: "
            f"{chosen[result.kind].model_dump_json(exclude_defaults=True)}"
        )


if __name__ == "__main__":
    main()
