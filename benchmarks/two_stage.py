"""The second stage alone: features of 200 candidates a person, then the booster; which part takes the time.

`python -m benchmarks.two_stage` scores 100,000 persons of a made-up grocery shop, 20 purchases each; `--persons 5000` fewer.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from benchmarks.shop import make_shop
from features.arrays import ScoreArray
from features.histories.histories import AsOf
from features.training_sets.shop import SimilarityConfig
from training.ranker.candidate_matrix import Pairs, candidate_matrix, feature_names
from training.ranker.config import BoosterConfig
from training.ranker.ranker import Examples, Ranker, fit_ranker
from training.ranker.shop import Shop

PERSONS = 100_000
PER_PERSON = 200
ITEMS = 10_000
_EVENTS_PER_PERSON = 20
_PERSONS_AT_ONCE = 2_000
_LEARNERS = 100
_SOURCES = ("one", "two", "three")
_NAMES = feature_names(_SOURCES)


@dataclass(frozen=True)
class Share:
    """What a run took.

    Attributes:
        rows: candidates scored.
        features, predict: seconds.
    """

    rows: int
    features: float
    predict: float

    def line(self) -> str:
        """Rows per second, and which part took how long."""
        whole = self.features + self.predict
        return (
            f"{self.rows:,} candidates: {self.rows / whole:,.0f} rows/s; features {self.features:.1f} s, "
            f"LightGBM {self.predict:.1f} s = {self.predict / whole:.0%}"
        )


def score_everybody(persons: int, *, trees: int, n_jobs: int) -> Share:
    """Features and probabilities of `PER_PERSON` candidates of each person, in blocks of persons."""
    shop = make_shop(events=persons * _EVENTS_PER_PERSON, persons=persons, items=ITEMS)
    histories, everyone = shop.histories, np.arange(persons)
    as_of = histories.as_of(everyone, shop.end)
    known = Shop.of(
        as_of, histories.item_ids, attributes=None, similarity=SimilarityConfig(person_share=0.1)
    )
    ranker = _ranker(as_of, known, BoosterConfig(n_trees=trees, n_jobs=n_jobs))
    features = predict = 0.0
    for first in range(0, persons, _PERSONS_AT_ONCE):
        block = as_of.take(everyone[first : first + _PERSONS_AT_ONCE])
        pairs = _candidates(len(block), histories.n_items, seed=first)
        began = time.perf_counter()
        matrix = _matrix(block, pairs, known)
        described = time.perf_counter()
        ranker.probability(matrix)
        features += described - began
        predict += time.perf_counter() - described
    return Share(persons * PER_PERSON, features, predict)


def _candidates(persons: int, n_items: int, *, seed: int) -> Pairs:
    """Different items for each person, a stride apart; half of the scores are missing, as sources differ."""
    rng = np.random.default_rng(seed)
    begin = rng.integers(n_items, size=persons)
    item = np.sort((begin[:, None] + np.arange(PER_PERSON) * (n_items // PER_PERSON)) % n_items)
    scores = rng.random((persons * PER_PERSON, len(_SOURCES)), np.float32)
    scores[rng.random(scores.shape) < 0.5] = np.nan
    row = np.repeat(np.arange(persons), PER_PERSON)
    return Pairs(row, item.ravel(), scores, item.ravel().astype(np.float32) + 1)


def _matrix(history: AsOf, pairs: Pairs, known: Shop) -> ScoreArray:
    codes = np.arange(known.knowledge.n_items, dtype=np.int32)
    return candidate_matrix(history, codes, pairs, known, events=("purchase",), period_days=7.0)


def _ranker(as_of: AsOf, known: Shop, config: BoosterConfig) -> Ranker:
    """A booster of the real size; what it learns does not matter for the time it takes."""
    learners = as_of.take(np.arange(min(_LEARNERS, len(as_of))))
    pairs = _candidates(len(learners), known.knowledge.n_items, seed=1)
    matrix = _matrix(learners, pairs, known)
    rng = np.random.default_rng(0)
    chance = np.nan_to_num(matrix[:, 0]) * np.nan_to_num(matrix[:, _NAMES.index("item_buyers_90d")])
    label = (rng.random(len(chance)) < 0.1 + 0.4 * chance / chance.max()).astype(np.int8)
    examples = Examples(matrix, pairs.row, label)
    persons = as_of.histories.person_ids[learners.person]
    return fit_ranker([examples, examples], persons=persons, names=_NAMES, config=config, salt="x")


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--trees", type=int, default=150)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    score_everybody(min(chosen.persons, 1_000), trees=chosen.trees, n_jobs=1)  # compiles
    print(score_everybody(chosen.persons, trees=chosen.trees, n_jobs=chosen.threads).line())


if __name__ == "__main__":
    main()
