"""The automatic choice: several learners with equal budgets, stacked by out-of-fold doubly robust loss, then shrunk.

Effects are small beside the noise of outcomes, so a single learner that wins on one sample has mostly won by luck, and
its differences between persons are too large. Three steps answer that:

1. every candidate predicts rows it has not seen;
2. non-negative weights combine the predictions (the sum of squares of `score - combination` is least; weights need not
   sum to 1, so they stretch or shrink as well as choose);
3. what remains is shrunk by 1 - 1/t^2, t the t-value of the combination's slope: without a sign of differences between
   persons everybody gets the average effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeVar

import numpy as np
from pydantic import Field, TypeAdapter, model_validator
from scipy import optimize

from features.arrays import FloatArray, IntArray
from features.config import BaseConfig
from features.errors import InputError
from features.run import to_json
from training.uplift.base import TrialRows
from training.uplift.base_models.base import BaseModel
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.base_models.linear import LinearConfig
from training.uplift.base_models.registry import (
    BaseModelConfig,
    file_name,
    model_from_text,
    trainer,
)
from training.uplift.doubly_robust import doubly_robust_scores
from training.uplift.learners.base import UpliftLearner, require_both_arms
from training.uplift.learners.dr_learner import DrLearnerConfig
from training.uplift.learners.s_learner import SLearnerConfig
from training.uplift.learners.simple import SIMPLE_LEARNERS, SimpleConfig, fit_simple
from training.uplift.learners.t_learner import TLearnerConfig
from training.uplift.learners.x_learner import XLearnerConfig

ThreadedT = TypeVar("ThreadedT", bound=BaseConfig)

_FILE: Final = "auto.json"
_CONTROL: Final = "control"

_OUTCOME: Final = LinearConfig(penalty=100)
_FLAT_EFFECT: Final = LinearConfig(penalty=5_000)
_STUMPS: Final = BoostedConfig(n_trees=40, n_leaves=2, min_child_rows=500)
_SHALLOW: Final = BoostedConfig(n_trees=20, n_leaves=4, min_child_rows=500)

DEFAULT_CANDIDATES: Final[tuple[SimpleConfig, ...]] = (
    SLearnerConfig(base=LinearConfig(penalty=1_000)),
    SLearnerConfig(base=BoostedConfig()),
    TLearnerConfig(base=_OUTCOME),
    TLearnerConfig(base=BoostedConfig()),
    XLearnerConfig(base=_OUTCOME, effect=_STUMPS),
    XLearnerConfig(base=_OUTCOME, effect=_SHALLOW),
    DrLearnerConfig(base=_OUTCOME, effect=_FLAT_EFFECT),
    DrLearnerConfig(base=_OUTCOME, effect=_STUMPS),
)
"""Two settings of each learner; the trees of S and T are deep enough for an effect that is all interaction. The R-learner is
left out because at equal arms it is the DR-learner, class transformation because it does without an outcome model and so
carries the whole noise of the outcome."""


class AutoConfig(BaseConfig):
    """Automatic choice of learner, base model and complexity, with shrinkage and recalibration."""

    kind: Literal["auto"] = "auto"

    candidates: tuple[SimpleConfig, ...] = Field(default=DEFAULT_CANDIDATES, min_length=1)
    """Learners to combine."""

    outcome: BaseModelConfig = BoostedConfig()
    """Model of the outcome behind the doubly robust scores and of the expected outcome without treatment."""

    n_folds: int = Field(default=5, ge=2, le=50)
    """Folds of the out-of-fold predictions."""

    seed: int = Field(default=0, ge=0)
    """Seed of the folds."""

    n_jobs: int = Field(default=2, ge=1)
    """Threads of every boosted model, in place of what the candidates say."""

    @property
    def keeps_monotone(self) -> bool:
        """Whether any candidate does; only those are then combined, with weights that are not negative."""
        return any(candidate.keeps_monotone for candidate in self.candidates)

    @model_validator(mode="after")
    def _one_number_of_threads(self) -> Self:
        candidates = tuple(with_threads(c, self.n_jobs) for c in self.candidates)
        object.__setattr__(self, "candidates", candidates)  # frozen, but not yet handed out
        object.__setattr__(self, "outcome", with_threads(self.outcome, self.n_jobs))
        return self


def with_threads(config: ThreadedT, n_jobs: int) -> ThreadedT:
    """The config with so many threads for every boosted model in it."""
    update: dict[str, Any] = {}
    for name, value in config:
        if name == "n_jobs":
            update[name] = n_jobs
        elif isinstance(value, BaseConfig):
            update[name] = with_threads(value, n_jobs)
    return config.model_copy(update=update)


@dataclass(frozen=True)
class CandidateResult:
    """How one candidate did on rows it had not seen.

    Attributes:
        config: its settings.
        gain: mean doubly robust loss of the constant effect minus that of the candidate; > 0 = it knows something.
        gain_se: standard error of `gain`.
        weight: in the combination.
        mean: its mean out-of-fold prediction.
    """

    config: SimpleConfig
    gain: float
    gain_se: float
    weight: float
    mean: float


@dataclass(frozen=True, eq=False)
class AutoLearner(UpliftLearner[AutoConfig]):
    """The combination.

    Attributes:
        config: what it was fitted with.
        candidates: every candidate in the order of the config; of monotone uplift those that can keep it.
        learners: fitted on all rows; None where the weight is 0.
        control: model of the outcome without treatment.
        average: average effect of the training rows.
        slope_t: t-value of the combination's slope on the doubly robust score, out of fold (optimistic: the weights
            were chosen on the same rows).
        shrinkage: factor on the differences from the average, in [0, 1].
    """

    config_type = AutoConfig

    config: AutoConfig
    candidates: tuple[CandidateResult, ...]
    learners: tuple[UpliftLearner[Any] | None, ...]
    control: BaseModel
    average: float
    slope_t: float
    shrinkage: float

    @classmethod
    def fit(cls, rows: TrialRows, config: AutoConfig) -> Self:
        """Predict out of fold, combine, shrink, fit those that count on all rows."""
        require_both_arms(rows)
        candidates = tuple(c for c in config.candidates if c.keeps_monotone or not rows.monotone)
        models = trainer(config.outcome, rows.matrix, categorical=rows.categorical)
        scored = doubly_robust_scores(
            rows, config=config.outcome, n_folds=config.n_folds, seed=config.seed, shared=models
        )
        unseen = _out_of_fold(rows, candidates, scored.fold)
        goal = _centred_by_fold(scored.effect[:, None], scored.fold)[:, 0]
        spread = _centred_by_fold(unseen, scored.fold)
        weights = _weights(spread, goal)
        slope_t = _slope_t(spread @ weights, goal)
        shrinkage = max(0.0, 1 - 1 / slope_t**2) if slope_t > 0 else 0.0
        weights = weights if shrinkage > 0 else np.zeros_like(weights)
        control = models.train(
            rows.outcome, kind=rows.kind, rows=~rows.treated, weight=rows.arm_weights()
        )
        return cls(
            config,
            _results(candidates, unseen, scored.effect, weights),
            tuple(
                fit_simple(rows, candidate) if weight > 0 else None
                for candidate, weight in zip(candidates, weights, strict=True)
            ),
            control,
            float(scored.effect.mean()),
            slope_t,
            shrinkage,
        )

    def predict(self, matrix: FloatArray) -> FloatArray:
        """Uplift per row, shape (n_rows,): average + shrinkage x sum of weight x (candidate - its mean)."""
        found = np.full(len(matrix), self.average)
        for candidate, learner in zip(self.candidates, self.learners, strict=True):
            if learner is not None:
                difference = learner.predict(matrix) - candidate.mean
                found += self.shrinkage * candidate.weight * difference
        return found

    def predict_control(self, matrix: FloatArray) -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,)."""
        return self.control.predict(matrix)

    def choice(self) -> dict[str, Any]:
        """What was tried and chosen, as plain JSON content."""
        return {
            "average_effect": self.average,
            "slope_t": self.slope_t,
            "shrinkage": self.shrinkage,
            "candidates": [
                {**vars(result), "config": result.config.model_dump(mode="json")}
                for result in self.candidates
            ],
        }

    def texts(self) -> dict[str, str]:
        """The choice as JSON, the outcome model, and the files of every learner that counts, by its place."""
        control = file_name(_CONTROL, self.config.outcome)
        files = {_FILE: to_json(self.choice()), control: self.control.text()}
        for place, learner in enumerate(self.learners):
            if learner is not None:
                files |= {f"{place}_{name}": text for name, text in learner.texts().items()}
        return files

    @classmethod
    def from_texts(cls, texts: Mapping[str, str], *, config: AutoConfig) -> Self:
        """The inverse of `texts`."""
        control = file_name(_CONTROL, config.outcome)
        try:
            choice, outcome = json.loads(texts[_FILE]), texts[control]
            candidates = tuple(_candidate(entry) for entry in choice["candidates"])
            numbers = [float(choice[key]) for key in ("average_effect", "slope_t", "shrinkage")]
        except (KeyError, ValueError, TypeError) as error:
            raise InputError(
                _FILE,
                f"cannot be read as a combination of learners ({type(error).__name__})",
                rule="it is written with the model",
                next_step="Train the model again.",
            ) from None
        learners = tuple(
            _learner(texts, place, result.config) if result.weight > 0 else None
            for place, result in enumerate(candidates)
        )
        model = model_from_text(outcome, name=control, config=config.outcome)
        return cls(config, candidates, learners, model, *numbers)


def _out_of_fold(rows: TrialRows, candidates: Sequence[SimpleConfig], fold: IntArray) -> FloatArray:
    """Prediction of every candidate for rows it has not seen, shape (n_rows, n_candidates)."""
    unseen = np.empty((len(rows), len(candidates)))
    for k in np.unique(fold):
        held = fold == k
        seen = rows.subset(~held)
        for place, candidate in enumerate(candidates):
            unseen[held, place] = fit_simple(seen, candidate).predict(rows.matrix[held])
    return unseen


def _centred_by_fold(values: FloatArray, fold: IntArray) -> FloatArray:
    """Minus the mean of the fold: the levels of models fitted without it say nothing about differences inside it."""
    centred = np.array(values)
    for k in np.unique(fold):
        centred[fold == k] -= centred[fold == k].mean(axis=0)
    return centred


def _weights(spread: FloatArray, goal: FloatArray) -> FloatArray:
    """Non-negative least squares on columns of equal length, shape (n_candidates,)."""
    length = np.sqrt((spread**2).sum(axis=0))
    usable = length > 1e-12 * max(1.0, float(np.abs(goal).max())) * np.sqrt(len(goal))
    weights = np.zeros(spread.shape[1])
    if usable.any():
        found, _ = optimize.nnls(spread[:, usable] / length[usable], goal)
        weights[usable] = found / length[usable]
    return weights


def _slope_t(spread: FloatArray, goal: FloatArray) -> float:
    """t-value of the slope of `goal` on `spread`, both centred, robust; 0 where nothing varies."""
    power = float(spread @ spread)
    if power == 0:
        return 0.0
    slope = float(spread @ goal) / power
    se = float(np.sqrt(np.sum((goal - slope * spread) ** 2 * spread**2))) / power
    return slope / se if se > 0 else 0.0


def _results(
    configs: Sequence[SimpleConfig], unseen: FloatArray, effect: FloatArray, weights: FloatArray
) -> tuple[CandidateResult, ...]:
    constant = (effect - effect.mean()) ** 2
    results = []
    for config, predicted, weight in zip(configs, unseen.T, weights, strict=True):
        gain = constant - (effect - predicted) ** 2
        se = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        results.append(
            CandidateResult(config, float(gain.mean()), se, float(weight), float(predicted.mean()))
        )
    return tuple(results)


def _candidate(entry: Mapping[str, Any]) -> CandidateResult:
    config: SimpleConfig = TypeAdapter(SimpleConfig).validate_json(json.dumps(entry["config"]))
    numbers = (float(entry[key]) for key in ("gain", "gain_se", "weight", "mean"))
    return CandidateResult(config, *numbers)


def _learner(texts: Mapping[str, str], place: int, config: SimpleConfig) -> UpliftLearner[Any]:
    prefix = f"{place}_"
    own = {
        name.removeprefix(prefix): text for name, text in texts.items() if name.startswith(prefix)
    }
    return SIMPLE_LEARNERS[config.kind].from_texts(own, config=config)
