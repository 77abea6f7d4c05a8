"""What the persons of a run are shown: from its decisions to its creatives."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.steps.items import stored_items
from features.tables import TIMESTAMP
from serving.config import CampaignConfig
from serving.creative.assemble import Filled, Shown, assemble
from serving.creative.rotation import last_shown
from serving.creative.slots import ItemFacts, item_facts
from serving.exploration import Actions
from serving.people import People


class CampaignCreatives:
    """Texts for whoever is contacted, and for whom a lot prevented it, part by part of the persons; both are made alike."""

    def __init__(
        self,
        people: People,
        stage: npt.NDArray[np.str_],
        step: npt.NDArray[np.str_],
        actions: Actions,
        config: CampaignConfig,
        *,
        run_id: str,
    ) -> None:
        """For the persons of a campaign.

        Args:
            people: n persons.
            stage: funnel stage, shape (n,).
            step: next of the sequence, shape (n,).
            actions: what is done with the n persons.
            config: of the campaign.
            run_id: of the decisions.
        """
        self._people, self._stage, self._step = people, stage, step
        self._actions, self._config, self._run_id = actions, config, run_id
        self._wanted = actions.targeted | actions.explored
        self._items = stored_items(people.ingested)
        self._facts: dict[str, ItemFacts] = {}
        self._filled: dict[tuple[str, str | None], Filled] = {}
        before = pa.scalar(people.project.config.as_of, TIMESTAMP)
        reached = pa.array(people.ids[self._wanted], pa.string())
        self._shown = last_shown(people.log, reached, before=before)

    def of(self, lists: pa.Table, span: slice) -> pa.Table:
        """The creatives table of some persons, in the order of their lists.

        Args:
            lists: recommendations table of the eligible among them.
            span: the persons.
        """
        ids = pa.array(self._people.ids[span], pa.string())
        person = pc.index_in(lists[c.PERSON_ID], value_set=ids).to_numpy() + span.start
        wanted = self._wanted[person]
        rows, person = lists.filter(pa.array(wanted)), person[wanted]
        channels = np.array(list(self._config.by_channel()))[self._actions.channel[person]]
        stages = self._stage[person].tolist()
        texts = zip(
            rows[c.PERSON_ID].to_pylist(),
            rows[c.RANK].to_pylist(),
            rows[c.ITEM_ID].to_pylist(),
            self._actions.ghost[person].tolist(),
            channels.tolist(),
            stages,
            self._step[person].tolist(),
            [
                self._config.message(stage, way)
                for stage, way in zip(stages, channels.tolist(), strict=True)
            ],
            strict=True,
        )
        return assemble(
            [Shown(*text) for text in texts],
            self._facts_of(rows[c.ITEM_ID]),
            self._config.creative,
            steps=self._config.sequence.steps,
            shown=self._shown,
            run_id=self._run_id,
            snapshot_id=self._people.snapshot_id,
            filled=self._filled,
        )

    def _facts_of(self, items: pa.ChunkedArray) -> dict[str, ItemFacts]:
        """The facts of these items, and of those asked for before."""
        new = [item for item in pc.unique(items.drop_null()).to_pylist() if item not in self._facts]
        self._facts |= item_facts(
            self._items,
            pa.array(new, pa.string()),
            as_of=self._people.project.config.as_of,
            currency=self._people.project.config.currency,
            hide_prices=self._people.prices_hidden,
        )
        return self._facts
