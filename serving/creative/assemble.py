"""From decisions to what each person is shown: the first template of their order that its item can fill and no guard forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa

from features import columns as c
from features.tables import CREATIVES
from serving.creative.config import CreativeConfig, TemplateConfig
from serving.creative.guardrails import problem
from serving.creative.rotation import ordered_templates
from serving.creative.slots import NO_ITEM, ItemFacts
from serving.creative.templates import parse_template
from serving.exports.inert import clean_text

DEFAULT: Final = "default"
"""Name of the creative that is the message of the stage and nothing else."""

_MISSING: Final = "missing_"


class Filled(NamedTuple):
    """A template filled for an item, or why it cannot be shown."""

    headline: str
    body: str
    fallbacks: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, eq=False)
class Shown:
    """One person and place of their list for which a text is wanted.

    Attributes:
        person_id, rank, item_id: whose, where, what; no item for a creative without.
        ghost: the person is not really contacted.
        channel, stage, step, message: of the contact.
    """

    person_id: str
    rank: int
    item_id: str | None
    ghost: bool
    channel: str
    stage: str
    step: str
    message: str


def assemble(
    wanted: Sequence[Shown],
    facts: Mapping[str, ItemFacts],
    config: CreativeConfig,
    *,
    steps: Sequence[str],
    shown: Mapping[str, Mapping[str, int]],
    run_id: str,
    snapshot_id: str,
) -> pa.Table:
    """The creatives table, one row per wanted text.

    Args:
        wanted: for whom and for what.
        facts: of every item wanted.
        config: templates and guards.
        steps: the sequence.
        shown: when each template was last shown to a person.
        run_id: of the decisions.
        snapshot_id: of the items.

    Invariants: a row depends on its person, item and log alone; every headline passes the guards, or is the message of the
        stage.
    """
    filled: dict[tuple[str, str | None], Filled] = {}
    rows = []
    for text in wanted:
        order = ordered_templates(
            config.templates,
            stage=text.stage,
            channel=text.channel,
            step=text.step,
            steps=steps,
            shown=shown.get(text.person_id, {}),
        )
        item = NO_ITEM if text.item_id is None else facts[text.item_id]
        used, blocked = _first_usable(order, text.item_id, item, config, filled)
        name, found = used or (DEFAULT, Filled(clean_text(text.message), "", (), None))
        rows.append(
            {
                c.RUN_ID: run_id,
                c.PERSON_ID: text.person_id,
                c.RANK: text.rank,
                c.ITEM_ID: text.item_id,
                c.GHOST: text.ghost,
                c.CHANNEL: text.channel,
                c.STAGE: text.stage,
                c.STEP: text.step,
                c.TEMPLATE: name,
                c.HEADLINE: found.headline,
                c.BODY: found.body,
                c.LINK: item.link,
                c.IMAGE_LINK: item.image_link,
                c.PRICE_TEXT: item.texts.get(c.PRICE),
                c.FALLBACKS: ";".join(found.fallbacks),
                c.BLOCKED: ";".join(blocked),
                c.SNAPSHOT_ID: snapshot_id,
            }
        )
    return pa.Table.from_pylist(rows, schema=CREATIVES.schema)


def _first_usable(
    order: Sequence[TemplateConfig],
    item_id: str | None,
    item: ItemFacts,
    config: CreativeConfig,
    filled: dict[tuple[str, str | None], Filled],
) -> tuple[tuple[str, Filled] | None, list[str]]:
    """The first template that can be shown, and why those before it cannot."""
    blocked: list[str] = []
    for template in order:
        key = (template.name, item_id)
        if key not in filled:
            filled[key] = _fill(template, item, config)
        found = filled[key]
        if found.problem is None:
            return (template.name, found), blocked
        blocked.append(f"{template.name}:{found.problem}")
    return None, blocked


def _fill(template: TemplateConfig, item: ItemFacts, config: CreativeConfig) -> Filled:
    missing = [slot for slot in template.slots if slot not in item.texts]
    unknown = [slot for slot in missing if slot not in template.fallbacks]
    if unknown:
        return Filled("", "", (), f"{_MISSING}{unknown[0]}")
    values = {**item.texts, **{slot: template.fallbacks[slot] for slot in missing}}
    headline = clean_text(parse_template(template.headline).fill(values))
    body = clean_text(parse_template(template.body).fill(values))
    found = problem(template, headline, body, item, config)
    return Filled(headline, body, tuple(missing), found if headline else f"{_MISSING}headline")


def creative_figures(
    creatives: pa.Table, config: CreativeConfig, steps: Sequence[str]
) -> dict[str, Any]:
    """How often each template was used, what was blocked and filled by a fallback, and what somebody should look at."""
    blocked = Counter(
        reason
        for codes in creatives[c.BLOCKED].to_pylist()
        for reason in codes.split(";")
        if reason
    )
    fallbacks = Counter(
        slot for slots in creatives[c.FALLBACKS].to_pylist() for slot in slots.split(";") if slot
    )
    used = Counter(creatives[c.TEMPLATE].to_pylist())
    per_step = Counter(template.step for template in config.templates)
    warnings = [
        f"step '{step}' has one template: nothing to rotate"
        for step in steps
        if per_step[step] == 1
    ]
    unknown = sorted(set(per_step) - set(steps))
    warnings += [
        f"step '{step}' of a template is not in the sequence: never used" for step in unknown
    ]
    if used[DEFAULT] and config.templates:
        warnings.append(
            f"{used[DEFAULT]:,} texts are the message of the stage, no template could be used"
        )
    return {
        "templates": dict(sorted(used.items())),
        "blocked": dict(sorted(blocked.items())),
        "fallbacks": dict(sorted(fallbacks.items())),
        "warnings": warnings,
    }
