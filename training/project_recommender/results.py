"""What lists are worth to each person, and how the models differ: every pair in the same draws of persons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from features.arrays import FloatArray
from training.metrics.intervals import Resampled, holm, resample_persons
from training.metrics.ranking import (
    coverage_at_k,
    exposure_gini,
    ndcg_at_k,
    precision_at_k,
    recall_at_k,
)
from training.project_recommender.comparison import ModelResult, PairedDifference, Trial
from training.project_recommender.config import BEST_SINGLE, RecommenderTrainingConfig
from training.project_recommender.windows import TARGETS, Window
from training.recommenders.base import Recommender

_METRICS: Final = {"ndcg": ndcg_at_k, "recall": recall_at_k, "precision": precision_at_k}
_COMBINED: Final = ("blend", "two_stage")


@dataclass(frozen=True, eq=False)
class Scores:
    """One model on several windows.

    Attributes:
        values: shape (n_persons, n_cutoffs, n_metrics), NaN = not evaluated.
        coverage, gini: means over the windows.
    """

    values: FloatArray
    coverage: float
    gini: float


def metric_names(config: RecommenderTrainingConfig) -> list[str]:
    """Of the metrics, in the order of the columns of `Scores`."""
    names = [f"{metric}_at_{config.k}.{target}" for metric in _METRICS for target in TARGETS]
    first = [f"precision_at_1.{target}" for target in TARGETS]
    return [*names, *first, *([f"ndcg_at_{config.k}.discovery"] if config.discovery else [])]


def score(
    model: Recommender[Any], windows: Sequence[Window], config: RecommenderTrainingConfig
) -> Scores:
    """The values of one fitted model in every window."""
    columns, coverage, gini = [], [], []
    for window in windows:
        ranked = model.recommend(window.history, k=config.k)
        lists = ranked.codes_in(window.history.histories)
        values = [
            metric(lists, window.relevant[target], k=config.k)
            for metric in _METRICS.values()
            for target in TARGETS
        ]
        values += [precision_at_k(lists, window.relevant[target], k=1) for target in TARGETS]
        if config.discovery:
            values.append(_discovery(model, window, config))
        columns.append(np.column_stack(values))
        shown = ranked.items[window.warm]
        coverage.append(coverage_at_k(shown, n_items=model.n_items, k=config.k))
        gini.append(exposure_gini(shown, n_items=model.n_items, k=config.k))
    return Scores(np.stack(columns, axis=1), float(np.mean(coverage)), float(np.mean(gini)))


def best_single(chosen: Mapping[str, Trial], config: RecommenderTrainingConfig) -> str:
    """The kind the others are compared with: the config's, or the single model that is best on the validation weeks."""
    if config.baseline != BEST_SINGLE:
        return config.baseline
    return max(
        (kind for kind in chosen if kind not in _COMBINED), key=lambda kind: chosen[kind].ndcg
    )


def model_results(
    trials: Sequence[Trial],
    chosen: Mapping[str, Trial],
    scores: Mapping[str, Scores],
    config: RecommenderTrainingConfig,
) -> tuple[ModelResult, ...]:
    """Intervals of every model and metric, and the differences from each reference.

    Args:
        trials: every setting tried.
        chosen: the best trial of each kind.
        scores: of each kind on the test windows.
        config: metrics, references, resampling.
    """
    names = metric_names(config)
    headline = names.index(f"ndcg_at_{config.k}.all")
    first = {kind: position * len(names) for position, kind in enumerate(scores)}
    resampled = resample_persons(
        np.concatenate([score.values for score in scores.values()], axis=2),
        replicates=config.replicates,
        rng=config.seed,
        level=config.level,
    )
    baseline = best_single(chosen, config)
    references = dict.fromkeys((baseline, *config.also_against))
    found = {kind: _differences(resampled, first, kind, names) for kind in references}
    results = []
    for kind, values in scores.items():
        differences = {ref: found[ref][kind] for ref in references if ref != kind}
        main = differences.get(baseline, {}).get(names[headline])
        results.append(
            ModelResult(
                kind=kind,
                chosen=chosen[kind].config,
                validation_ndcg=chosen[kind].ndcg,
                trials=tuple(trial for trial in trials if trial.config.kind == kind),
                metrics={
                    name: resampled.interval(first[kind] + column)
                    for column, name in enumerate(names)
                },
                ndcg_by_cutoff=tuple(mean_value(week) for week in values.values[:, :, headline].T),
                coverage=values.coverage,
                gini=values.gini,
                difference=None if main is None else main.difference,
                adjusted_p_value=None if main is None else main.adjusted_p_value,
                differences=differences,
            )
        )
    return tuple(results)


def mean_value(values: FloatArray) -> float:
    """Mean of the evaluated; unevaluated persons do not even move the rounding."""
    return float(np.mean(values[~np.isnan(values)]))


def _discovery(
    model: Recommender[Any], window: Window, config: RecommenderTrainingConfig
) -> FloatArray:
    """nDCG@k on novel targets, of lists without the items of the person's own weighted events."""
    ranked = model.recommend(window.history, k=config.k, barred=model.seen(window.history))
    lists = ranked.codes_in(window.history.histories)
    return ndcg_at_k(lists, window.relevant["novel"], k=config.k)


def _differences(
    resampled: Resampled, first: Mapping[str, int], reference: str, names: Sequence[str]
) -> dict[str, dict[str, PairedDifference]]:
    """Of every other kind from the reference, by kind and metric; Holm over the kinds, metric by metric."""
    others = [kind for kind in first if kind != reference]
    found: dict[str, dict[str, PairedDifference]] = {kind: {} for kind in others}
    for column, name in enumerate(names):
        differences = [
            resampled.difference(first[kind] + column, baseline=first[reference] + column)
            for kind in others
        ]
        adjusted = holm(np.array([difference.p_value for difference in differences]))
        for kind, difference, p_value in zip(others, differences, adjusted, strict=True):
            found[kind][name] = PairedDifference(difference, float(p_value))
    return found
