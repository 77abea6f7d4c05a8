"""An uplift model as an MLflow model: feature rows in, scores out, the same as `retarget predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from features import columns as c
from training.model_code.frames import frame_rows
from training.uplift.model import UpliftModel


class UpliftScores(PythonModel):  # type: ignore[misc]  # mlflow ships no types
    """Loads the bundle beside it."""

    def load_context(self, context: PythonModelContext) -> None:
        self._model = UpliftModel.load(Path(context.artifacts["bundle"]))

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow's signature
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002 - there are none
    ) -> pd.DataFrame:
        """Uplift and expected outcome without treatment, one row per row, under the index of the input.

        Args:
            context: unused.
            model_input: the feature columns; a missing value or a text that training did not know is allowed.
            params: none.
        """
        flat = frame_rows(model_input)
        matrix = self._model.encoding.encode(flat.table, source=flat.source)
        learner = self._model.learner
        return pd.DataFrame(
            {c.UPLIFT: learner.predict(matrix), c.BASE_OUTCOME: learner.predict_control(matrix)},
            index=model_input.index,
        )


set_model(UpliftScores())
