"""Which feature columns may be used: what is dropped and why, and which one knows the assignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import GateError
from training.metrics.uplift import mid_ranks
from training.uplift.encoding import MAX_LEVELS, is_text

ALARM: Final = 0.001
"""Below this p-value, times the number of features, a feature predicts a random assignment."""

CONSTANT: Final = "constant"
DUPLICATE: Final = "duplicate"
TOO_MANY_LEVELS: Final = "too_many_levels"


@dataclass(frozen=True)
class DroppedFeature:
    """A column that no model sees.

    Attributes:
        name: of the column.
        reason: 'constant', 'duplicate' or 'too_many_levels'.
        note: what was found, in words.
    """

    name: str
    reason: str
    note: str


@dataclass(frozen=True)
class AssignmentCheck:
    """Does a feature predict the assignment?

    Attributes:
        feature: the column.
        auc: probability that a treated row has a higher value than a control row (ties half), probabilities of
            assignment allowed for; of the level that differs most for text. 0.5 = knows nothing.
        p_value: two-sided, Bonferroni over the levels of a text column.
    """

    feature: str
    auc: float
    p_value: float


def screen_features(table: pa.Table) -> list[DroppedFeature]:
    """Columns that carry nothing, carry what another carries, or are identifiers.

    Args:
        table: feature columns of all rows; outcomes and arms play no part.

    Returns:
        In the order of the table; of equal columns the first is kept.
    """
    dropped, kept = [], dict[str, pa.ChunkedArray]()
    for name in table.column_names:
        values = table[name]
        distinct = pc.count_distinct(_plain(values), mode="all").as_py()
        if distinct <= 1:
            dropped.append(DroppedFeature(name, CONSTANT, "one value in every row"))
        elif is_text(values.type) and distinct > MAX_LEVELS:
            note = f"{distinct:,} different texts, at most {MAX_LEVELS:,} are allowed"
            dropped.append(DroppedFeature(name, TOO_MANY_LEVELS, note))
        else:
            same = next((other for other in kept if kept[other].equals(values)), None)
            if same is None:
                kept[name] = values
            else:
                dropped.append(DroppedFeature(name, DUPLICATE, f"equals '{same}' in every row"))
    return dropped


def check_assignment(
    matrix: FloatArray,
    treated: BoolArray,
    probability: FloatArray,
    *,
    names: Sequence[str],
    categorical: Sequence[int],
    groups: IntArray | None = None,
) -> list[AssignmentCheck]:
    """Each feature against the assignment, the most telling first.

    The statistic is sum (Z - e)(r - mean r) / sqrt(sum e (1 - e)(r - mean r)^2) with r the mid-rank of the value (or the
    indicator of a level, or of a missing value): a rank-sum test that holds for probabilities that vary by row. Where
    persons have several rows, the squares of their sums take the place of the variance.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing.
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,), in (0, 1).
        names: feature of each column.
        categorical: columns that hold codes of text levels.
        groups: person of each row, shape (n_rows,); None = every row is another person.
    """
    surprise = treated - probability
    spread = probability * (1 - probability)
    found = []
    for place, name in enumerate(names):
        values = matrix[:, place]
        tests = [
            _auc_and_p(column, surprise, spread, groups)
            for column in _readings(values, has_levels=place in categorical)
        ]
        auc, p_value = min(tests, key=lambda test: test[1], default=(0.5, 1.0))
        found.append(AssignmentCheck(name, auc, min(1.0, p_value * max(1, len(tests)))))
    return sorted(found, key=lambda check: (check.p_value, -abs(check.auc - 0.5)))


def require_blind_features(checks: Sequence[AssignmentCheck], *, source: str) -> None:
    """Stop when a feature of a randomised test predicts the assignment.

    Raises:
        GateError: names the columns.
    """
    guilty = [check for check in checks if check.p_value * len(checks) < ALARM]
    if not guilty:
        return
    named = ", ".join(
        f"'{check.feature}' (AUC {check.auc:.3f}, p = {check.p_value:.2g})" for check in guilty[:5]
    )
    raise GateError(
        source,
        f"features predict the assignment: {named}",
        rule="what is known before a random assignment cannot predict it",
        next_step="Leave out columns measured after assignment ('post_treatment'), or correct the probabilities.",
    )


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.string()) if pa.types.is_dictionary(values.type) else values


def _readings(values: FloatArray, *, has_levels: bool) -> list[FloatArray]:
    """What a column says, as numbers: ranks, or one indicator per level; and whether it says nothing."""
    missing = np.isnan(values)
    readings = [missing.astype(np.float64)] if missing.any() else []
    if has_levels:
        levels = np.unique(values[~missing])
        return readings + [(values == level).astype(np.float64) for level in levels]
    middle = np.median(values[~missing]) if not missing.all() else 0.0
    return [*readings, 1 - mid_ranks(np.where(missing, middle, values))]


def _auc_and_p(
    reading: FloatArray, surprise: FloatArray, spread: FloatArray, groups: IntArray | None
) -> tuple[float, float]:
    centred = reading - np.average(reading, weights=spread)
    if groups is None:
        variance = float(np.sum(spread * centred**2))
    else:
        variance = float(np.sum(np.bincount(groups, weights=surprise * centred) ** 2))
    if variance <= 0:
        return 0.5, 1.0
    total = float(np.sum(surprise * centred))
    ranks = 1 - mid_ranks(reading)
    shift = float(np.sum(surprise * (ranks - np.average(ranks, weights=spread))) / spread.sum())
    return 0.5 + shift, float(2 * stats.norm.sf(abs(total) / np.sqrt(variance)))
