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
# # Explore events and features
#
# Stored results of `retarget run configs/complete_journey`: what came in, whether it can be trusted, what is known of each person.

# %%
import os
from pathlib import Path

from features import columns as c
from features.project import Project
from features.run import read_parquet
from features.steps.features import FEATURES
from features.steps.ingest import INGEST, QUALITY
from features.steps.segments import SEGMENTS_STEP
from features.tables import EVENTS, REJECTS, SEGMENTS

FOLDER = Path(os.environ.get("PROJECT_FOLDER", "../configs/complete_journey"))

# %%
workspace = Project(FOLDER).workspace
ingested, built, grouped = (workspace.current(step) for step in (INGEST, FEATURES, SEGMENTS_STEP))

# %% [markdown]
# ## Events
#
# Rows in = events + rejects:

# %%
events = ingested.read(EVENTS).to_pandas()
rejects = ingested.read(REJECTS).to_pandas()
print(
    f"{len(events):,} events of {events[c.PERSON_ID].nunique():,} persons, {len(rejects):,} rejects"
)
rejects[c.REASON_CODE].value_counts()

# %%
months = events[c.TIME].dt.strftime("%Y-%m")
events.groupby([months, c.EVENT_NAME]).agg(
    events=(c.EVENT_ID, "size"), persons=(c.PERSON_ID, "nunique"), value=(c.VALUE, "sum")
)

# %% [markdown]
# ## Can they be trusted?
#
# Every check with its owner, the worst first; a `fail` would have stopped the run:

# %%
for check in ingested.json(QUALITY)["checks"]:
    print(f"{check['status']:13} {check['name']} ({check['owner']}): {check['words']}")

# %% [markdown]
# ## Features
#
# One row per person, from what was known before the moment of decision:

# %%
people = read_parquet(built.path / "person_features.parquet").to_pandas()
people.describe().T.round(2)

# %%
people.select_dtypes("number").corr(method="spearman").round(2)

# %% [markdown]
# ## Segments

# %%
grouped.read(SEGMENTS).to_pandas()[c.SEGMENT].value_counts()
