"""How well each feature alone tells the label: one that tells nearly everything probably knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import rankdata

from features.arrays import BoolArray, FloatArray


class Screened(NamedTuple):
    """A feature beside the label.

    Attributes:
        column: its name.
        auc: area under the ROC curve in the better direction, 0.5 to 1.
    """

    column: str
    auc: float


def screen(
    table: pa.Table, features: Sequence[str], label: npt.NDArray[np.generic]
) -> list[Screened]:
    """The AUC of every feature, the highest first; empty when the label has one value only.

    Args:
        table: rows with the feature columns.
        features: their names.
        label: shape (n_rows,), 0 or 1.
    """
    positive = label.astype(np.bool_)
    if not positive.any() or positive.all():
        return []
    found = [
        Screened(name, single_auc(table[name].to_numpy().astype(np.float64), positive))
        for name in features
    ]
    return sorted(found, key=lambda one: (-one.auc, one.column))


def single_auc(values: FloatArray, positive: BoolArray) -> float:
    """Probability that a positive row has the higher value, ties half; of both directions the better one.

    Args:
        values: shape (n,); NaN counts as lower than every number, because a missing value can tell the label too.
        positive: shape (n,), at least one of each.

    Invariants: unchanged by any rising transformation of the values; 0.5 for a constant.

    Source: the Mann-Whitney form of the area under the ROC curve.
    """
    ranks = rankdata(np.where(np.isnan(values), -np.inf, values))
    n = int(positive.sum())
    above = ranks[positive].sum() - n * (n + 1) / 2
    auc = float(above / (n * (len(values) - n)))
    return max(auc, 1 - auc)
