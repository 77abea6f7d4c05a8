"""May the result be read? Every check of an experiment, with what it found in words; a failed gate withholds the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from features.arrays import BoolArray, IntArray
from features.errors import GateError
from training.experiments.checks import (
    SAMPLE_RATIO_ALARM,
    SampleRatioCheck,
    check_balance,
    check_sample_counts,
    check_sample_ratio,
)
from training.experiments.effects import ContrastRows
from training.experiments.rows import ExperimentRows
from training.uplift.encoding import FeatureEncoding

FEW_CLUSTERS: Final = 50


@dataclass(frozen=True)
class Check:
    """One check of an experiment.

    Attributes:
        name: short name.
        passed: what it found is as it should be.
        gate: results are withheld when it fails; else it is a warning.
        p_value: of its test; NaN where it counts.
        found: what it found, in words.
    """

    name: str
    passed: bool
    gate: bool
    p_value: float
    found: str


def check_experiment(rows: ExperimentRows, *, max_contaminated_share: float) -> list[Check]:
    """Every check that the columns at hand allow.

    Args:
        rows: the experiment.
        max_contaminated_share: largest share of the control that may have been exposed.
    """
    found = [_assigned_ratio(rows), _analysed_ratio(rows)]
    if rows.unit is not None:
        found.append(_two_arms(rows, rows.unit))
    for treated in range(1, len(rows.arms)):
        found += _between(rows, treated)
    if rows.seconds_to_exposure is not None:
        early = int((rows.seconds_to_exposure < 0).sum())
        found.append(
            Check(
                "assigned before exposed",
                early == 0,
                gate=True,
                p_value=float("nan"),
                found=f"{early:,} rows were exposed before they were assigned",
            )
        )
    if rows.exposed is not None:
        found.append(_contamination(rows.exposed[rows.arm == 0], max_contaminated_share))
    if rows.cluster is not None:
        found.append(_clusters(rows.cluster))
    return found


def require_valid(checks: Sequence[Check], *, source: str) -> None:
    """Withhold every result when a gate failed.

    Raises:
        GateError: naming every failed gate and what it found.
    """
    failed = [check for check in checks if check.gate and not check.passed]
    if not failed:
        return
    raise GateError(
        source,
        "; ".join(f"{check.name}: {check.found}" for check in failed),
        rule="an experiment that fails a check has no result",
        next_step="Repair the assignment or the data it is read from; nothing was written.",
    )


def contrast_rows(rows: ExperimentRows, treated: int) -> tuple[BoolArray, ContrastRows]:
    """Rows of one treated arm and the control: which of all rows they are, and the rows."""
    kept = (rows.arm == treated) | (rows.arm == 0)
    share = rows.probability[kept]
    return kept, ContrastRows(
        rows.arm[kept] == treated,
        share[:, treated] / (share[:, treated] + share[:, 0]),
        None if rows.cluster is None else rows.cluster[kept],
    )


def _assigned_ratio(rows: ExperimentRows) -> Check:
    """Rows as assigned, before any was refused; where clusters were drawn together only their analysed rows are known."""
    if not rows.drawn.all():
        return ratio_check("sample ratio, assigned", _sample_ratio(rows), "clusters")
    expected = rows.assigned.sum() * rows.probability.mean(axis=0)
    check = check_sample_counts(rows.assigned, expected, arms=rows.arms)
    return ratio_check("sample ratio, assigned", check, "rows")


def _analysed_ratio(rows: ExperimentRows) -> Check:
    return ratio_check(
        "sample ratio, analysed",
        _sample_ratio(rows),
        "rows" if rows.drawn.all() else "clusters",
    )


def _sample_ratio(rows: ExperimentRows) -> SampleRatioCheck:
    drawn = rows.drawn
    return check_sample_ratio(rows.arm[drawn], rows.probability[drawn], arms=rows.arms)


def ratio_check(name: str, check: SampleRatioCheck, counted: str) -> Check:
    """A sample ratio as a gate; `counted` says what was counted."""
    pairs = zip(check.arms, check.observed, check.expected, strict=True)
    counts = ", ".join(f"{arm} {seen:,} of {due:,.1f} expected" for arm, seen, due in pairs)
    return Check(
        name, check.passed, gate=True, p_value=check.p_value,
        found=f"{counts} {counted} (chi-square {check.chi2:.4g}, p {check.p_value:.3g})",
    )  # fmt: skip


def _two_arms(rows: ExperimentRows, unit: IntArray) -> Check:
    pairs = np.unique(unit * len(rows.arms) + rows.arm) // len(rows.arms)
    units, arms_of = np.unique(pairs, return_counts=True)
    both = int((arms_of > 1).sum())
    return Check(
        "units in one arm", both == 0, gate=True, p_value=float("nan"),
        found=f"{both:,} of {len(units):,} units are in more than one arm",
    )  # fmt: skip


def _between(rows: ExperimentRows, treated: int) -> Iterator[Check]:
    """Balance of what was known before, and the period before, between one treated arm and the control."""
    kept, contrast = contrast_rows(rows, treated)
    name = f"{rows.arms[treated]} and {rows.arms[0]}"
    drawn = rows.drawn[kept]
    if rows.covariates.column_names:
        encoding = FeatureEncoding.fit(rows.covariates, source=rows.source)
        matrix = encoding.encode(rows.covariates, source=rows.source)[kept][drawn]
        balance = check_balance(
            matrix,
            contrast.treated[drawn],
            contrast.probability[drawn],
            names=encoding.names,
            levels=encoding.levels,
        )
        yield Check(
            f"balance of {name}", balance.passed, gate=True, p_value=balance.p_value,
            found=f"largest standardised difference {balance.max_smd:.3f} ({', '.join(balance.worst(1))}; "
            f"all together chi-square {balance.chi2:.4g}, df {balance.df}, p {balance.p_value:.3g})",
        )  # fmt: skip
    for outcome, values in rows.before.items():
        lift = contrast.lift(values[kept])
        yield Check(
            f"period before, {outcome}: {name}",
            not lift.p_value < SAMPLE_RATIO_ALARM,
            gate=True,
            p_value=lift.p_value,
            found=f"difference {lift.effect:.4g} [{lift.low:.4g}, {lift.high:.4g}] before anything was done (p {lift.p_value:.3g})",
        )


def _contamination(exposed: BoolArray, most: float) -> Check:
    share = float(exposed.mean())
    return Check(
        "control not exposed", share <= most, gate=True, p_value=float("nan"),
        found=f"{share:.2%} of the control was exposed ({most:.2%} may be)",
    )  # fmt: skip


def _clusters(cluster: IntArray) -> Check:
    count = len(np.unique(cluster))
    return Check(
        "enough clusters", count >= FEW_CLUSTERS, gate=False, p_value=float("nan"),
        found=f"{count:,} independent units; with fewer than {FEW_CLUSTERS} intervals are too narrow",
    )  # fmt: skip
