"""Errors raised on purpose, carried from a worker of a cluster to the process that waits for it.

A cluster hands back the text of an exception, not the exception. What a user can act on is therefore written into that
text, and read out of it where the text arrives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from features.errors import (
    ConfigError,
    GateError,
    InputError,
    RetargetError,
    SchemaError,
    WorkspaceError,
)

_BEGIN: Final = "<<retarget:"
_END: Final = ":retarget>>"
_FACTS: Final = ("subject", "found", "rule", "next_step")
_KINDS: Final = {
    kind.__name__: kind
    for kind in (RetargetError, ConfigError, InputError, SchemaError, WorkspaceError, GateError)
}


class CarriedError(Exception):
    """An error on its way: its text holds all facts of a `RetargetError`."""


@contextmanager
def packing() -> Iterator[None]:
    """Around the work of a worker: errors raised on purpose leave with their facts in their text."""
    try:
        yield
    except RetargetError as error:
        kind = next(name for base in type(error).__mro__ if (name := base.__name__) in _KINDS)
        facts = {"kind": kind, **{name: getattr(error, name) for name in _FACTS}}
        raise CarriedError(f"{_BEGIN}{json.dumps(facts)}{_END}") from error


@contextmanager
def unpacking() -> Iterator[None]:
    """Around waiting for workers: what they raised on purpose is raised again; anything else passes as it is.

    Raises:
        RetargetError: the error of a worker, of the same class and with the same facts.
    """
    try:
        yield
    except Exception as error:
        carried = unpack(str(error))
        if carried is None:
            raise
        raise carried from None


def unpack(text: str) -> RetargetError | None:
    """The error that a text carries; None = there is none."""
    _, found, rest = text.partition(_BEGIN)
    facts, closed, _ = rest.partition(_END)
    if not found or not closed:
        return None
    known = json.loads(facts)
    return _KINDS[known["kind"]](
        known["subject"], known["found"], rule=known["rule"], next_step=known["next_step"]
    )
