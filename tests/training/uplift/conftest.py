import numpy as np
import pyarrow as pa
import pytest

from training.uplift.base import TrialRows
from training.uplift.base_models.boosted import BoostedConfig
from training.uplift.encoding import FeatureEncoding
from training.uplift.learners.t_learner import TLearnerConfig


@pytest.fixture
def trial():
    """A function that draws a randomised trial: (features, outcome, treated, true effect)."""

    def draw(n=4_000, *, effect=0.3, share=0.5, seed=0):
        rng = np.random.default_rng(seed)
        age = rng.normal(size=n)
        zip_code = rng.integers(0, 3, n)
        treated = rng.random(n) < share
        true_effect = effect * (age > 0) * (zip_code == 1)
        base = 0.2 + 0.1 * (zip_code == 2)
        outcome = (rng.random(n) < base + treated * true_effect).astype(float)
        levels = np.array(["rural", "suburb", "urban"], dtype=object)[zip_code]
        features = pa.table({"age": age, "zip": pa.array(levels).dictionary_encode()})
        return features, outcome, treated, true_effect

    return draw


@pytest.fixture
def quick():
    """A T-learner of small boosters, one thread."""
    return TLearnerConfig(base=BoostedConfig(n_trees=20, min_child_rows=50, n_jobs=1))


@pytest.fixture
def trial_rows(trial):
    """A function that draws a randomised trial: (rows, true effect)."""

    def draw(n=4_000, *, effect=0.3, share=0.5, seed=0, scale=None):
        features, outcome, treated, truth = trial(n, effect=effect, share=share, seed=seed)
        encoding = FeatureEncoding.fit(features, source="train")
        rows = TrialRows(
            encoding.encode(features, source="train"),
            outcome if scale is None else scale * outcome,
            treated,
            np.full(n, share),
            "binary" if scale is None else "continuous",
            encoding.categorical,
        )
        return rows, truth

    return draw
