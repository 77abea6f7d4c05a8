"""The page of an experiment: sentences say what was found and what was not, names are escaped, nothing is loaded."""

import json
import re
from dataclasses import asdict

import numpy as np
import pyarrow as pa
import pytest

from features.config import validate
from features.run import to_json
from features.sources.flat_table import flat_table_of
from training.experiments.config import MeasureConfig
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows
from training.reports.experiment import experiment_page

ARM = "<b>ads</b>"


def page_of(**outcomes):
    rng = np.random.default_rng(2)
    n = 3_000
    treated = rng.random(n) < 0.5
    visit = (rng.random(n) < 0.3 + 0.1 * treated).astype(float)
    table = pa.table(
        {
            "arm": np.where(treated, ARM, "none"),
            "visit": visit,
            "spend": visit * rng.lognormal(2, 1, n),
            "noise": rng.normal(size=n) ** 2,
            "rare": (np.arange(n) < 3).astype(float),
            "cost": treated * 0.1,
            "tier": np.where(rng.random(n) < 0.5, "<i>high</i>", "low"),
        }
    )
    config = validate(
        MeasureConfig,
        {
            "kind": "measure",
            "data": {
                "kind": "flat_table", "path": "t.csv", "arm": "arm", "control": "none", "treated": [ARM],
                "probability": 0.5, "segments": ["tier"],
            },
            "outcomes": outcomes,
            "primary": [next(iter(outcomes))],
            "funnel": {"tier": "tier"},
        },
        subject="test",
    )  # fmt: skip
    rows, _ = experiment_rows(flat_table_of(table, source="t"), config.data, config)
    found = asdict(measure_experiment(rows, config))
    design = config.model_dump(mode="json", include={"outcomes", "primary", "method"})
    stored = {**found, "notice": "", "design": {**design, "planned_rows": None}}
    return experiment_page(json.loads(to_json(stored)))


@pytest.fixture(scope="module")
def page():
    return page_of(
        visit="binary",
        spend={"kind": "continuous", "cap": 20.0, "unit": "USD"},
        rare="binary",
        back={"kind": "incremental_ratio", "numerator": "spend", "denominator": "cost"},
    )


def test_names_are_escaped_and_nothing_is_loaded(page):
    assert ARM not in page
    assert "<i>high</i>" not in page
    assert "&lt;b&gt;ads&lt;/b&gt; changed visit by +" in page
    assert re.findall(r"(?:src|href)=", page) == []
    assert page.count("<script") == 1  # the page's own


def test_figures_carry_population_and_convention(page):
    assert "unpooled (Welch) SE" in page
    assert "control and" in page
    assert "Change for change" in page


def test_too_few_outcomes_are_said(page):
    assert "[too few outcomes]" in page


def test_what_is_not_told_from_nothing_is_said():
    told, untold = (
        page_of(**{name: "binary"}).split("In short")[1].split("</section>")[0]
        for name in ("visit", "rare")
    )
    assert "This is not told from no change." not in told
    assert "This is not told from no change." in untold


def test_whole_values_stand_beside_capped_ones():
    page = page_of(spend={"kind": "continuous", "cap": 1.0})
    assert "Values count up to 1; whole: +" in page


def test_a_page_of_ratios_alone():
    page = page_of(back={"kind": "incremental_ratio", "numerator": "spend", "denominator": "cost"})
    assert "Change for change" in page


def test_money_is_summed_over_the_treated_and_called_won_only_if_it_was():
    won, untold = (
        page_of(**{name: {"kind": "continuous", "unit": "USD"}})
        .split("In short")[1]
        .split("</section>")[0]
        for name in ("spend", "noise")
    )
    assert "USD of spend that would not have come otherwise (+" in won
    assert "USD of noise (-" in untold
