"""What a comparison of recommenders found: every trial, every figure with its interval, the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from training.metrics.intervals import Difference, Interval
from training.project_recommender.windows import Population
from training.recommenders.base import Recommender
from training.recommenders.registry import RecommenderConfig
from training.test_values import TestValues


@dataclass(frozen=True)
class Trial:
    """One candidate on the validation weeks.

    Attributes:
        config: its settings.
        ndcg: mean nDCG@k over all (person, validation cut-off) pairs with a relevant item.
    """

    config: RecommenderConfig
    ndcg: float


@dataclass(frozen=True)
class PairedDifference:
    """A model minus a reference on one metric.

    Attributes:
        difference: paired by person, with its interval.
        adjusted_p_value: its p-value, adjusted by Holm over all models compared with the reference on the metric.
    """

    difference: Difference
    adjusted_p_value: float


@dataclass(frozen=True)
class ModelResult:
    """One kind of model: what was chosen, and how it did on the test weeks.

    Attributes:
        kind: kind of model.
        chosen: its best setting on the validation weeks.
        validation_ndcg: nDCG@k of that setting there; the best of several, so a little flattering.
        trials: every setting tried.
        metrics: '<metric>_at_<k>.<target>' -> mean and interval over all (person, test cut-off) pairs evaluated.
        ndcg_by_cutoff: nDCG@k on all targets, one per test cut-off, oldest first.
        coverage: share of the model's items in at least one list, mean over test cut-offs.
        gini: Gini coefficient of item exposure, mean over test cut-offs.
        difference: nDCG@k on all targets minus the baseline's, paired by person; None for the baseline itself.
        adjusted_p_value: its p-value, adjusted by Holm over all models compared with the baseline.
        differences: from each reference (kind), for each metric.
    """

    kind: str
    chosen: RecommenderConfig
    validation_ndcg: float
    trials: tuple[Trial, ...]
    metrics: Mapping[str, Interval]
    ndcg_by_cutoff: tuple[float, ...]
    coverage: float
    gini: float
    difference: Difference | None
    adjusted_p_value: float | None
    differences: Mapping[str, Mapping[str, PairedDifference]]


@dataclass(frozen=True)
class RecommenderComparison:
    """The outcome of a training.

    Attributes:
        results: one per kind, in the order of the config.
        champion: kind with the best validation nDCG.
        baseline: kind the others are compared with.
        model: the champion's setting, fitted on everything before `as_of`.
        populations: one per test cut-off, oldest first.
        validation: validation cut-offs.
        test_values: what the champion's setting, as fitted before the first test cut-off, was worth to each person.
        interactions: weighted events the final model was fitted on.
        as_of: end of the data used.
    """

    results: tuple[ModelResult, ...]
    champion: str
    baseline: str
    model: Recommender[Any]
    populations: tuple[Population, ...]
    validation: tuple[datetime, ...]
    test_values: TestValues
    interactions: int
    as_of: datetime

    def result(self, kind: str) -> ModelResult:
        return next(result for result in self.results if result.kind == kind)

    def metrics(self) -> dict[str, Any]:
        """Everything but the model itself, as plain JSON."""
        return {
            "as_of": self.as_of.isoformat(),
            "validation_cutoffs": [cutoff.isoformat() for cutoff in self.validation],
            "champion": self.champion,
            "baseline": self.baseline,
            "champion_figures": dict(self.model.figures()),
            "interactions": self.interactions,
            "items": self.model.n_items,
            "populations": [
                {**asdict(population), "cutoff": population.cutoff.isoformat()}
                for population in self.populations
            ],
            "models": [_plain(result) for result in self.results],
        }

    def tracked(self) -> dict[str, float]:
        """One flat number per name, every model's: '<kind>.<metric>_at_<k>.<target>' and its ends."""
        flat: dict[str, float] = {}
        for result in self.results:
            for name, interval in result.metrics.items():
                flat[f"{result.kind}.{name}"] = interval.estimate
                flat[f"{result.kind}.{name}.low"] = interval.low
                flat[f"{result.kind}.{name}.high"] = interval.high
            flat[f"{result.kind}.validation_ndcg"] = result.validation_ndcg
            flat[f"{result.kind}.coverage"] = result.coverage
            flat[f"{result.kind}.gini"] = result.gini
        return flat

    def curves(self) -> dict[str, list[float]]:
        """NDCG of every model by test cut-off, oldest first."""
        return {
            f"{result.kind}.ndcg_by_cutoff": list(result.ndcg_by_cutoff) for result in self.results
        }

    def parameters(self) -> dict[str, str]:
        """The champion and the chosen settings of every model."""
        chosen = {
            f"{result.kind}.{name}": str(value)
            for result in self.results
            for name, value in result.chosen.model_dump(mode="json").items()
            if name != "kind"
        }
        return {"champion": self.champion, "as_of": self.as_of.isoformat(), **chosen}


def _plain(result: ModelResult) -> dict[str, Any]:
    trials = [
        {"config": trial.config.model_dump(mode="json"), "ndcg": trial.ndcg}
        for trial in result.trials
    ]
    return {
        "kind": result.kind,
        "chosen": result.chosen.model_dump(mode="json"),
        "validation_ndcg": result.validation_ndcg,
        "trials": trials,
        "metrics": {name: asdict(interval) for name, interval in result.metrics.items()},
        "ndcg_by_cutoff": list(result.ndcg_by_cutoff),
        "coverage": result.coverage,
        "gini": result.gini,
        "difference": None if result.difference is None else asdict(result.difference),
        "adjusted_p_value": result.adjusted_p_value,
        "differences": {
            reference: {name: asdict(found) for name, found in by_metric.items()}
            for reference, by_metric in result.differences.items()
        },
    }
