"""What a comparison on flat files found: settings, every figure with its interval, the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.metrics.intervals import Interval
from training.recommenders.base import Recommender
from training.recommenders.registry import RecommenderConfig
from training.test_values import TestValues


@dataclass(frozen=True)
class FlatResult:
    """One kind of model.

    Attributes:
        kind: kind of model.
        chosen: its setting in each round, chosen inside the training rows.
        metrics: '<metric>_at_<k>' -> mean over all lists of all rounds, with an interval over persons or sessions.
        by_round: '<metric>_at_<k>' -> mean of each round.
        values: of every list, by person or session.
    """

    kind: str
    chosen: tuple[RecommenderConfig, ...]
    metrics: Mapping[str, Interval]
    by_round: Mapping[str, tuple[float, ...]]
    values: TestValues

    def spread(self, metric: str) -> float:
        """Standard deviation of a metric over rounds, with n - 1; NaN with one round."""
        values = self.by_round[metric]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


@dataclass(frozen=True)
class FlatComparison:
    """The outcome.

    Attributes:
        results: one per kind, in the order of the config.
        champion: kind with the best mean of the chosen metric inside the training rows.
        model: the champion's setting of the first round, fitted on all rows.
        metric: name of the metric that settings were chosen by, with its cut-off.
        lists: lists judged, over all rounds.
    """

    results: tuple[FlatResult, ...]
    champion: str
    model: Recommender[Any]
    metric: str
    lists: int

    def result(self, kind: str) -> FlatResult:
        return next(result for result in self.results if result.kind == kind)

    def metrics(self) -> dict[str, Any]:
        """Everything but the model itself, as plain JSON."""
        return {
            "champion": self.champion,
            "metric": self.metric,
            "lists": self.lists,
            "items": self.model.n_items,
            "models": [
                {
                    "kind": result.kind,
                    "chosen": [config.model_dump(mode="json") for config in result.chosen],
                    "metrics": {name: asdict(found) for name, found in result.metrics.items()},
                    "by_round": {name: list(values) for name, values in result.by_round.items()},
                    "spread": {
                        name: result.spread(name) if len(values) > 1 else None
                        for name, values in result.by_round.items()
                    },
                }
                for result in self.results
            ],
        }

    def tracked(self) -> dict[str, float]:
        """One flat number per name: '<kind>.<metric>_at_<k>' and its ends."""
        flat: dict[str, float] = {}
        for result in self.results:
            for name, interval in result.metrics.items():
                flat[f"{result.kind}.{name}"] = interval.estimate
                flat[f"{result.kind}.{name}.low"] = interval.low
                flat[f"{result.kind}.{name}.high"] = interval.high
        return flat
