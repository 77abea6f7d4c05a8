"""Two stages: several models propose, a ranker that knows persons, items and both together puts in order.

Trained as it is used: the first stage is fitted before the oldest of several past moments and proposes at each of them,
so its scores are out of time for the ranker; then it is fitted again on everything. The shop grows old alike in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from pydantic import Field

from features.arrays import CodeArray, ScoreArray, TextArray
from features.assignment import uniform
from features.errors import GateError, InputError
from features.training_sets.labels import taken_up
from features.training_sets.shop import SimilarityConfig
from training.bundle import read_text_array, text_array
from training.ranker.candidate_matrix import Pairs, candidate_matrix, feature_names
from training.ranker.config import BoosterConfig, LearningConfig
from training.ranker.ranker import Examples, Ranker, fit_ranker
from training.ranker.shop import Shop
from training.recommenders.als import AlsConfig
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.basket_share import BasketShareConfig
from training.recommenders.first_stage import FirstStage, SourceConfig
from training.recommenders.item_neighbours import ItemNeighboursConfig
from training.recommenders.members import build_members, known_items
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_sparse

_CATEGORIES: Final = "category_ids.json"
_LEAST: Final = 1e-30  # a probability of 0 would be no recommendation
_SHOP, _STAGE = "shop.", "stage."


class TwoStageConfig(ModelConfig):
    """Who proposes, from what the ranker learns, and how. `weights` say which events make a person and an item known."""

    kind: Literal["two_stage"] = "two_stage"

    sources: Annotated[tuple[SourceConfig, ...], Field(min_length=1)] = (
        SourceConfig(depth=60, model=BasketShareConfig(popularity=0.2)),
        SourceConfig(depth=40, model=ItemNeighboursConfig(similarity="bm25")),
        SourceConfig(depth=20, model=AlsConfig(factors=32, alpha=1.0)),
    )
    """Models of the first stage."""

    popular: int = Field(default=20, ge=1)
    """Popular items proposed to everybody."""

    learning: LearningConfig = LearningConfig()
    """Past moments and persons the ranker learns from, and its gate."""

    booster: BoosterConfig = BoosterConfig()
    """The ranker."""

    similarity: SimilarityConfig = SimilarityConfig()
    """From what it is learned which items go together, a feature of the ranker."""


class TwoStage(Recommender[TwoStageConfig]):
    """Score = calibrated chance that the person takes the item up within the horizon."""

    config_type = TwoStageConfig

    def __init__(self, config: TwoStageConfig) -> None:
        super().__init__(config)
        self._attributes: ItemAttributes | None = None
        self._stage: FirstStage | None = None
        self._shop: Shop | None = None
        self._ranker: Ranker | None = None
        self._category_ids: TextArray = np.empty(0, dtype=object)

    def figures(self) -> Mapping[str, Any]:
        """Reliability of the probabilities, on a moment and persons that neither booster nor calibration saw."""
        return {"reliability": asdict(self._fitted_ranker().reliability)}

    def require_usable(self) -> None:
        """Refuse probabilities that are too far off.

        Raises:
            GateError: the expected calibration error is above `learning.max_calibration_error`.
        """
        error, most = (
            self._fitted_ranker().reliability.error,
            self.config.learning.max_calibration_error,
        )
        if error.estimate > most:
            raise GateError(
                f"model '{self.kind}'",
                f"its expected calibration error is {error.estimate:.4f} [{error.low:.4f}, {error.high:.4f}]",
                rule=f"it may be at most {most} (learning.max_calibration_error)",
                next_step="Look at the reliability table in the metrics; learn from more persons or cut-offs.",
            )

    def _catalogue(self, item_ids: TextArray, attributes: ItemAttributes | None) -> TextArray:
        models = build_members(source.model for source in self.config.sources)
        return known_items(models, item_ids, attributes)

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        self._attributes = attributes

    def _fit(self, observed: Observed) -> None:
        learning, history = self.config.learning, observed.history
        moments = np.unique(history.time)
        if len(moments) != 1:
            raise InputError(
                "training history",
                f"its rows have {len(moments)} different times",
                rule="two_stage learns from moments before one cut-off",
                next_step="Train it on histories as of one time.",
            )
        moment = int(moments[0])
        cutoffs = learning.before(moment)
        stage, shop = self._prepared(_with_events(observed.before(cutoffs[0])))
        ids = history.histories.person_ids[history.person]
        share = 1.0 if learning.max_persons is None else learning.max_persons / len(history)
        chosen = observed.take(np.flatnonzero(uniform(ids.tolist(), salt=learning.salt) < share))
        past = [
            self._examples(chosen.before(cut), stage, shop, matured_at=moment) for cut in cutoffs
        ]
        self._ranker = fit_ranker(
            past,
            persons=chosen.history.histories.person_ids[chosen.history.person],
            names=feature_names(self._source_names()),
            config=self.config.booster,
            salt=learning.salt,
        )
        self._stage, self._shop = self._prepared(observed)
        self._category_ids = self._shop.knowledge.attributes.category_ids

    def _prepared(self, observed: Observed) -> tuple[FirstStage, Shop]:
        """First stage and shop from rows that each have a weighted event."""
        if len(observed) == 0:
            raise InputError(
                "training history",
                "nobody has a weighted event before the oldest moment the ranker learns from",
                rule="the first stage is fitted before that moment",
                next_step="Take a later as_of, fewer cut-offs or a shorter horizon.",
            )
        stage = self._new_stage().fit(
            observed,
            attributes=self._attributes,
            popular_window_days=self.config.popular_window_days,
        )
        shop = Shop.of(
            observed.history,
            self.item_ids,
            attributes=self._attributes,
            similarity=self.config.similarity,
        )
        return stage, shop

    def _examples(
        self, observed: Observed, stage: FirstStage, shop: Shop, *, matured_at: int
    ) -> Examples:
        """Candidates of all rows, in blocks, with their labels."""
        learning, n_items = self.config.learning, self.n_items
        rows, labels, matrices = [], [], []
        for first, block in self._blocks(observed):
            pairs = stage.propose(block, Eligible.everything(len(block), n_items))
            taken_row, taken = taken_up(
                block.history,
                horizon_days=learning.horizon_days,
                events=learning.label,
                matured_at=matured_at,
            )
            code = block.codes[taken]
            wanted = (taken_row * n_items + code)[code >= 0]
            rows.append(first + pairs.row)
            labels.append(np.isin(pairs.row * n_items + pairs.item, wanted).astype(np.int8))
            matrices.append(self._matrix(block, pairs, shop))
        return Examples(np.concatenate(matrices), np.concatenate(rows), np.concatenate(labels))

    def _blocks(self, observed: Observed) -> Iterator[tuple[int, Observed]]:
        step = max(1, self._cells_at_once() // self.n_items)
        for first in range(0, max(1, len(observed)), step):
            yield first, observed.take(np.arange(first, min(first + step, len(observed))))

    def _matrix(self, observed: Observed, pairs: Pairs, shop: Shop) -> npt.NDArray[np.float32]:
        learning = self.config.learning
        return candidate_matrix(
            observed.history,
            observed.codes,
            pairs,
            shop,
            events=learning.label,
            period_days=learning.horizon_days,
        )

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        stage, shop = self._fitted_stage()
        pairs = stage.propose(observed, eligible)
        chance = self._fitted_ranker().probability(self._matrix(observed, pairs, shop))
        offsets = np.searchsorted(pairs.row, np.arange(len(observed) + 1))
        scores = sp.csr_matrix(
            (np.maximum(chance, _LEAST).astype(np.float32), pairs.item, offsets),
            shape=(len(observed), self.n_items),
        )
        return top_k_sparse(scores, k=k, eligible=eligible)

    def _new_stage(self) -> FirstStage:
        return FirstStage(self.config.sources, self.item_ids, popular=self.config.popular)

    def _source_names(self) -> list[str]:
        return [f"{place}_{source.model.kind}" for place, source in enumerate(self.config.sources)]

    def _fitted_stage(self) -> tuple[FirstStage, Shop]:
        if self._stage is None or self._shop is None:
            raise RuntimeError(f"{self.kind} is not fitted; call fit or load first")
        return self._stage, self._shop

    def _fitted_ranker(self) -> Ranker:
        if self._ranker is None:
            raise RuntimeError(f"{self.kind} is not fitted; call fit or load first")
        return self._ranker

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        stage, shop = self._fitted_stage()
        return {
            **{f"{_STAGE}{name}": array for name, array in stage.state().items()},
            **{f"{_SHOP}{name}": array for name, array in shop.state().items()},
        }

    def _texts(self) -> Mapping[str, str]:
        return {_CATEGORIES: text_array(self._category_ids), **self._fitted_ranker().texts()}

    def _restore_texts(self, texts: Mapping[str, str]) -> None:
        self._category_ids = read_text_array(texts[_CATEGORIES])
        self._ranker = Ranker.from_texts(texts, n_jobs=self.config.booster.n_jobs)

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._stage = self._new_stage().restore(_under(_STAGE, arrays))
        self._shop = Shop.restore(
            _under(_SHOP, arrays), item_ids=self.item_ids, category_ids=self._category_ids
        )


def _with_events(observed: Observed) -> Observed:
    return observed.take(np.flatnonzero(np.diff(observed.weights.indptr)))


def _under(prefix: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
