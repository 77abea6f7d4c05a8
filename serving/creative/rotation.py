"""Which template comes first for a person: that of the next step, and of equals the one shown longest ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.tables import TIMESTAMP
from serving.creative.config import TemplateConfig

_NEVER: Final = -1


def ordered_templates(
    templates: Sequence[TemplateConfig],
    *,
    stage: str,
    channel: str,
    step: str,
    steps: Sequence[str],
    shown: Mapping[str, int],
) -> list[TemplateConfig]:
    """The templates a person may get, best first.

    Those of the person's step come first, then those of the steps before it, the nearest first; a later step is never taken
    ahead of its time. Within a step the one shown longest ago comes first, one never shown before all others; of equals the
    one declared first.

    Args:
        templates: of the campaign.
        stage: of the person.
        channel: of the contact.
        step: next of the person's sequence.
        steps: the sequence.
        shown: when each template was last shown to the person.
    """
    reached = steps.index(step)
    usable = [
        template
        for template in templates
        if template.step in steps[: reached + 1]
        and (not template.stages or stage in template.stages)
        and (not template.channels or channel in template.channels)
    ]
    return sorted(
        usable,
        key=lambda template: (-steps.index(template.step), shown.get(template.name, _NEVER)),
    )


def last_shown(
    log: pa.Table | None, person_ids: pa.Array, *, before: pa.TimestampScalar
) -> dict[str, dict[str, int]]:
    """When each template was last shown to each of some persons, microseconds since 1970 UTC; ghosts do not count."""
    if log is None:
        return {}
    real = pc.and_(pc.is_valid(log[c.TEMPLATE]), pc.invert(log[c.GHOST]))
    chosen = pc.and_(pc.is_in(log[c.PERSON_ID], value_set=person_ids), pc.less(log[c.TIME], before))
    seen = log.filter(pc.and_(real, chosen)).group_by([c.PERSON_ID, c.TEMPLATE])
    newest = seen.aggregate([(c.TIME, "max")])
    times = newest[f"{c.TIME}_max"].cast(TIMESTAMP).cast(pa.int64()).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for person, template, time in zip(
        newest[c.PERSON_ID].to_pylist(), newest[c.TEMPLATE].to_pylist(), times, strict=True
    ):
        found.setdefault(person, {})[template] = time
    return found
