"""Complements (bought in one basket) and substitutes (wanted by the same persons, not bought together), kept apart."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.sparse as sp
from pydantic import Field

from features import columns as c
from features.arrays import BoolArray, CodeArray
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import ModelConfig
from training.recommenders.baskets import basket_matrix, joint_baskets
from training.recommenders.observed import Observed
from training.recommenders.relations import RelationModel, strongest, strongest_entries

_UNKNOWN = -1


class CoPurchaseConfig(ModelConfig):
    """What a basket is, and how often a pair must share one."""

    gap_days: float = Field(default=0.0, ge=0)
    """Events of one person without a longer pause are one basket; 0 = the same moment."""

    minimum_baskets: int = Field(default=3, ge=1)
    """Joint baskets below this are chance."""

    neighbours: int = Field(default=20, ge=1, le=1_000)
    """Related items kept per item."""


class ComplementsConfig(CoPurchaseConfig):
    """Items that go together."""

    kind: Literal["complements"] = "complements"

    minimum_lift: float = Field(default=1.2, ge=1)
    """A pair shares baskets at least so many times as often as chance would have it."""


class SubstitutesConfig(CoPurchaseConfig):
    """Items that stand in for each other."""

    kind: Literal["substitutes"] = "substitutes"

    maximum_lift: float = Field(default=1.0, gt=0)
    """A pair shares baskets at most so many times as often as chance would have it."""

    same: str = c.CATEGORY
    """Attribute in which substitutes agree, where the catalog knows it of both."""


class Complements(RelationModel[ComplementsConfig]):
    """Relation = joint baskets / sqrt(baskets of the one * baskets of the other), for pairs above the minimum lift.

    No item is a complement of itself.
    """

    config_type = ComplementsConfig

    def _fit(self, observed: Observed) -> None:
        config = self.config
        baskets = basket_matrix(observed.events, gap_days=config.gap_days, n_items=self.n_items)
        self._relation = complement_relation(baskets, config, minimum_lift=config.minimum_lift)


class Substitutes(RelationModel[SubstitutesConfig]):
    """Relation = cosine of the items' columns of decayed weights, for pairs that baskets keep apart.

    Left out: the item itself, pairs with a basket lift above the maximum, pairs whose `same` attribute is known and
    differs.
    """

    config_type = SubstitutesConfig

    def __init__(self, config: SubstitutesConfig) -> None:
        super().__init__(config)
        self._group: CodeArray = np.empty(0, np.int32)

    def _fit_attributes(self, attributes: ItemAttributes) -> None:
        self._group = _groups(attributes, self.config.same)

    def _fit(self, observed: Observed) -> None:
        weights = observed.weights
        norms = np.sqrt(np.bincount(weights.indices, weights.data**2, weights.shape[1]))
        unit = weights.copy().astype(np.float64)
        unit.data /= norms[unit.indices]
        # more than are kept, since some of the nearest will turn out to be complements
        near = strongest(unit.T.tocsr(), unit, k=4 * self.config.neighbours + 1).tocoo()
        baskets = basket_matrix(
            observed.events, gap_days=self.config.gap_days, n_items=observed.n_items
        )
        lift = joint_baskets(baskets, minimum_baskets=self.config.minimum_baskets).lift()
        together = np.asarray(lift[near.row, near.col]).ravel() > self.config.maximum_lift
        keep = (near.row != near.col) & ~together & self._alike(near.row, near.col)
        pairs = (near.row[keep], near.col[keep])
        relation = sp.csr_matrix((near.data[keep], pairs), shape=near.shape)
        self._relation = strongest_entries(relation, k=self.config.neighbours)

    def _alike(self, one: CodeArray, other: CodeArray) -> BoolArray:
        if len(self._group) == 0:
            return np.ones(len(one), np.bool_)
        first, second = self._group[one], self._group[other]
        alike = (first == second) | (first == _UNKNOWN) | (second == _UNKNOWN)
        return np.asarray(alike)


def complement_relation(
    baskets: sp.csr_matrix, config: CoPurchaseConfig, *, minimum_lift: float
) -> sp.csr_matrix:
    """The relation of `Complements`, learned from baskets, CSR of ones, shape (n_baskets, n_items)."""
    together = joint_baskets(baskets, minimum_baskets=config.minimum_baskets)
    pairs = together.joint.tocoo()
    keep = together.lift().tocoo().data >= minimum_lift
    row, column = pairs.row[keep], pairs.col[keep]
    cosine = pairs.data[keep] / np.sqrt(together.single[row] * together.single[column])
    relation = sp.csr_matrix((cosine, (row, column)), shape=pairs.shape)
    return strongest_entries(relation, k=config.neighbours)


def _groups(attributes: ItemAttributes, name: str) -> CodeArray:
    """A code per value of one attribute, -1 = unknown; empty when the catalog lacks the attribute."""
    if name not in attributes.values:
        return np.empty(0, np.int32)
    values = attributes.values[name]
    known = sorted({value for value in values if value is not None})
    code = {value: position for position, value in enumerate(known)}
    return np.array([code.get(value, _UNKNOWN) for value in values], np.int32)
