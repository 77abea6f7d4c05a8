"""`retarget why`: about whom or what it is asked."""

from __future__ import annotations

from pathlib import Path

from features.errors import ConfigError
from features.project import Project
from serving.why.item import why_item
from serving.why.person import why_person


def why_lines(config: Path, *, person: str | None, item: str | None) -> list[str]:
    """The answer as lines to print.

    Args:
        config: a project folder, or any config in it.
        person: whom it is about; None = nobody.
        item: which item it is about; None = none.

    Raises:
        ConfigError: neither is named, or there is no such project.
        InputError: the person or the item is not known.
        WorkspaceError: nothing has been decided yet.
    """
    project = Project(config if config.is_dir() else config.parent)
    if person is None and item is None:
        raise ConfigError(
            "why",
            "nobody and nothing is named",
            rule="one question is about a person, an item, or both",
            next_step="Add --person ID or --item ID.",
        )
    of_person = [] if person is None else why_person(project, person)
    of_item = [] if item is None else why_item(project, item)
    return [*of_person, *([""] if of_person and of_item else []), *of_item]
