"""Experiments side by side: pooled by hand, refused where outcomes differ or arms share a control."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from features.errors import InputError
from serving.cli import app
from training.experiments.compare_experiments import compare_experiments
from training.metrics.estimates import Z


def write(folder, name, effects, **definition):
    """A run with one treated arm per effect: (treated, effect, se)."""
    run = folder / name
    run.mkdir()
    rows = [
        {
            "treated": treated, "control": "none", "outcome": "visit", "headline": True, "method": "plain",
            "lift": {"effect": effect, "se": se, "low": effect - Z * se, "high": effect + Z * se, "relative": None},
        }
        for treated, effect, se in effects
    ]  # fmt: skip
    outcome = {"kind": "continuous", "cap": None, "before": name, **definition}
    found = {"effects": rows, "design": {"outcomes": {"visit": outcome}}}
    (run / "lift.json").write_text(json.dumps(found))
    return run


def test_pooled_by_hand(tmp_path):
    """Effects 1 and 3 with standard errors 1: Q = 2 = one more than expected over a scale of 1, so 1 between them."""
    runs = [write(tmp_path, f"e{n}", [("ads", effect, 1.0)]) for n, effect in enumerate((1.0, 3.0))]
    (pooled,) = compare_experiments(runs).pooled
    assert pooled.spread == pytest.approx(np.sqrt((2 - 1) / (2 - 2 / 2)))
    assert pooled.effect == pytest.approx(2.0)
    se = 1 / np.sqrt(2 / (1 + 1))
    assert (pooled.low, pooled.high) == pytest.approx((2 - Z * se, 2 + Z * se))
    assert pooled.refused == ""


def test_another_definition_is_not_pooled(tmp_path):
    runs = [
        write(tmp_path, "a", [("ads", 1.0, 1.0)]),
        write(tmp_path, "b", [("ads", 1.0, 1.0)], cap=20.0),
    ]
    found = compare_experiments(runs)
    (pooled,) = found.pooled
    assert np.isnan(pooled.effect)
    assert "defined differently" in pooled.refused
    assert "not pooled" in found.lines(as_json=False)[-1]


def test_arms_that_share_a_control_are_not_pooled(tmp_path):
    runs = [
        write(tmp_path, "a", [("ads", 1.0, 1.0), ("mail", 2.0, 1.0)]),
        write(tmp_path, "b", [("ads", 1.0, 1.0)]),
    ]
    assert "share their control" in compare_experiments(runs).pooled[0].refused


def test_errors(tmp_path):
    run = write(tmp_path, "a", [("ads", 1.0, 1.0)])
    with pytest.raises(InputError, match="1 different runs"):
        compare_experiments([run, run])
    with pytest.raises(InputError, match=r"holds no lift.json"):
        compare_experiments([run, tmp_path])


def test_the_command_line(tmp_path):
    runs = [write(tmp_path, name, [("ads", 1.0, 1.0)]) for name in ("a", "b")]
    out = tmp_path / "table.csv"
    answer = CliRunner().invoke(app, ["compare", *map(str, runs), "--out", str(out)])
    assert answer.exit_code == 0, answer.output
    assert "pooled" in answer.output
    assert out.read_text().count("visit") == 2
    answer = CliRunner().invoke(app, ["compare", *map(str, runs), "--log-json"])
    assert json.loads(answer.output.splitlines()[-1])["experiments"] == 2
