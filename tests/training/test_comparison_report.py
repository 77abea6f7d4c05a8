"""A comparison is told to persons by arm and verdict, to programs as JSON, and to a file as a table."""

import json
from dataclasses import replace

import numpy as np
import pytest

from training.compare_uplift import Comparison
from training.comparison_report import comparison_lines, comparison_table, verdict
from training.metrics.estimates import Estimate


def figure(value):
    return Estimate(value, 0.1, value - 0.2, value + 0.2, 0.04, 2_000, 2_000)


def comparison(metric="autoc", *, difference=0.3, adjusted_p=0.01, contrast="mail"):
    return Comparison(
        contrast,
        metric,
        "b",
        "t_learner",
        "a",
        "auto",
        figure(0.5),
        figure(0.5 - difference),
        figure(difference),
        adjusted_p,
        "randomised",
    )


def test_lines_say_what_is_compared_with_what_and_on_which_rows():
    lines = comparison_lines([comparison(contrast="sms"), comparison()], as_json=False)
    assert lines[0] == "each run against a (auto), paired on the same test rows; 2,000 in 'sms'"
    assert [line.split()[0] for line in lines[2:]] == ["arm", "mail", "sms"]
    assert lines[3].split() == [
        *("mail", "autoc", "b", "t_learner", "0.20000", "0.50000", "+0.30000"),
        *("[+0.10000,", "+0.50000]", "0.0100", "better"),
    ]
    assert max(len(line) for line in lines) < 160


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "better"),
        ({"difference": -0.3}, "worse"),
        ({"adjusted_p": 0.06}, "no evidence of a difference"),
        ({"adjusted_p": float("nan")}, "the same"),
        ({"metric": "calibration_slope"}, "differs"),
    ],
)
def test_the_verdict_follows_the_adjusted_p_value(changes, text):
    assert verdict(comparison(**changes)) == text


def test_observational_runs_are_called_that_first():
    lines = comparison_lines([replace(comparison(), design="observational")], as_json=False)
    assert lines[0].startswith("observational, adjusted for the features and not measured; each")


def test_programs_get_one_object_per_line():
    (line,) = comparison_lines([comparison()], as_json=True)
    record = json.loads(line)
    assert (record["metric"], record["run"], record["baseline"]) == ("autoc", "b", "a")
    assert record["difference"]["low"] == pytest.approx(0.1)


def test_the_table_has_every_figure():
    table = comparison_table([comparison(), comparison("calibration_slope", adjusted_p=np.nan)])
    (first, second) = table.to_pylist()
    assert (first["first_value"], first["value"], first["difference"]) == pytest.approx(
        (0.2, 0.5, 0.3)
    )
    assert (first["verdict"], second["verdict"]) == ("better", "the same")
