"""Ridge and logistic regression as a base model, on standardised numbers and indicators of text levels.

Fitted by scikit-learn, kept as JSON: what a column became, and its coefficients.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field
from scipy import special
from sklearn.linear_model import LogisticRegression, Ridge
from threadpoolctl import threadpool_limits

from features.arrays import BoolArray, FloatArray
from features.config import BaseConfig
from features.errors import InputError
from features.run import to_json
from training.uplift.base import OutcomeKind
from training.uplift.base_models.bounded_ridge import fit_bounded_ridge

MAX_LEVELS: Final = 50
"""Levels of a text column that get an indicator, most frequent first; the rest share the base."""

_MAX_STEPS: Final = 1_000
_MODIFIER_SCALE: Final = 3.0
"""The modifier's own column is this many standard deviations wide, so that its coefficient is hardly shrunk."""


class LinearConfig(BaseConfig):
    """Ridge regression (continuous targets) or logistic regression with an L2 penalty (binary targets)."""

    kind: Literal["linear"] = "linear"

    penalty: float = Field(default=100.0, gt=0)
    """Strength of the shrinkage, in rows: with n rows, the coefficient of a standardised column alone shrinks by about
    n / (n + penalty), for both kinds of target."""


@dataclass(frozen=True, eq=False)
class Columns:
    """How an encoded matrix becomes standardised columns.

    Attributes:
        place: matrix column that each design column is made of, shape (n_columns,).
        level: code of the text level it indicates; -1 = the number itself, -2 = 'is missing', shape (n_columns,).
        fill: value in place of a missing number, shape (n_columns,).
        mean, scale: of the design columns among the training rows, shape (n_columns,).
        modifier: matrix column that interacts with all others, None = no interactions.
        modifier_mean, modifier_scale: of that column.
    """

    place: list[int]
    level: list[int]
    fill: list[float]
    mean: list[float]
    scale: list[float]
    modifier: int | None
    modifier_mean: float
    modifier_scale: float

    @classmethod
    def fit(cls, matrix: FloatArray, categorical: Sequence[int], modifier: int | None) -> Columns:
        """Learn levels, fill values, means and scales from the rows of `matrix`, shape (n_rows, n_features)."""
        place: list[int] = []
        level: list[int] = []
        fill: list[float] = []
        for column in range(matrix.shape[1]):
            if column == modifier:
                continue
            values = matrix[:, column]
            missing = np.isnan(values)
            if missing.any():
                place, level, fill = [*place, column], [*level, _IS_MISSING], [*fill, 0.0]
            if column in categorical:
                levels = _frequent_levels(values[~missing])
                place += [column] * len(levels)
                level += levels
                fill += [0.0] * len(levels)
            elif not missing.all():
                place, level = [*place, column], [*level, _NUMBER]
                fill.append(float(values[~missing].mean()))
        raw = _raw(matrix, place, level, fill)
        mean, spread = raw.mean(axis=0), raw.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        modifier_mean, modifier_scale = 0.0, 1.0
        if modifier is not None:
            modifier_mean = float(matrix[:, modifier].mean())
            modifier_scale = float(matrix[:, modifier].std()) or 1.0
        return cls(
            place,
            level,
            fill,
            mean.tolist(),
            scale.tolist(),
            modifier,
            modifier_mean,
            modifier_scale,
        )

    def design(self, matrix: FloatArray) -> FloatArray:
        """Shape (n_rows, n_columns), without modifier; with one: columns, the modifier, columns times the modifier."""
        raw = _raw(matrix, self.place, self.level, self.fill)
        columns: FloatArray = (raw - np.array(self.mean)) / np.array(self.scale)
        if self.modifier is None:
            return columns
        side = (matrix[:, [self.modifier]] - self.modifier_mean) / self.modifier_scale
        return np.hstack([columns, _MODIFIER_SCALE * side, side * columns])

    def signs(self, monotone: Sequence[int]) -> FloatArray:
        """Sign that the coefficient of each design column must have, 0 = any, shape (n_columns,); without modifier."""
        number = np.array(self.level) == _NUMBER
        return np.where(number, np.array(monotone)[self.place], 0).astype(np.float64)


_NUMBER: Final = -1
_IS_MISSING: Final = -2


def _frequent_levels(values: FloatArray) -> list[int]:
    codes, count = np.unique(values.astype(np.int64), return_counts=True)
    order = np.lexsort((codes, -count))[:MAX_LEVELS]
    return sorted(int(code) for code in codes[order])


def _raw(
    matrix: FloatArray, place: Sequence[int], level: Sequence[int], fill: Sequence[float]
) -> FloatArray:
    raw = np.empty((len(matrix), len(place)))
    for k, (column, code) in enumerate(zip(place, level, strict=True)):
        values = matrix[:, column]
        if code == _NUMBER:
            raw[:, k] = np.where(np.isnan(values), fill[k], values)
        elif code == _IS_MISSING:
            raw[:, k] = np.isnan(values)
        else:
            raw[:, k] = values == code
    return raw


class LinearTrainer:
    """Trains linear models on subsets of the same rows.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing (mean, and an indicator).
        categorical: matrix columns that hold codes of text levels.
        config: settings.
        modifier: matrix column whose effect may differ by every other column; None = plain main effects.
        monotone: per matrix column +1 where predictions may only rise with it, -1 only fall, 0 either; () = all 0. For
            continuous targets only. Missing values stand outside the order.
    """

    def __init__(
        self,
        matrix: FloatArray,
        *,
        categorical: Sequence[int],
        config: LinearConfig,
        modifier: int | None = None,
        monotone: Sequence[int] = (),
    ) -> None:
        self._config = config
        self._columns = Columns.fit(matrix, categorical, modifier)
        self._design = self._columns.design(matrix)
        self._signs = self._columns.signs(monotone) if any(monotone) else None

    def train(
        self,
        target: FloatArray,
        *,
        kind: OutcomeKind,
        rows: BoolArray | None = None,
        weight: FloatArray | None = None,
    ) -> LinearModel:
        """Fit one regression; see `training.uplift.base_models.base.Trainer`."""
        design = self._design if rows is None else self._design[rows]
        goal = target if rows is None else target[rows]
        share = weight if rows is None or weight is None else weight[rows]
        with threadpool_limits(1, "blas"):  # the last digits depend on the number of threads
            if self._signs is None:
                coefficients, intercept = _fit(design, goal, share, kind, self._config.penalty)
            elif kind == "continuous":
                coefficients, intercept = fit_bounded_ridge(
                    design, goal, share, penalty=self._config.penalty, signs=self._signs
                )
            else:
                raise ValueError("a logistic regression has no monotone constraints")
        return LinearModel(self._columns, coefficients, intercept, kind)


def _fit(
    design: FloatArray,
    target: FloatArray,
    weight: FloatArray | None,
    kind: OutcomeKind,
    penalty: float,
) -> tuple[FloatArray, float]:
    mean = float(np.average(target, weights=weight))
    if design.shape[1] == 0 or np.ptp(target) == 0:
        level = float(special.logit(np.clip(mean, 1e-9, 1 - 1e-9))) if kind == "binary" else mean
        return np.zeros(design.shape[1]), level
    if kind == "continuous":
        ridge = Ridge(alpha=penalty).fit(design, target, sample_weight=weight)
        return np.asarray(ridge.coef_, dtype=np.float64), float(ridge.intercept_)
    # near its mean a logistic regression weighs a row by mean (1 - mean): the penalty is brought to that scale
    strength = 1 / (penalty * mean * (1 - mean))
    logistic = LogisticRegression(C=strength, max_iter=_MAX_STEPS)
    logistic.fit(design, target, sample_weight=weight)
    return np.asarray(logistic.coef_[0], dtype=np.float64), float(logistic.intercept_[0])


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A fitted regression.

    Attributes:
        columns: how the matrix becomes the design.
        coefficients: of the design columns, shape (n_columns,); log-odds for a binary target.
        intercept: value at the mean of every column.
        kind: of the target.
    """

    columns: Columns
    coefficients: FloatArray
    intercept: float
    kind: OutcomeKind

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Expected target per row, shape (n_rows,)."""
        # a sum per row, not a matrix product: its last digits would depend on the number of rows
        products = self.columns.design(matrix) * self.coefficients
        linear = products.sum(axis=1) + self.intercept
        return np.asarray(special.expit(linear) if self.kind == "binary" else linear)

    def text(self) -> str:
        """Columns and coefficients as JSON."""
        content = {
            "columns": vars(self.columns),
            "coefficients": self.coefficients,
            "intercept": self.intercept,
            "kind": self.kind,
        }
        return to_json(content)

    @classmethod
    def from_text(cls, text: str, *, name: str) -> LinearModel:
        """The inverse of `text`.

        Raises:
            InputError: not such a file.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            columns = Columns(**content["columns"])
            coefficients = np.array(content["coefficients"], dtype=np.float64)
            return cls(columns, coefficients, float(content["intercept"]), content["kind"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                name,
                f"cannot be read as a linear model ({type(error).__name__})",
                rule="a linear model is a JSON file of columns and coefficients",
                next_step="Train the model again.",
            ) from None
