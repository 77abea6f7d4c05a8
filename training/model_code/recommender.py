"""A recommender as an MLflow model: histories in, lists out, the items of `retarget recommend` without a catalog."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from features import columns as c
from training.model_code.frames import frame_rows
from training.recommend_file import recommend_rows
from training.recommenders.registry import load

_log = logging.getLogger(__name__)


class RecommenderModel(PythonModel):  # type: ignore[misc]  # mlflow ships no types
    """Loads the bundle beside it."""

    def load_context(self, context: PythonModelContext) -> None:
        self._model = load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Lists for every person of the rows.

        Args:
            context: unused.
            model_input: columns person_id, item_id, time (seconds since 1970) and perhaps event_name.
            params: k, exclude_seen, and items (only these are recommended; empty = all).
        """
        asked = {"k": 20, "exclude_seen": False, "items": [], **(params or {})}
        items = pd.DataFrame({c.ITEM_ID: pd.Series(list(asked["items"]), dtype=str)})
        found = recommend_rows(
            self._model,
            frame_rows(model_input),
            k=int(asked["k"]),
            items=frame_rows(items) if len(items) else None,
            exclude_seen=bool(asked["exclude_seen"]),
        )
        if found.refused:
            _log.warning("%d rows without person, item, time or known event name", found.refused)
        lists: pd.DataFrame = found.table.to_pandas()
        return lists


set_model(RecommenderModel())
