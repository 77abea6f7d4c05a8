"""The errors a user can act on: what was found, which rule it breaks, what to do next."""

from __future__ import annotations


class RetargetError(Exception):
    """Base of every error raised on purpose.

    Attributes:
        subject: what is wrong, as the user knows it: a file, a config key, a table.
        found: the offending value or state, in words.
        rule: the rule it breaks.
        next_step: what to do about it.
        exit_code: process exit code of the command line, 2 for bad input or config, 1 for a gate.
    """

    exit_code = 2

    def __init__(self, subject: str, found: str, *, rule: str, next_step: str) -> None:
        self.subject = subject
        self.found = found
        self.rule = rule
        self.next_step = next_step
        super().__init__(f"{subject}: {found}; {rule}. {next_step}")


class ConfigError(RetargetError):
    """A config file or override that cannot be used; raised before any data is read."""


class InputError(RetargetError):
    """Input data that is missing, empty or unreadable."""


class SchemaError(InputError):
    """A table that breaks its contract."""


class WorkspaceError(RetargetError):
    """An output folder that cannot be written, is locked, or lacks an earlier step."""


class GateError(RetargetError):
    """A check that says no: the run stops and the last good output stays in place."""

    exit_code = 1
