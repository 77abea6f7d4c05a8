"""The person rules in words: what was found, and the limit it was held against."""

from __future__ import annotations

from typing import Final

from features import columns as c
from features.builders.treatment import ContactCap
from serving.config import TimingConfig
from serving.eligibility import ERASED
from serving.frequency import DISPLACED, FREQUENCY_CAP, NOT_ENFORCED, TOO_EARLY, TOO_LATE, caps_of
from serving.why.known import HOURS_PER_DAY, PURCHASE, Ahead, Known

PASSED: Final = "passed"
REMOVED: Final = "REMOVED"
NOT_ASKED: Final = "not asked"
"""What a rule did: a person whom one rule removes is not asked about by those after it."""

_LONG: Final = 72
"""Hours above which an age is told in days."""


def rule_lines(known: Known) -> list[str]:
    """One line per rule, in order: its name, what it did, what was found and what the limit is."""
    lines, state = [], PASSED
    for rule in known.rules:
        if rule == known.reason:
            state = REMOVED
        lines.append(f"{rule:24} {state:9}  {_found(rule, known)}")
        state = NOT_ASKED if state == REMOVED else state
    return lines


def ago(hours: float) -> str:
    """How long before the decision.

    Example:
        >>> ago(5.2), ago(100)
        ('5.2 hours before', '4.2 days before')
    """
    told = f"{hours:.1f} hours" if hours < _LONG else f"{hours / HOURS_PER_DAY:,.1f} days"
    return f"{told} before"


def _found(rule: str, known: Known) -> str:
    if rule.removesuffix(NOT_ENFORCED) == FREQUENCY_CAP:
        return _caps(known)
    words = {
        ERASED: _not_erased,
        "no_consent": _consent,
        "no_history": _history,
        "recent_purchaser": _purchase,
        TOO_EARLY: _early,
        TOO_LATE: _late,
        DISPLACED: _displaced,
    }.get(rule)
    return _quiet(rule, known) if words is None else words(known)


def _not_erased(_: Known) -> str:
    return "did not ask to be erased"


def _history(known: Known) -> str:
    return f"{len(known.events):,} events"


def _purchase(known: Known) -> str:
    hours = known.campaign.eligibility.recent_purchase_hours
    return f"last order {_last(known, PURCHASE)}; needs more than {hours:g} hours"


def _displaced(known: Known) -> str:
    planned = [_planned(one) for one in known.ahead]
    room = "no room for one more" if known.reason == DISPLACED else "room for one more"
    return f"{'; '.join(planned)}; with that the caps above leave {room}"


def _planned(campaign: Ahead) -> str:
    if campaign.changed:
        return f"'{campaign.file}', of higher priority, has changed since this decision"
    plan = "does not contact" if campaign.channel is None else "contacts"
    by = "" if campaign.channel is None else f" by {_words(campaign.channel)}"
    return f"the campaign of higher priority in '{campaign.file}' {plan} this person{by}"


def _quiet(rule: str, known: Known) -> str:
    event = rule.removeprefix("recent_")
    days = known.campaign.eligibility.quiet_days[event]
    return f"last {_words(event)} {_last(known, event)}; needs more than {days:g} days"


def _consent(known: Known) -> str:
    given, since = known.facts[c.CONSENT_PERSONALISATION], known.facts[c.CONSENT_SINCE]
    if given is None or (given and since is None):
        return "never said whether advertising may be personal; that counts as no"
    if not given:
        return "did not agree to personalised advertising"
    late = "" if since < known.as_of else ", which is after the decision"
    return f"agreed to personalised advertising on {since:%Y-%m-%d}{late}"


def _early(known: Known) -> str:
    stage = known.first[c.STAGE]
    limits = known.campaign.frequency.timing.get(stage, TimingConfig())
    return f"last event {_last(known, None)}; stage {_words(stage)} starts after {limits.start_hours:g} hours"


def _late(known: Known) -> str:
    stage = known.first[c.STAGE]
    limits = known.campaign.frequency.timing.get(stage, TimingConfig())
    end = "has no end" if limits.stop_days is None else f"stops after {limits.stop_days:g} days"
    return f"last event {_last(known, None)}; stage {_words(stage)} {end}"


def _caps(known: Known) -> str:
    if known.contacts is None:
        return "NOT ENFORCED: there is no log of contacts"
    return "; ".join(_cap(cap, known) for cap in caps_of(known.campaign.frequency))


def _cap(cap: ContactCap, known: Known) -> str:
    within = [
        contact
        for contact in known.contacts or ()
        if contact.hours <= HOURS_PER_DAY * cap.window_days
        and cap.channel in {None, contact.channel}
    ]
    by = "" if cap.channel is None else f" by {cap.channel}"
    return f"contacts{by} in {cap.window_days:g} days: {len(within)}, at most {cap.max_contacts}"


def _last(known: Known, name: str | None) -> str:
    hours = known.hours_since(name)
    return "never" if hours is None else ago(hours)


def _words(name: str) -> str:
    return name.replace("_", " ")
