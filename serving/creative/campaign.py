"""What the persons of a run are shown: from its decisions to its creatives."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.steps.items import stored_items
from features.tables import TIMESTAMP
from serving.config import CampaignConfig
from serving.creative.assemble import Shown, assemble
from serving.creative.rotation import last_shown
from serving.creative.slots import item_facts
from serving.exploration import Actions
from serving.people import People


def campaign_creatives(
    people: People, lists: pa.Table, actions: Actions, config: CampaignConfig, *, run_id: str
) -> pa.Table:
    """The creatives table: texts for whoever is contacted, and for whom a lot prevented it; both are made alike.

    Args:
        people: n persons.
        lists: recommendations table of the eligible among them.
        actions: what is done with the n persons.
        config: of the campaign.
        run_id: of the decisions.
    """
    project = people.project
    person = pc.index_in(lists[c.PERSON_ID], value_set=pa.array(people.ids, pa.string())).to_numpy()
    wanted = (actions.targeted | actions.explored)[person]
    rows, person = lists.filter(pa.array(wanted)), person[wanted]
    channels = np.array(list(config.by_channel()))[actions.channel[person]]
    texts = zip(
        rows[c.PERSON_ID].to_pylist(),
        rows[c.RANK].to_pylist(),
        rows[c.ITEM_ID].to_pylist(),
        actions.ghost[person].tolist(),
        channels.tolist(),
        people.stage[person].tolist(),
        people.steps.step[person].tolist(),
        [config.message(name) for name in people.stage[person].tolist()],
        strict=True,
    )
    facts = item_facts(
        stored_items(people.ingested),
        pc.unique(rows[c.ITEM_ID].drop_null()),
        as_of=project.config.as_of,
        currency=project.config.currency,
        hide_prices=people.prices_hidden,
    )
    as_of = pa.scalar(project.config.as_of, TIMESTAMP)
    return assemble(
        [Shown(*text) for text in texts],
        facts,
        config.creative,
        steps=config.sequence.steps,
        shown=last_shown(people.log, pc.unique(rows[c.PERSON_ID]), before=as_of),
        run_id=run_id,
        snapshot_id=people.snapshot_id,
    )
