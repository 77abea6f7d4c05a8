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
# # Compare uplift experiments
#
# Every uplift training of a workspace, beside the one in force: paired on the same test rows, from what the runs stored. Nothing is
# retrained. A second training is one command: `retarget train configs/complete_journey/uplift.yaml 'learner={kind: s_learner}'`.

# %%
import os
from pathlib import Path

import altair as alt
import pandas as pd

from features import columns as c
from features.project import Project
from features.run import read_parquet
from training.compare_uplift import compare_runs, stored_runs
from training.comparison_report import comparison_lines, comparison_table
from training.train_flat import TRAIN_UPLIFT

FOLDER = Path(os.environ.get("PROJECT_FOLDER", "../configs/complete_journey"))

# %%
workspace = Project(FOLDER).workspace
runs = stored_runs(workspace.root)
pd.DataFrame(
    [{"run": run.name, "learner": run.learner, "test rows": run.scores.num_rows} for run in runs]
)

# %% [markdown]
# ## Which ranking is better?
#
# Differences are paired; p-values after Holm over the lines of one metric. Runs with another outcome, other test rows or another design are
# refused, not averaged.

# %%
found = compare_runs(runs)
print("\n".join(comparison_lines(found, as_json=False)))

# %%
comparison_table(found).to_pandas().round(5).T

# %% [markdown]
# ## The run in force
#
# Gain against the share of people contacted, by uplift and by expected outcome, with the pointwise 95 % interval:

# %%
curves = read_parquet(workspace.current(TRAIN_UPLIFT).path / "curves.parquet").to_pandas()
base = alt.Chart(curves).encode(
    x=alt.X(c.TREATED_SHARE, axis=alt.Axis(format="%")), color=c.RANKED_BY
)
base.mark_area(opacity=0.15).encode(y=c.LOW, y2=c.HIGH) + base.mark_line().encode(y=c.GAIN)
