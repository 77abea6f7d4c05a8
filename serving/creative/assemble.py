"""From decisions to what each person is shown: the first template of their order that its item can fill and no guard forbids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

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
_OWN: Final = {
    c.PERSON_ID: pa.string(), c.RANK: pa.int64(), c.ITEM_ID: pa.string(), c.GHOST: pa.bool_(), c.CHANNEL: pa.string(),
    c.STAGE: pa.string(), c.STEP: pa.string(),
}  # fmt: skip
"""Columns that are told for each text wanted."""

CREATIVE_COLUMNS: Final = (c.TEMPLATE, c.BLOCKED, c.FALLBACKS)
"""What `creative_figures` looks at."""


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


class _Text(NamedTuple):
    """What a person is shown of an item, whoever it is: the cells of the creatives table that hang on neither person nor place."""

    template: str
    headline: str
    body: str
    link: str | None
    image_link: str | None
    price_text: str | None
    fallbacks: str
    blocked: str


def assemble(
    wanted: Sequence[Shown],
    facts: Mapping[str, ItemFacts],
    config: CreativeConfig,
    *,
    steps: Sequence[str],
    shown: Mapping[str, Mapping[str, int]],
    run_id: str,
    snapshot_id: str,
    filled: dict[tuple[str, str | None], Filled] | None = None,
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
        filled: templates filled before from the same facts and config, by template and item; new ones are added.

    Invariants: a row depends on its person, item and log alone; every headline passes the guards, or is the message of the
        stage.
    """
    filled = {} if filled is None else filled
    place: dict[tuple[Any, ...], int] = {}
    texts: list[_Text] = []
    index = []
    for text in wanted:
        past = shown.get(text.person_id, {})
        key = (text.item_id, text.channel, text.stage, text.step, text.message, *past.items())
        if key not in place:
            place[key] = len(texts)
            texts.append(_text_of(text, past, facts, config, steps, filled))
        index.append(place[key])
    own = {
        name: pa.array([getattr(text, name) for text in wanted], type_)
        for name, type_ in _OWN.items()
    }
    count = len(wanted)
    alike = pa.table(
        [pa.array(column, pa.string()) for column in zip(*texts, strict=True)]
        or [[]] * len(_Text._fields),
        names=list(_Text._fields),
    ).take(pa.array(index, pa.int64()))
    same = {
        name: pa.repeat(pa.scalar(value, pa.string()), count)
        for name, value in ((c.RUN_ID, run_id), (c.SNAPSHOT_ID, snapshot_id))
    }
    columns = {**own, **same, **{name: alike[name] for name in _Text._fields}}
    return pa.table(
        [columns[field.name].cast(field.type) for field in CREATIVES.schema],
        schema=CREATIVES.schema,
    )


def _text_of(
    text: Shown,
    past: Mapping[str, int],
    facts: Mapping[str, ItemFacts],
    config: CreativeConfig,
    steps: Sequence[str],
    filled: dict[tuple[str, str | None], Filled],
) -> _Text:
    order = ordered_templates(
        config.templates,
        stage=text.stage,
        channel=text.channel,
        step=text.step,
        steps=steps,
        shown=past,
    )
    item = NO_ITEM if text.item_id is None else facts[text.item_id]
    used, blocked = _first_usable(order, text.item_id, item, config, filled)
    name, found = used or (DEFAULT, Filled(clean_text(text.message), "", (), None))
    return _Text(
        template=name,
        headline=found.headline,
        body=found.body,
        link=item.link,
        image_link=item.image_link,
        price_text=item.texts.get(c.PRICE),
        fallbacks=";".join(found.fallbacks),
        blocked=";".join(blocked),
    )


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
    blocked, fallbacks = (
        _counted(creatives[name], split=True) for name in (c.BLOCKED, c.FALLBACKS)
    )
    used = _counted(creatives[c.TEMPLATE], split=False)
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


def _counted(texts: pa.ChunkedArray, *, split: bool) -> Counter[str]:
    """How often each text stands there, or each code of texts that hold several."""
    counts: Counter[str] = Counter()
    for row in pc.value_counts(texts).to_pylist():
        codes = row["values"].split(";") if split else [row["values"]]
        for code in filter(None, codes):
            counts[code] += row["counts"]
    return counts
