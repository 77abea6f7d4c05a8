"""Was the test randomised as recorded? Sample ratio, units in two arms, balance of what was known before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import GateError

SAMPLE_RATIO_ALARM: Final = 0.001
"""Below this p-value the arms are not what the recorded probabilities say, and no result may be read."""

MAX_SMD: Final = 0.1
"""A standardised mean difference beyond this is worth a look whatever its p-value."""

_SHOWN = 3


@dataclass(frozen=True)
class SampleRatioCheck:
    """Sample-ratio mismatch (SRM): assigned rows per arm against the recorded probabilities.

    Attributes:
        arms: names.
        observed: assigned rows per arm.
        expected: sum of the recorded probabilities per arm.
        chi2: sum of (observed - expected)^2 / expected.
        df: arms - 1.
        p_value: upper tail.
        passed: p_value >= .001.
    """

    arms: tuple[str, ...]
    observed: tuple[int, ...]
    expected: tuple[float, ...]
    chi2: float
    df: int
    p_value: float
    passed: bool


@dataclass(frozen=True)
class TwoArmsCheck:
    """Units found in more than one arm of one assignment.

    Attributes:
        n_units: different units.
        n_in_two_arms: units with more than one arm.
        first: the first few of them.
        passed: none was found.
    """

    n_units: int
    n_in_two_arms: int
    first: tuple[str, ...]
    passed: bool


@dataclass(frozen=True)
class BalanceCheck:
    """Balance of pre-treatment features between two arms.

    Attributes:
        differences: standardised mean difference per feature (per level for text, and one 'is missing' entry where
            values are missing): (treated mean - control mean) / sqrt(mean of the two variances); 0 where constant.
        max_smd: largest absolute difference; NaN without features.
        chi2: omnibus score test of all features together.
        df: rank of the features' covariance.
        p_value: upper tail; under randomisation it is uniform.
        passed: p_value >= .001.
    """

    differences: Mapping[str, float]
    max_smd: float
    chi2: float
    df: int
    p_value: float
    passed: bool

    def worst(self, count: int = _SHOWN) -> list[str]:
        """The features that differ most between the arms, most first."""
        return sorted(self.differences, key=lambda name: -abs(self.differences[name]))[:count]


def check_sample_ratio(
    arm: IntArray, probabilities: FloatArray, *, arms: Sequence[str]
) -> SampleRatioCheck:
    """Chi-square test of the assigned counts.

    Args:
        arm: assigned arm of each row as a position in `arms`, shape (n_rows,).
        probabilities: recorded probability of each arm for each row, shape (n_rows, n_arms), rows sum to 1. Where they
            vary between rows the true variance is smaller than the test assumes, so it errs towards passing.
        arms: names.

    Example:
        >>> import numpy as np
        >>> check = check_sample_ratio(np.array([0, 0, 1, 1, 1, 1]), np.full((6, 2), 0.5), arms=["no", "yes"])
        >>> round(check.chi2, 3)  # (2 - 3)^2 / 3 + (4 - 3)^2 / 3
        0.667
    """
    observed = np.bincount(arm, minlength=len(arms))
    return check_sample_counts(observed, probabilities.sum(axis=0), arms=arms)


def check_sample_counts(
    observed: IntArray, expected: FloatArray, *, arms: Sequence[str]
) -> SampleRatioCheck:
    """Chi-square test of counts that are known already.

    Args:
        observed: units per arm, shape (n_arms,).
        expected: units per arm that the recorded probabilities give, shape (n_arms,).
        arms: names.
    """
    chi2 = float(np.sum((observed - expected) ** 2 / expected))
    p_value = float(stats.chi2.sf(chi2, len(arms) - 1))
    return SampleRatioCheck(
        tuple(arms),
        tuple(int(n) for n in observed),
        tuple(float(n) for n in expected),
        chi2,
        len(arms) - 1,
        p_value,
        p_value >= SAMPLE_RATIO_ALARM,
    )


def require_sample_ratio(check: SampleRatioCheck, *, source: str) -> None:
    """Withhold every result when the sample ratio is wrong.

    Raises:
        GateError: the check failed.
    """
    if check.passed:
        return
    pairs = zip(check.arms, check.observed, check.expected, strict=True)
    counts = ", ".join(f"{name}: {seen:,} of {due:,.1f} expected" for name, seen, due in pairs)
    raise GateError(
        source,
        f"sample-ratio mismatch ({counts}; p = {check.p_value:.2g})",
        rule=f"results are withheld when p < {SAMPLE_RATIO_ALARM}",
        next_step="Find out which rows are missing or doubled in one arm, or correct the recorded probabilities "
        "(a row records the probability of the arm it got).",
    )


def check_two_arms(unit: Sequence[str], arm: Sequence[str]) -> TwoArmsCheck:
    """Count units that appear in more than one arm.

    Args:
        unit: what was randomised, one entry per row; for repeated assignments include the time in it.
        arm: assigned arm, one entry per row.
    """
    arms_of: dict[str, set[str]] = {}
    for name, got in zip(unit, arm, strict=True):
        arms_of.setdefault(name, set()).add(got)
    both = sorted(name for name, got in arms_of.items() if len(got) > 1)
    return TwoArmsCheck(len(arms_of), len(both), tuple(both[:_SHOWN]), not both)


def check_balance(
    matrix: FloatArray,
    treated: BoolArray,
    probability: FloatArray,
    *,
    names: Sequence[str],
    levels: Mapping[str, Sequence[str]],
) -> BalanceCheck:
    """Compare what was known before assignment between two arms.

    Args:
        matrix: encoded features, shape (n_rows, n_features), NaN = missing; text as the position of its level.
        treated: shape (n_rows,).
        probability: known probability that the row is treated, shape (n_rows,), in (0, 1).
        names: feature of each column.
        levels: levels of each text feature.

    Returns:
        The omnibus statistic is the score test U' V^- U with U = sum (Z - e)(x - mean x) and
        V = sum e (1 - e)(x - mean x)(x - mean x)', which holds for probabilities that vary by row. Differences weigh
        rows by the inverse probability of the arm they got.

    Source: Hansen and Bowers (2008) for the omnibus test with constant probabilities.
    """
    labels, columns = _indicators(matrix, names, levels)
    if not labels:
        return BalanceCheck({}, float("nan"), 0.0, 0, float("nan"), passed=True)
    weight = np.where(treated, 1 / probability, 1 / (1 - probability))
    mean1, variance1 = _moments(columns[treated], weight[treated])
    mean0, variance0 = _moments(columns[~treated], weight[~treated])
    scale = np.sqrt((variance1 + variance0) / 2)
    smd = np.divide(mean1 - mean0, scale, out=np.zeros_like(scale), where=scale > 0)
    chi2, df = _omnibus(columns, treated, probability)
    p_value = float(stats.chi2.sf(chi2, df)) if df else float("nan")
    differences = {label: float(value) for label, value in zip(labels, smd, strict=True)}
    passed = not p_value < SAMPLE_RATIO_ALARM
    return BalanceCheck(differences, float(np.abs(smd).max()), chi2, df, p_value, passed)


def _omnibus(columns: FloatArray, treated: BoolArray, probability: FloatArray) -> tuple[float, int]:
    spread = columns.std(axis=0)
    centred = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    score = centred.T @ (treated - probability)
    covariance = (centred * (probability * (1 - probability))[:, None]).T @ centred
    value, vector = np.linalg.eigh(covariance)
    kept = value > value.max() * 1e-9
    rotated = vector[:, kept].T @ score
    return float(np.sum(rotated**2 / value[kept])), int(kept.sum()) if value.max() > 0 else 0


def _moments(columns: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    mean = np.average(columns, axis=0, weights=weight)
    return mean, np.average((columns - mean) ** 2, axis=0, weights=weight)


def _indicators(
    matrix: FloatArray, names: Sequence[str], levels: Mapping[str, Sequence[str]]
) -> tuple[list[str], FloatArray]:
    """Numbers with the mean in place of missing values, text as one 0/1 column per level, missing values as 0/1."""
    labels: list[str] = []
    columns: list[FloatArray] = []
    for place, name in enumerate(names):
        values = matrix[:, place]
        missing = np.isnan(values)
        if missing.any():
            labels.append(f"{name} is missing")
            columns.append(missing.astype(np.float64))
        if name in levels:
            labels += [f"{name} = {level}" for level in levels[name]]
            columns += [(values == code).astype(np.float64) for code in range(len(levels[name]))]
        elif not missing.all():
            labels.append(name)
            columns.append(np.where(missing, np.nanmean(values), values))
    return labels, np.column_stack(columns) if columns else np.empty((len(matrix), 0))
