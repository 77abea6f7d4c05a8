"""A fitted uplift model with what it needs to score new rows, and its bundle."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from features.arrays import FloatArray
from features.errors import InputError
from features.run import to_json
from training.bundle import Bundle, read_bundle, write_bundle
from training.uplift.base import Design, OutcomeKind
from training.uplift.drift import FeatureProfile
from training.uplift.encoding import FeatureEncoding
from training.uplift.learners.base import UpliftLearner
from training.uplift.learners.registry import LEARNERS, UpliftLearnerConfig
from training.uplift.score_groups import ScoreGroups

KIND: Final = "uplift"
_ENCODING: Final = "encoding.json"
_PROFILE: Final = "profile.json"
_GROUPS: Final = "score_groups.json"
_GROUPS_BEFORE_REFIT: Final = "score_groups_before_refit.json"
_CONFIG: Final[TypeAdapter[UpliftLearnerConfig]] = TypeAdapter(UpliftLearnerConfig)


@dataclass(frozen=True)
class UpliftFacts:
    """What the model is about.

    Attributes:
        treated, control: arms compared.
        outcome, outcome_kind: what uplift is measured in, per row.
        trained_on: 'train part' (the model that was evaluated) or 'all rows' (fitted again).
        n_rows: rows it was fitted on.
        design: whether a lot was drawn; without one the uplift is adjusted for the features, not measured.
        learning_cap: outcomes above it counted as it in learning; None = all were whole.
    """

    treated: str
    control: str
    outcome: str
    outcome_kind: OutcomeKind
    trained_on: Literal["train part", "all rows"]
    n_rows: int
    design: Design
    learning_cap: float | None = None


@dataclass(frozen=True, eq=False)
class UpliftModel:
    """Feature encoding and learner of one contrast.

    Attributes:
        encoding: how feature columns become the learner's matrix.
        learner: the fitted learner.
        config: what it was fitted with.
        facts: what it is about.
        profile: how its training rows spread over each feature.
        groups: effects by group of its scores, as measured on test rows; None for a model that was not judged.
        groups_before_refit: for a model fitted again on all rows, those of the model that was judged: same settings, fewer rows.
    """

    encoding: FeatureEncoding
    learner: UpliftLearner[Any]
    config: UpliftLearnerConfig
    facts: UpliftFacts
    profile: FeatureProfile
    groups: ScoreGroups | None = None
    groups_before_refit: ScoreGroups | None = None

    def predict(self, table: pa.Table, *, source: str = "rows to score") -> FloatArray:
        """Uplift per row, shape (n_rows,): expected outcome if treated minus if not, in units of the outcome.

        Args:
            table: any table with the feature columns; missing values and unknown levels are allowed.
            source: where the table comes from, for messages.

        Raises:
            SchemaError: a feature column is missing or of another kind than in training.
        """
        return self.learner.predict(self.encoding.encode(table, source=source))

    def predict_control(self, table: pa.Table, *, source: str = "rows to score") -> FloatArray:
        """Expected outcome per row without treatment, shape (n_rows,). Arguments and errors as in `predict`."""
        return self.learner.predict_control(self.encoding.encode(table, source=source))

    def intervals(self, uplift: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Ends of the 95 % interval of the mean effect of the group of each score, NaN where nothing was measured.

        Args:
            uplift: scores of rows that the model has not learned from, shape (n_rows,).
        """
        if self.groups is None:
            nothing = np.full(len(uplift), np.nan)
            return nothing, nothing
        return self.groups.intervals(uplift)

    def save(self, folder: Path) -> str:
        """Write the model as a bundle into a folder that does not exist yet; returns the bundle's key."""
        texts = {
            _ENCODING: to_json(self.encoding.as_dict()),
            _PROFILE: to_json(self.profile.as_dict()),
            **self.learner.texts(),
        }
        for name, groups in (
            (_GROUPS, self.groups),
            (_GROUPS_BEFORE_REFIT, self.groups_before_refit),
        ):
            if groups is not None:
                texts[name] = to_json(groups.as_dict())
        return write_bundle(
            folder, kind=KIND, config=self.config, facts=asdict(self.facts), texts=texts
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            InputError: not a bundle, damaged, or of another kind.
        """
        bundle = read_bundle(folder)
        try:
            if bundle.kind != KIND:
                raise _refused(folder, f"is of kind '{bundle.kind}'")
            config = _CONFIG.validate_json(json.dumps(bundle.config))
            return cls(
                FeatureEncoding.from_dict(json.loads(bundle.texts[_ENCODING])),
                LEARNERS[config.kind].from_texts(bundle.texts, config=config),
                config,
                UpliftFacts(**bundle.facts),
                FeatureProfile.from_dict(json.loads(bundle.texts[_PROFILE])),
                _stored_groups(bundle, _GROUPS),
                _stored_groups(bundle, _GROUPS_BEFORE_REFIT),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _refused(folder, f"does not read as one ({type(error).__name__})") from None


def _stored_groups(bundle: Bundle, name: str) -> ScoreGroups | None:
    return ScoreGroups.from_dict(json.loads(bundle.texts[name])) if name in bundle.texts else None


def _refused(folder: Path, found: str) -> InputError:
    return InputError(
        str(folder),
        found,
        rule="an uplift model is a bundle of kind 'uplift'",
        next_step="Train the model again, or name the right folder.",
    )
