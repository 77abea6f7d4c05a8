"""Score new rows with a model bundle: schema and levels checked, drift measured, every row answered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from features import columns as c
from features.sources.flat_table import read_flat_table
from training.uplift.drift import FeatureDrift, measure_drift
from training.uplift.model import UpliftFacts, UpliftModel

_OBSERVATIONAL: Final = (
    "observational: the model learned from rows that no lot was drawn for; its uplift is adjusted for the features, "
    "not measured"
)


@dataclass(frozen=True, eq=False)
class Prediction:
    """Scores of the rows of one file.

    Attributes:
        table: line of the input, design of the data the model learned from; in units of the outcome per row the uplift, the
            95 % interval of the mean effect of rows with such a score (null for a model fitted again on all rows), and
            the expected outcome without treatment.
        refused: lines that could not be read (too few or too many fields).
        facts: what the model is about.
        drift: every feature against the training rows, largest shift first.
    """

    table: pa.Table
    refused: int
    facts: UpliftFacts
    drift: list[FeatureDrift]

    def lines(self) -> list[str]:
        """What a person should know about these scores."""
        facts = self.facts
        uplift = self.table[c.UPLIFT].to_numpy()
        count = f"{len(uplift):,} rows scored, {self.refused:,} refused"
        level = (
            f"uplift in {facts.outcome} of '{facts.treated}' over '{facts.control}': "
            f"mean {np.mean(uplift):.6g}, from {np.min(uplift):.6g} to {np.max(uplift):.6g}"
        )
        shifted = [drift for drift in self.drift if drift.drifted or drift.unknown > 0]
        basis = [] if facts.design == "randomised" else [_OBSERVATIONAL]
        return [count, level, *basis, *(_warning(drift) for drift in shifted)]


def _warning(drift: FeatureDrift) -> str:
    return (
        f"warning: '{drift.feature}' differs from the training rows (stability index "
        f"{drift.stability_index:.2f}, missing {drift.missing:.1%} against "
        f"{drift.missing_in_training:.1%}, unknown texts {drift.unknown:.1%})"
    )


def predict_file(bundle: Path, path: Path, *, separator: str = ",") -> Prediction:
    """Score every row of a CSV or Parquet file.

    Args:
        bundle: folder of a model, such as `<run>/bundle/<arm>`.
        path: the file; it needs the model's feature columns, others are ignored.
        separator: between the fields of a CSV.

    Raises:
        InputError: no model, a damaged one, or a file that cannot be read.
        SchemaError: a feature column is missing or of another kind than in training.
    """
    model = UpliftModel.load(bundle)
    flat = read_flat_table(path, separator=separator)
    matrix = model.encoding.encode(flat.table, source=flat.source)
    uplift = model.learner.predict(matrix)
    low, high = model.intervals(uplift)
    table = pa.table(
        {
            c.LINE: flat.line,
            c.DESIGN: pa.array([model.facts.design] * len(matrix), pa.string()),
            c.UPLIFT: uplift,
            c.GROUP_LOW: pa.array(low, from_pandas=True),
            c.GROUP_HIGH: pa.array(high, from_pandas=True),
            c.BASE_OUTCOME: model.learner.predict_control(matrix),
        }
    )
    drift = measure_drift(flat.table, matrix, model.encoding, model.profile)
    return Prediction(table, flat.rejects.num_rows, model.facts, drift)
