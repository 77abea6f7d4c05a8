"""What other systems call our events: one table of presets, shipped as data, and a client's own names on top."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
from pydantic import Field

from features.config import BaseConfig
from features.distinct import map_distinct
from features.errors import ConfigError
from features.interactions import EventName
from features.tables import EVENT_NAMES

EVENT_NAMES_FILE: Final = Path(__file__).with_name("event_names.csv")
FIELDS: Final = ("preset", "written", "event_name", "mark", "source")

Preset = Literal["ga4", "segment", "meta", "criteo", "retail", "personalize", "snowplow"]

UNKNOWN_EVENT: Final = "unknown_event"
IGNORED_EVENT: Final = "ignored_event"


class EventNamesConfig(BaseConfig):
    """Which of a source's event names are which of ours."""

    preset: Preset | None = None
    """Names as this system writes them; left out = our own vocabulary."""

    names: dict[str, EventName] = Field(default={})
    """Further names, or other meanings of the preset's: name in the source -> our event."""

    ignored: tuple[str, ...] = ()
    """Names known and not wanted; their rows are rejected as `ignored_event` and not as `unknown_event`."""


class EventNames:
    """Looks up names without regard to case and surrounding blanks.

    Raises:
        ConfigError: a name is both mapped and ignored.
    """

    def __init__(self, config: EventNamesConfig) -> None:
        usual = read_event_names()[config.preset] if config.preset else dict.fromkeys(EVENT_NAMES)
        found = {name: event or name for name, event in usual.items()}
        own = {_key(name): event for name, event in config.names.items()}
        ignored = {_key(name) for name in config.ignored}
        both = sorted(ignored & set(own))
        if both:
            raise ConfigError(
                f"event name '{both[0]}'",
                "is both mapped and ignored",
                rule="a name has one meaning",
                next_step="Take it out of 'names' or out of 'ignored'.",
            )
        self._events = {name: e for name, e in {**found, **own}.items() if name not in ignored}
        self._ignored = ignored

    def translate(self, names: pa.ChunkedArray) -> pa.ChunkedArray:
        """Our event per row, shape (n,); null where the name is missing, unknown or ignored."""
        return map_distinct(names, lambda name: self._events.get(_key(name)), pa.string())

    def reason(self, name: str | None) -> str:
        """Reason code of a row whose name has no translation."""
        ignored = name is not None and _key(name) in self._ignored
        return IGNORED_EVENT if ignored else UNKNOWN_EVENT


@cache
def read_event_names(path: Path = EVENT_NAMES_FILE) -> Mapping[str, Mapping[str, str]]:
    """The table of presets: preset -> name as written, folded -> our event.

    Raises:
        ConfigError: the file is missing, or a row of it is wrong; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.strerror})") from None
    presets: dict[str, dict[str, str]] = {}
    for number, row in enumerate(csv.DictReader(lines), start=2):
        if tuple(row) != FIELDS or None in row.values():
            raise _broken(path, f"line {number}: its columns are not {', '.join(FIELDS)}")
        if row["event_name"] not in EVENT_NAMES:
            raise _broken(path, f"line {number}: '{row['event_name']}' is not in the vocabulary")
        names = presets.setdefault(row["preset"], {})
        if _key(row["written"]) in names:
            raise _broken(path, f"line {number}: '{row['written']}' stands there twice")
        names[_key(row["written"])] = row["event_name"]
    return presets


def _key(name: str) -> str:
    return name.strip().casefold()


def _broken(path: Path, found: str) -> ConfigError:
    return ConfigError(
        str(path),
        found,
        rule="the table of event names is a CSV file, one row per name of a preset",
        next_step="Correct the file.",
    )
