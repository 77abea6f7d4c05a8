"""EASE: a linear model of items from items, solved in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.sparse as sp
import threadpoolctl
from pydantic import Field

from features.arrays import CodeArray, FloatArray, ScoreArray
from features.errors import ConfigError
from training.metrics.ranking import Relevant, ndcg_at_k
from training.recommenders.base import ModelConfig, Recommender
from training.recommenders.kept_lists import NO_ITEM
from training.recommenders.observed import Observed
from training.recommenders.top_k import Eligible, top_k_dense

_LARGEST = 20_000
_HELD_OUT = 0.25
_JUDGED_AT = 10


class EaseConfig(ModelConfig):
    """How strongly the weights between items are held down, and how many items take part."""

    kind: Literal["ease"] = "ease"

    regularization: float | None = Field(default=None, gt=0)
    """Ridge penalty; null = the best of `grid`, chosen on a quarter of the training entries held out."""

    grid: tuple[float, ...] = Field(
        default=(50.0, 100.0, 200.0, 400.0, 800.0, 1_600.0), min_length=1
    )
    """Penalties tried when `regularization` is null."""

    items: int | None = Field(default=5_000, ge=1, le=_LARGEST)
    """Items with the most persons that take part; null = all. Time grows with the cube, memory with the square."""

    weighted: bool = False
    """False: an item is had or not. True: decayed weights."""

    judged_persons: int = Field(default=2_000, ge=1)
    """Persons drawn for the choice of the penalty."""

    seed: int = Field(default=0, ge=0)
    """Seed of what is held out and of the persons drawn."""

    threads: int = Field(default=2, ge=1)
    """Threads of the linear algebra."""


class Ease(Recommender[EaseConfig]):
    """Score = the row's items times B, B = -P / diag(P) by column with a zero diagonal, P = (X'X + penalty * I)^-1.

    Attributes:
        penalty: the ridge penalty used.

    Source: Steck (2019).
    """

    config_type = EaseConfig

    def __init__(self, config: EaseConfig) -> None:
        super().__init__(config)
        self.penalty = config.regularization or 0.0
        self._taking_part: CodeArray = np.empty(0, np.int32)
        self._relation: ScoreArray = np.empty((0, 0), np.float32)

    def _fit(self, observed: Observed) -> None:
        weights = observed.weights
        self._taking_part = self._chosen_items(weights)
        rows = self._rows(weights)
        with threadpoolctl.threadpool_limits(self.config.threads, "blas"):
            self.penalty = self.config.regularization or self._chosen_penalty(rows)
            self._relation = _solved(_gram(rows), self.penalty).astype(np.float32)

    def _rank(self, observed: Observed, k: int, eligible: Eligible) -> tuple[CodeArray, ScoreArray]:
        with threadpoolctl.threadpool_limits(self.config.threads, "blas"):
            scores = self._rows(observed.weights) @ self._relation
        part = self._taking_part
        inside = Eligible(eligible.allowed[part], eligible.barred[:, part])
        found, best = top_k_dense(np.asarray(scores, np.float32), k=k, eligible=inside)
        return np.append(part, np.int32(NO_ITEM))[found].astype(np.int32), best

    def _chosen_items(self, weights: sp.csr_matrix) -> CodeArray:
        n_items = weights.shape[1]
        wanted = n_items if self.config.items is None else min(n_items, self.config.items)
        if wanted > _LARGEST:
            raise ConfigError(
                "'items'",
                f"{n_items} items for a matrix of items by items",
                rule=f"at most {_LARGEST} fit",
                next_step=f"Set items to {_LARGEST} or fewer; those with the most persons take part.",
            )
        persons = np.bincount(weights.indices, minlength=n_items)
        return np.sort(np.argsort(-persons, kind="stable")[:wanted]).astype(np.int32)

    def _rows(self, weights: sp.csr_matrix) -> sp.csr_matrix:
        rows = weights[:, self._taking_part]
        if not self.config.weighted:
            rows = rows.copy()
            rows.data[:] = 1
        return rows

    def _chosen_penalty(self, rows: sp.csr_matrix) -> float:
        """The penalty with the best nDCG@10 on held-out entries; the first of equals."""
        rng = np.random.default_rng(self.config.seed)
        held_out = rng.random(rows.nnz) < _HELD_OUT
        person = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        kept = rows.copy()
        kept.data[held_out] = 0
        kept.eliminate_zeros()
        drawn = rng.permutation(rows.shape[0])[: self.config.judged_persons]
        place = np.full(rows.shape[0], -1)
        place[drawn] = np.arange(len(drawn))
        judged = held_out & (place[person] >= 0)
        relevant = Relevant.from_pairs(
            place[person[judged]], rows.indices[judged], n_rows=len(drawn)
        )
        if len(relevant.row) == 0:
            return self.config.grid[0]
        shown, gram = kept[drawn], _gram(kept)
        values = [_judged(shown, _solved(gram, penalty), relevant) for penalty in self.config.grid]
        return self.config.grid[int(np.argmax(values))]

    def _state(self) -> Mapping[str, npt.NDArray[Any]]:
        return {
            "relation": self._relation,
            "taking_part": self._taking_part,
            "penalty": np.array(self.penalty),
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._relation = np.array(arrays["relation"])
        self._taking_part = np.array(arrays["taking_part"])
        self.penalty = float(arrays["penalty"])


def _gram(rows: sp.csr_matrix) -> FloatArray:
    """X'X, dense, shape (n_items, n_items)."""
    return np.asarray((rows.T @ rows).todense(), np.float64)


def _solved(gram: FloatArray, penalty: float) -> FloatArray:
    """B for one penalty, by the Cholesky factor of X'X + penalty * I."""
    matrix = gram.copy()
    np.fill_diagonal(matrix, gram.diagonal() + penalty)
    inverse: FloatArray = scipy.linalg.inv(matrix, assume_a="pos", overwrite_a=True)
    inverse /= -inverse.diagonal().copy()
    np.fill_diagonal(inverse, 0)
    return inverse


def _judged(shown: sp.csr_matrix, relation: FloatArray, relevant: Relevant) -> float:
    """Mean nDCG@10 of what the shown entries predict, without the shown entries."""
    k = min(_JUDGED_AT, relation.shape[0])
    eligible = Eligible(np.ones(relation.shape[0], np.bool_), shown)
    items, _ = top_k_dense(np.asarray(shown @ relation, np.float32), k=k, eligible=eligible)
    values = ndcg_at_k(items, relevant, k=k)
    return float(np.mean(values[~np.isnan(values)]))
