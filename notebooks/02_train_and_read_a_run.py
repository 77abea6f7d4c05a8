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
# # Train and read a run
#
# Stored results of `retarget run configs/complete_journey`: models, decisions, waterfall, lift. Training is one command, not a notebook; here
# its plan is shown and its results are read.

# %%
import os
from pathlib import Path

import pandas as pd

from features import columns as c
from features.project import Project
from features.tables import DECISIONS, WATERFALL
from serving.plans import plan_project
from serving.score import SCORE
from training.steps import MEASURE, METRICS, TRAIN_RECOMMENDER
from training.train_flat import TRAIN_UPLIFT

FOLDER = Path(os.environ.get("PROJECT_FOLDER", "../configs/complete_journey"))

# %% [markdown]
# ## Train
#
# The jobs that `retarget run` carries out; those whose config, inputs and code are unchanged are not computed again:

# %%
[job.name for job in plan_project(FOLDER, []).jobs]

# %% [markdown]
# Recommenders on test weeks that no setting has seen, with 95 % intervals:

# %%
project = Project(FOLDER)
recommender = project.workspace.current(TRAIN_RECOMMENDER).json(METRICS)
pd.DataFrame(
    {
        model["kind"]: found
        for model in recommender["models"]
        for name, found in model["metrics"].items()
        if name.startswith("ndcg") and name.endswith("all")
    }
).T.round(4)

# %% [markdown]
# Does the uplift ranking work, on assignments that the model has not seen?

# %%
uplift = project.workspace.current(TRAIN_UPLIFT).json(METRICS)
for contrast in uplift["contrasts"].values():
    print(contrast["treated"], "against", contrast["control"] + ":", contrast["verdict"])

# %% [markdown]
# ## Decisions

# %%
scored = project.workspace.current(SCORE)
decisions = scored.read(DECISIONS).to_pandas()
people = decisions[decisions[c.RANK] == 1]

# %% [markdown]
# Why people are, or are not, contacted:

# %%
reasons = people[c.REASON_CODES].str.split(";").str[0].value_counts()
reasons

# %% [markdown]
# What each rule removed:

# %%
scored.read(WATERFALL).to_pandas().drop(columns=c.RUN_ID)

# %% [markdown]
# The people a contact is expected to change most, and the first item they are shown:

# %%
shown = [c.PERSON_ID, c.UPLIFT, c.BASE_OUTCOME, c.EXPECTED_VALUE, c.TITLE, c.PRICE]
people[people[c.CONTACT]].nlargest(10, c.EXPECTED_VALUE)[shown]

# %% [markdown]
# ## What the campaign changed
#
# The measured lift beside the planted truth (intention to treat, per person and week):

# %%
lift = project.workspace.current(MEASURE).json("lift.json")
rows = [
    {
        "outcome": row["outcome"],
        **{k: row["lift"][k] for k in ("effect", "low", "high")},
        "planted": row["planted"],
    }
    for row in lift["outcomes"]
]
pd.DataFrame(rows).round(4)
