"""`retarget why --person`: one person's history, rules, lots, worth, items and decision, for somebody who asks why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from features import columns as c
from features.assignment import HOLDOUT, POLICY_HOLDOUT
from features.project import Project
from serving.decisions import (
    CONTACTED,
    EXPLORED,
    HELD_OUT,
    NOT_WORTH_IT,
    OVER_BUDGET,
    POLICY_HELD_OUT,
)
from serving.frequency import DISPLACED
from serving.why.known import PURCHASE, Erased, Known, look_up
from serving.why.rules import ago, rule_lines
from training.reports.page import money, percent, points

_SHOWN: Final = 5
"""Items, events and contacts shown of each kind."""

_VERDICTS: Final = {
    CONTACTED: "CONTACT: the policy chose this person.",
    EXPLORED: "CONTACT: drawn by lot among those the policy would leave out, so that the next model learns about them too.",
    HELD_OUT: "NO CONTACT: held out for good by lot, so that the lift of the whole programme can be measured.",
    POLICY_HELD_OUT: "NO CONTACT: the policy would contact this person, and a lot keeps them out this time to measure the policy.",
    DISPLACED: "NO CONTACT: a campaign of higher priority contacts this person now, and the limit on contacts leaves no room for this one.",
    NOT_WORTH_IT: "NO CONTACT: a contact is expected to earn less than it costs.",
    OVER_BUDGET: "NO CONTACT: worth it, but the budget went to persons with a higher return per unit of cost.",
}

_LEVELS: Final = {
    "exact": "the model's own choice",
    "group": "stands in for another size or colour of its group",
    "category_price": "stands in: same category, about the same price",
    "category": "best seller of its category",
    "parent_category": "best seller of the category above",
    "best_seller": "best seller of the shop",
    "pinned": "put there by the shop",
    "for_buyers": "put there for whoever bought",
}


def why_person(project: Project, asked: str) -> list[str]:
    """Why the person is contacted or not, as lines to print.

    Args:
        project: whose decisions in force.
        asked: person id, login, or an id of an earlier day.

    Raises:
        InputError, WorkspaceError: as `look_up`.
    """
    try:
        known = look_up(project, asked)
    except Erased:
        return [f"Person {asked} was erased: nothing is kept about them, nothing is decided, no file names them."]  # fmt: skip
    return [
        f"Person {asked}, decision of {known.as_of:%Y-%m-%d %H:%M} UTC",
        _verdict(known),
        *_section("What they did before", _history(known)),
        *_section("Contacts before", _contacts(known)),
        *_section("Rules, in order", iter(rule_lines(known))),
        *_section("Lot", iter([_lot(known)])),
        *_section("What a contact is worth", _worth(known)),
        *_section("Items", _items(known)),
        *_section("Export", iter([_export(known)])),
    ]


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return ["", title, *(f"  {line}" for line in lines)]


def _verdict(known: Known) -> str:
    return _VERDICTS.get(known.reason, f"NO CONTACT: removed by the rule '{known.reason}', see below.")  # fmt: skip


def _history(known: Known) -> Iterator[str]:
    if not known.events:
        yield "nothing"
        return
    counts = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in known.counts().most_common())  # fmt: skip
    yield f"{len(known.events):,} events ({counts}), the first {ago(known.events[0].hours)}, the last {ago(known.events[-1].hours)}"
    for name, title in ((PURCHASE, "bought"), ("view", "looked at"), ("cart_add", "put in the cart")):  # fmt: skip
        items = Counter(event.item for event in known.events if event.name == name and event.item)
        for item, times in items.most_common(_SHOWN):
            last = next(e.hours for e in reversed(known.events) if (e.name, e.item) == (name, item))
            yield f"{title} {_often(times)}, last {ago(last)}: {_title(known, item)}"


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times:,} times"


def _title(known: Known, item: str) -> str:
    return f"{known.titles.get(item, 'no longer in the catalog')} (item {item})"


def _contacts(known: Known) -> Iterator[str]:
    if known.contacts is None:
        yield "not known: there is no log of contacts"
        return
    if not known.contacts:
        yield "none"
        return
    recent = [f"{contact.channel} {ago(contact.hours)}" for contact in known.contacts[-_SHOWN:]]
    yield f"{len(known.contacts):,} in all; the last: {', '.join(reversed(recent))}"


def _lot(known: Known) -> str:
    arm, chance = known.first[c.ARM], percent(known.first[c.PROBABILITY])
    if arm == HOLDOUT:
        return f"held out for good (a chance of {chance}, drawn once from the person's id)"
    if arm == POLICY_HOLDOUT:
        return f"held out this time (a chance of {chance}, drawn anew for each decision)"
    return f"free to be contacted (a chance of {chance})"


def _worth(known: Known) -> Iterator[str]:
    row, campaign = known.first, known.campaign
    if row[c.UPLIFT] is None:
        yield "not known"
        return
    yield f"likely to order within a week without a contact: {percent(row[c.BASE_OUTCOME])}; a contact is expected to change that by {points(row[c.UPLIFT])} points"
    by = "" if row[c.CHANNEL] is None else f" by {row[c.CHANNEL]}"
    if row[c.VARIANT] != row[c.CHANNEL]:
        by += f" with the message '{row[c.VARIANT].replace('_', ' ')}'"
    value = money(row[c.EXPECTED_VALUE], known.currency, 3)
    cost = f"; it costs {money(row[c.EXPECTED_COST], known.currency, 3)}" if row[c.CONTACT] else ""
    yield f"expected margin of a contact{by}: {value}{cost}"
    yield f"a contact has to earn {campaign.budget.min_return:g} times its cost; the budget of all contacts is {money(campaign.budget.amount, known.currency)}"
    if row[c.BID_VALUE] is not None:
        yield f"worth bidding up to {money(row[c.BID_VALUE], known.currency, 3)}, modifier {row[c.BID_MODIFIER]:.2f}"


def _items(known: Known) -> Iterator[str]:
    rows = [row for row in known.decision if row[c.ITEM_ID] is not None]
    if not rows:
        yield (
            "none: no items are chosen for somebody whom a rule removes"
            if not known.first[c.ELIGIBLE]
            else "none is left after the item rules: an advertisement without items"
        )
        return
    if not known.first[c.CONTACT]:
        yield "would have been shown:"
    for row in rows:
        yield f"{row[c.RANK]}. {row[c.TITLE]} (item {row[c.ITEM_ID]}), {money(row[c.PRICE], known.currency)}: {row[c.RECO_KIND].replace('_', ' ')}"
        yield f"   {_source(row, known)}"


def _source(row: Mapping[str, Any], known: Known) -> str:
    level = _LEVELS[row[c.LEVEL]]
    if row[c.SOURCE_TIME] is None:
        return level
    hours = (known.as_of - row[c.SOURCE_TIME]).total_seconds() / 3600
    met = row[c.SOURCE_EVENT].replace("_", " ")
    return f"{level}; from their {met} of item {row[c.SOURCE_ITEM_ID]}, {ago(hours)}"


def _export(known: Known) -> str:
    if not known.first[c.CONTACT]:
        return "in no targeting file"
    if known.dropped is None:
        return "these decisions have not been exported"
    if known.dropped:
        return f"left out: asked again for the export, the rule '{known.dropped}' speaks against it"
    return "exported: asked again for the export, nothing speaks against it"
