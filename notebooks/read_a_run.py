# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Read a run
#
# Stored results of `retarget run configs/complete_journey`: decisions, waterfall, lift. Nothing is computed anew.

# %%
from pathlib import Path

import pandas as pd

from features import columns as c
from features.project import Project
from features.tables import DECISIONS, WATERFALL

FOLDER = Path("configs/complete_journey")

# %%
project = Project(FOLDER)
scored = project.workspace.current("score")
decisions = scored.read(DECISIONS).to_pandas()
people = decisions[decisions[c.RANK] == 1]

# %% [markdown]
# Why people are, or are not, contacted:

# %%
reasons = people[c.REASON_CODES].str.split(";").str[0].value_counts()
print(reasons.to_string())

# %% [markdown]
# What each rule removed:

# %%
print(scored.read(WATERFALL).to_pandas().drop(columns=c.RUN_ID).to_string(index=False))

# %% [markdown]
# The people a contact is expected to change most, and the first item they are shown:

# %%
shown = [c.PERSON_ID, c.UPLIFT, c.BASE_OUTCOME, c.EXPECTED_VALUE, c.TITLE, c.PRICE]
print(people[people[c.CONTACT]].nlargest(10, c.EXPECTED_VALUE)[shown].to_string(index=False))

# %% [markdown]
# The measured lift beside the planted truth (intention to treat, per person and week):

# %%
lift = project.workspace.current("measure").json("lift.json")
rows = [
    {
        "outcome": row["outcome"],
        **{k: row["lift"][k] for k in ("effect", "low", "high")},
        "planted": row["planted"],
    }
    for row in lift["outcomes"]
]
print(pd.DataFrame(rows).round(4).to_string(index=False))
