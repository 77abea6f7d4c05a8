"""Uplift learners of other libraries on rows in a file: `python -m benchmarks.uplift_peers LIBRARY IN.npz OUT.npz LEARNER …`.

Runs in an interpreter of its own that need not have this project's packages. IN holds `matrix`, `treated`, `outcome` (0 or
1), `probability` (known, one number), `new` (rows to predict) and `settings` (of LightGBM, JSON); OUT gets the effects by
learner; the seconds of each are printed as JSON. Outcomes are modelled by log-loss, effects by least squares.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

LIBRARIES = {
    "causalml": ("S", "T", "X", "R", "DR"),
    "econml": ("S", "T", "X", "R", "DR"),
    "scikit-uplift": ("S", "T", "class transformation"),
}
FOLDS = 2
"""Of econml's R- and DR-learner; causalml has its own number."""


def _causalml(learner: str, task: dict[str, Any]) -> Callable[[], Callable[[], Any]]:
    from causalml.inference import meta  # noqa: PLC0415

    classify, regress = _models(task)
    make: dict[str, Callable[[], Any]] = {
        "S": lambda: meta.BaseSClassifier(learner=classify()),
        "T": lambda: meta.BaseTClassifier(learner=classify()),
        "X": lambda: meta.BaseXClassifier(outcome_learner=classify(), effect_learner=regress()),
        "R": lambda: meta.BaseRClassifier(outcome_learner=classify(), effect_learner=regress()),
        "DR": lambda: meta.BaseDRRegressor(
            control_outcome_learner=_chance(task),
            treatment_outcome_learner=_chance(task),
            treatment_effect_learner=regress(),
        ),
    }
    matrix, new = task["matrix"], task["new"]
    arm, outcome = task["treated"].astype(np.int64), task["outcome"].astype(np.float64)
    known = learner in {"X", "R", "DR"}
    seen = {"p": np.full(len(matrix), task["probability"])} if known else {}
    unseen = {"p": np.full(len(new), task["probability"])} if learner == "X" else {}

    def fit() -> Callable[[], Any]:
        model = make[learner]()
        model.fit(matrix, arm, outcome, **seen)
        return lambda: model.predict(new, **unseen)

    return fit


def _econml(learner: str, task: dict[str, Any]) -> Callable[[], Callable[[], Any]]:
    from econml import dml, dr, metalearners  # noqa: PLC0415
    from sklearn.dummy import DummyClassifier  # noqa: PLC0415

    classify, regress = _models(task)

    def by_design() -> Any:
        return DummyClassifier(strategy="prior")

    make: dict[str, Callable[[], Any]] = {
        "S": lambda: metalearners.SLearner(overall_model=_chance(task)),
        "T": lambda: metalearners.TLearner(models=_chance(task)),
        "X": lambda: metalearners.XLearner(
            models=_chance(task), cate_models=regress(), propensity_model=by_design()
        ),
        "R": lambda: dml.NonParamDML(
            model_y=classify(),
            model_t=by_design(),
            model_final=regress(),
            discrete_treatment=True,
            discrete_outcome=True,
            cv=FOLDS,
            random_state=0,
        ),
        "DR": lambda: dr.DRLearner(
            model_propensity=by_design(),
            model_regression=classify(),
            model_final=regress(),
            discrete_outcome=True,
            cv=FOLDS,
            random_state=0,
        ),
    }

    def fit() -> Callable[[], Any]:
        model = make[learner]()
        model.fit(task["outcome"], task["treated"].astype(np.int64), X=task["matrix"])
        return lambda: model.effect(task["new"])

    return fit


def _sklift(learner: str, task: dict[str, Any]) -> Callable[[], Callable[[], Any]]:
    from sklift import models  # noqa: PLC0415

    classify, _ = _models(task)
    make: dict[str, Callable[[], Any]] = {
        "S": lambda: models.SoloModel(classify()),
        "T": lambda: models.TwoModels(classify(), classify(), method="vanilla"),
        "class transformation": lambda: models.ClassTransformation(classify()),
    }

    def fit() -> Callable[[], Any]:
        model = make[learner]()
        model.fit(task["matrix"], task["outcome"].astype(np.int64), task["treated"].astype(int))
        return lambda: model.predict(task["new"])

    return fit


def _models(task: dict[str, Any]) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """A classifier of the outcome and a regression of the effect."""
    import lightgbm as lgb  # noqa: PLC0415

    settings = json.loads(str(task["settings"]))
    return lambda: lgb.LGBMClassifier(**settings), lambda: lgb.LGBMRegressor(**settings)


def _chance(task: dict[str, Any]) -> Any:
    """A classifier for a library that asks `predict` for the mean outcome: LightGBM's regression by log-loss."""
    import lightgbm as lgb  # noqa: PLC0415

    return lgb.LGBMRegressor(objective="binary", **json.loads(str(task["settings"])))


class FitClock:
    """Seconds and processor seconds of each lap."""

    def __init__(self) -> None:
        self._found: dict[str, float] = {}
        self._last = time.perf_counter(), time.process_time()

    def lap(self, part: str) -> dict[str, float]:
        """End a lap; everything found so far, `part` and `part CPU`."""
        now = time.perf_counter(), time.process_time()
        self._found[part] = now[0] - self._last[0]
        self._found[f"{part} CPU"] = now[1] - self._last[1]
        self._last = now
        return self._found


_MAKE = {"causalml": _causalml, "econml": _econml, "scikit-uplift": _sklift}


def main() -> None:
    """Fit and predict; loading of the library and of the rows is not timed."""
    warnings.simplefilter("ignore")
    library, source, target, *learners = sys.argv[1:]
    with np.load(source) as stored:
        task = {name: stored[name] for name in stored.files}
    effects, seconds = {}, {}
    for learner in learners:
        fit = _MAKE[library](learner, task)
        clock = FitClock()
        predict = fit()
        clock.lap("fit")
        effects[learner] = np.asarray(predict(), dtype=np.float64).ravel()
        seconds[learner] = clock.lap("predict")
    np.savez(target, **effects)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
