"""The same score under everybody's 'Qini': areas as other libraries define them, from arms and outcomes.

For reading other people's tables only. Names say whose convention it is; docstrings say what it is divided by and what a
random ranking has. Ties are averaged (a straight line across a block of equal scores), where some of the libraries let
the order of the file decide. None of these has an interval here; use `training.metrics.uplift` to judge a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.arrays import BoolArray, FloatArray
from training.metrics.uplift import score_blocks


@dataclass(frozen=True, eq=False)
class _Counts:
    """Running totals from the top at each distinct score, starting with 0: rows and responses by arm."""

    rows: FloatArray
    treated: FloatArray
    control: FloatArray
    treated_sum: FloatArray
    control_sum: FloatArray


def _counts(outcome: FloatArray, treated: BoolArray, score: FloatArray) -> _Counts:
    order, start, count = score_blocks(score)

    def running(values: FloatArray) -> FloatArray:
        return np.concatenate([[0.0], np.cumsum(np.add.reduceat(values[order], start))])

    arm = treated.astype(np.float64)
    return _Counts(
        np.concatenate([[0.0], np.cumsum(count)]).astype(np.float64),
        running(arm),
        running(1 - arm),
        running(outcome * arm),
        running(outcome * (1 - arm)),
    )


def _over(top: FloatArray, bottom: FloatArray) -> FloatArray:
    found: FloatArray = np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)
    return found


def pylift_qini(outcome: FloatArray, treated: BoolArray, score: FloatArray) -> float:
    """Pylift `Q_qini`: area between R1/n1 - R0/n0 and its diagonal over the share of all rows; random = 0.

    `qini_area` of the inverse-probability-weighted score with the treated share as probability is the same figure
    but for the curve's endpoint conventions.
    """
    c = _counts(outcome, treated, score)
    curve = c.treated_sum / c.treated[-1] - c.control_sum / c.control[-1]
    return _area(c.rows / c.rows[-1], curve)


def radcliffe_qini(outcome: FloatArray, treated: BoolArray, score: FloatArray) -> float:
    """Area between Radcliffe's incremental responses R1 - R0 N1/N0 and its diagonal, per treated head; random = 0.

    pylift's `Q_aqini`, over the share of all rows.
    """
    c = _counts(outcome, treated, score)
    curve = (c.treated_sum - c.control_sum * _over(c.treated, c.control)) / c.treated[-1]
    return _area(c.rows / c.rows[-1], curve)


def cumulative_gain_qini(outcome: FloatArray, treated: BoolArray, score: FloatArray) -> float:
    """Area between (R1/N1 - R0/N0)(N1 + N0) and its diagonal, per head; random = 0. pylift's `Q_cgains`."""
    c = _counts(outcome, treated, score)
    curve = (_over(c.treated_sum, c.treated) - _over(c.control_sum, c.control)) * c.rows
    return _area(c.rows / c.rows[-1], curve / c.rows[-1])


def sklift_qini_auc(
    outcome: FloatArray, treated: BoolArray, score: FloatArray, *, negative_effect: bool = True
) -> float:
    """scikit-uplift `qini_auc_score`: Radcliffe's area as a share of that of a perfect ranking; random = 0.

    Args:
        outcome: 0 or 1, shape (n_rows,).
        treated: shape (n_rows,).
        score: shape (n_rows,).
        negative_effect: the perfect ranking knows of harmed rows; False = it does not.
    """
    c = _counts(outcome, treated, score)
    curve = c.treated_sum - c.control_sum * _over(c.treated, c.control)
    if negative_effect:
        perfect = np.where(treated, outcome, -outcome)
        ideal = _counts(outcome, treated, perfect)
        best_rows = ideal.rows
        best = ideal.treated_sum - ideal.control_sum * _over(ideal.treated, ideal.control)
    else:
        found = (c.treated_sum[-1] / c.treated[-1] - c.control_sum[-1] / c.control[-1]) * c.treated[
            -1
        ]
        best_rows = np.array([0.0, found, c.rows[-1]])
        best = np.array([0.0, found, found])
    return _area(c.rows, curve) / _area(best_rows, best)


def sklift_uplift_auc(outcome: FloatArray, treated: BoolArray, score: FloatArray) -> float:
    """scikit-uplift `uplift_auc_score`: area of the cumulative gain as a share of a perfect ranking's; random = 0."""
    c = _counts(outcome, treated, score)
    curve = (_over(c.treated_sum, c.treated) - _over(c.control_sum, c.control)) * c.rows
    ideal = _counts(outcome, treated, _perfect_uplift(outcome, treated))
    best = (
        _over(ideal.treated_sum, ideal.treated) - _over(ideal.control_sum, ideal.control)
    ) * ideal.rows
    return _area(c.rows, curve) / _area(ideal.rows, best)


def sklift_uplift_at(
    outcome: FloatArray, treated: BoolArray, score: FloatArray, *, share: float
) -> float:
    """scikit-uplift `uplift_at_k(strategy='overall')`: difference of arm means in the top share; random = the effect.

    The cut is at int(rows x share); equal scores at the cut are ranked as in the file, as there.
    """
    top = np.argsort(-score, kind="stable")[: int(len(score) * share)]
    inside = treated[top]
    return float(outcome[top][inside].mean() - outcome[top][~inside].mean())


def econml_qini(
    effect: FloatArray, score: FloatArray, *, seen_score: FloatArray | None = None
) -> float:
    """EconML `DRTester.evaluate_uplift(metric="qini")`: share x (mean effect above a cut - mean of all), summed over cuts; random = 0.

    Per head, from effect scores as `qini_area` is, but between the 5th and the 95th percentile only: a sum of 49 strips
    whose height is that of their lower cut. Equal scores stand on the same side of a cut.

    Args:
        effect: G, doubly robust or inverse-probability-weighted, shape (n_rows,).
        score: shape (n_rows,).
        seen_score: scores that the cuts are percentiles of, there those of the training rows; None = `score`.
    """
    percentiles = np.linspace(5, 95, 50)
    cuts = np.percentile(score if seen_score is None else seen_score, percentiles)
    rising = np.argsort(score, kind="stable")
    below = np.searchsorted(score[rising], cuts, side="left")
    excess = np.append(np.cumsum((effect[rising] - effect.mean())[::-1])[::-1], 0.0)
    heights = excess[below] / len(score)
    return float(np.sum(heights[:-1] * np.diff(percentiles) / 100))


def causalml_qini(
    outcome: FloatArray, treated: BoolArray, score: FloatArray, *, normalize: bool = False
) -> float:
    """Causalml `qini_score`: mean over rows of R1 - R0 N1/N0 less a random line; random = 0.

    In counts of treated rows, or with `normalize`, the default there, divided by the size of the curve's end.
    """
    c = _counts(outcome, treated, score)
    curve = _per_row(c, c.treated_sum - c.control_sum * _over(c.treated, c.control))
    area = float(curve.mean() - np.linspace(0, curve[-1], len(curve)).mean())
    return area / abs(float(curve[-1])) if normalize else area


def causalml_auuc(
    outcome: FloatArray, treated: BoolArray, score: FloatArray, *, normalize: bool = True
) -> float:
    """Causalml `auuc_score`: mean over rows of (R1/N1 - R0/N0)(N1 + N0), nothing taken off; random = 1/2 of the curve's end.

    With `normalize`, the default there, divided by the size of the curve's end, so that random = 1/2.
    """
    c = _counts(outcome, treated, score)
    lift = _over(c.treated_sum, c.treated) - _over(c.control_sum, c.control)
    known = (c.treated > 0) & (c.control > 0)
    # nobody, no lift; from there a straight line to the first row with both arms above it
    known[0] = True
    curve = _per_row(c, np.interp(c.rows, c.rows[known], lift[known]) * c.rows)
    area = float(curve.mean())
    return area / abs(float(curve[-1])) if normalize else area


def _per_row(c: _Counts, curve: FloatArray) -> FloatArray:
    """The curve after 0, 1, … all rows; a straight line inside a block of equal scores."""
    line: FloatArray = np.interp(np.arange(c.rows[-1] + 1), c.rows, curve)
    return line


def _perfect_uplift(outcome: FloatArray, treated: BoolArray) -> FloatArray:
    """scikit-uplift's perfect order: rows whose outcome agrees with their arm first."""
    responders = np.sum((outcome == 1) & ~treated)
    silent = np.sum((outcome == 0) & treated)
    second = outcome if responders > silent else treated.astype(np.float64)
    order: FloatArray = 2.0 * (outcome == treated) + second
    return order


def _area(rows: FloatArray, curve: FloatArray) -> float:
    """Area over the straight line to the curve's end."""
    return float(np.trapezoid(curve, rows) - curve[-1] * rows[-1] / 2)
