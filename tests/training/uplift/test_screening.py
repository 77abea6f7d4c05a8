"""Columns are dropped for a stated reason, and one that knows the assignment is found."""

import numpy as np
import pyarrow as pa
import pytest

from features.errors import GateError
from training.uplift.encoding import MAX_LEVELS
from training.uplift.screening import check_assignment, require_blind_features, screen_features


def test_reasons():
    n = MAX_LEVELS + 1
    table = pa.table(
        {
            "age": np.arange(n),
            "one": np.ones(n),
            "nothing": pa.nulls(n, pa.float64()),
            "years": np.arange(n),
            "id": pa.array([f"id {k}" for k in range(n)]).dictionary_encode(),
            "city": pa.array([f"c{k % 7}" for k in range(n)]).dictionary_encode(),
        }
    )
    found = [(d.name, d.reason) for d in screen_features(table)]
    assert found == [
        ("one", "constant"),
        ("nothing", "constant"),
        ("years", "duplicate"),
        ("id", "too_many_levels"),
    ]
    assert screen_features(table)[2].note == "equals 'age' in every row"


def test_the_auc_is_the_share_of_pairs_won():
    x = np.array([[1.0], [2], [3], [4], [5]])
    treated = np.array([False, True, False, True, True])
    found = check_assignment(x, treated, np.full(5, 0.6), names=["x"], categorical=[])[0]
    # pairs (treated, control): 2>1, 2<3, 4>1, 4>3, 5>1, 5>3
    by_pairs = 5 / 6
    # with the treated share as probability, the score statistic is n1 n0 / n times the AUC's distance from 1/2
    assert found.auc == pytest.approx(0.5 + (by_pairs - 0.5) * (3 * 2 / 5**2) / (0.6 * 0.4))


def test_alarms_are_as_rare_as_said_with_varying_probabilities():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(1_000):
        x = rng.normal(size=(400, 1))
        probability = np.where(x[:, 0] > 0, 0.8, 0.3)  # assignment follows x, as recorded
        treated = rng.random(400) < probability
        found = check_assignment(x, treated, probability, names=["x"], categorical=[])
        p_values.append(found[0].p_value)
    share = np.mean(np.array(p_values) < 0.05)
    assert share == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 1_000))


def test_rows_of_one_person_are_no_independent_witnesses():
    """100 persons, each assigned once, with 8 rows of one age: rows would raise ten times too many alarms."""
    rng = np.random.default_rng(0)
    person = np.repeat(np.arange(100), 8)
    alarms = np.zeros(2)
    for _ in range(600):
        x = rng.normal(size=100)[person][:, None]
        treated = (rng.random(100) < 0.4)[person]
        for k, groups in enumerate((person, None)):
            found = check_assignment(
                x, treated, np.full(800, 0.4), names=["x"], categorical=[], groups=groups
            )
            alarms[k] += found[0].p_value < 0.05
    assert alarms[0] / 600 == pytest.approx(0.05, abs=0.03)
    assert alarms[1] / 600 > 0.4


@pytest.mark.parametrize("form", ["number", "level", "missing"])
def test_a_leak_is_found_in_every_form(form):
    rng = np.random.default_rng(1)
    treated = rng.random(2_000) < 0.5
    told = treated & (rng.random(2_000) < 0.3)
    leak = {
        "number": rng.normal(size=2_000) + told,
        "level": np.where(told, 2.0, rng.integers(0, 2, 2_000)),
        "missing": np.where(told, np.nan, rng.normal(size=2_000)),
    }[form]
    matrix = np.column_stack([rng.normal(size=2_000), leak])
    categorical = [1] if form == "level" else []
    found = check_assignment(
        matrix, treated, np.full(2_000, 0.5), names=["age", "replied"], categorical=categorical
    )
    assert [check.feature for check in found] == ["replied", "age"]
    with pytest.raises(GateError) as caught:
        require_blind_features(found, source="mail.csv")
    assert "mail.csv: features predict the assignment: 'replied' (AUC 0." in str(caught.value)
    require_blind_features(found[1:], source="mail.csv")
