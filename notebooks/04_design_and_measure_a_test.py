# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Design and measure a holdout test
#
# Before: what could a test on these persons find? After: what did the recorded campaign change? Public functions only, nothing is written.

# %%
import os
from pathlib import Path

import pandas as pd

from features import columns as c
from features.config import load_config
from features.histories.histories import microseconds
from features.project import Project
from features.sources.flat_table import flat_table_of
from features.steps.features import FEATURES, load_histories
from features.steps.simulate import SIMULATE
from features.tables import ASSIGNMENTS
from training.experiments.config import MeasureConfig
from training.experiments.design import design_test
from training.experiments.design_config import DesignConfig
from training.experiments.design_run import history_of
from training.experiments.measure_run import campaign_columns, campaign_table
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows

FOLDER = Path(os.environ.get("PROJECT_FOLDER", "../configs/complete_journey"))
DESIGN, MEASURE = (
    Path("../configs/complete_journey") / name for name in ("design.yaml", "measure.yaml")
)

# %%
project = Project(FOLDER)
built, simulated = (project.workspace.current(step) for step in (FEATURES, SIMULATE))

# %% [markdown]
# ## Before
#
# Power, detectable change and duration from the persons' own past, at several holdout shares:

# %%
design = load_config(DesignConfig, DESIGN)
history = history_of(
    load_histories(built),
    as_of=microseconds(project.config.as_of),
    window_days=design.window_days,
    active_days=design.history.active_days,
    max_weeks=design.max_weeks,
)
for plan in design_test(history, design):
    print(plan.sentence)

# %% [markdown]
# ## After
#
# The campaign is simulated over the histories. Rows are (person, week of assignment); persons are the independent units.

# %%
experiment = simulated.read(ASSIGNMENTS)[c.EXPERIMENT_ID][0].as_py()
config = load_config(MeasureConfig, MEASURE, overrides=[f"data.experiment={experiment}"])
table = campaign_table(built, simulated, experiment)
rows, _ = experiment_rows(
    flat_table_of(table, source="campaign"), campaign_columns(config.data), config
)
found = measure_experiment(rows, config)

# %% [markdown]
# A measurement exists only if every gate passed:

# %%
for check in found.checks:
    print(f"{'passed' if check.passed else 'warning':8} {check.name}: {check.found}")

# %% [markdown]
# Intention to treat, the headline of each outcome, with 95 % intervals:

# %%
effects = [
    {"outcome": e.outcome, "effect": e.lift.effect, "low": e.lift.low, "high": e.lift.high}
    for e in found.effects
    if e.headline
]
pd.DataFrame(effects).round(4)

# %% [markdown]
# What a rule would credit, beside what was won:

# %%
for rule in found.attributed:
    print(
        f"{rule.rule}: credited {rule.conversions}, credited over incremental {rule.overstatement.value:.2f}"
    )
