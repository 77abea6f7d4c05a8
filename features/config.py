"""Typed, frozen configs: YAML in, clear errors out.

An unknown key, a value outside its range or a duplicate key is a `ConfigError` that names the file, the key and, for a
misspelling, the nearest valid key.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import types
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from features.errors import ConfigError


def _to_utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _midnight(value: object) -> object:
    """A bare date means its first moment in UTC."""
    if not isinstance(value, (str, datetime)):
        raise ValueError("must be a date or a time, such as 2017-12-25 or 2017-12-25T06:00:00Z")  # noqa: TRY004 - pydantic reports ValueError
    if isinstance(value, str) and len(value) == len("2017-12-25"):
        return f"{value}T00:00:00Z"
    return value


UtcTime = Annotated[
    datetime, Field(strict=False), BeforeValidator(_midnight), AfterValidator(_to_utc)
]
"""A moment in UTC. A date without a time is midnight; a time without a zone is UTC."""


class BaseConfig(BaseModel):
    """Base of every config: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


ConfigT = TypeVar("ConfigT", bound=BaseConfig)


class _StrictLoader(yaml.SafeLoader):
    """YAML without aliases (they hide blow-ups) and without duplicate keys (the last one wins silently)."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} appears twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: the file is missing, is not valid YAML, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = difflib.get_close_matches(path.name, _siblings(path), n=1)
        hint = f"Did you mean '{path.with_name(near[0])}'?" if near else "Check the path."
        raise ConfigError(
            str(path), "no such file", rule="a config must exist", next_step=hint
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path),
            f"cannot be read ({type(error).__name__})",
            rule="a config is a UTF-8 text file",
            next_step="Check the path, its permissions and its encoding.",
        ) from None
    return _parse(text, subject=str(path))


def _siblings(path: Path) -> list[str]:
    return sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []


def _parse(text: str, *, subject: str) -> dict[str, Any]:
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, stricter
    except yaml.YAMLError as error:
        raise ConfigError(
            subject,
            f"not valid YAML: {' '.join(str(error).split())}",
            rule="a config is one YAML mapping",
            next_step="Fix the syntax at the place named.",
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            subject,
            f"holds a {type(content).__name__}",
            rule="a config is one YAML mapping",
            next_step="Write 'key: value' lines.",
        )
    return content


def with_overrides(content: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """`content` with `key.sub=value` overrides applied; values are read as YAML.

    Raises:
        ConfigError: an override without '=', or one that descends into a scalar.
    """
    result: dict[str, Any] = json.loads(_canonical(content))
    for override in overrides:
        dotted, separator, text = override.partition("=")
        if not separator or not dotted:
            raise ConfigError(
                f"override {override!r}",
                "has no '='",
                rule="an override is key=value",
                next_step="For example: budget.amount=50",
            )
        *parents, last = dotted.split(".")
        level = result
        for parent in parents:
            level = level.setdefault(parent, {})
            if not isinstance(level, dict):
                raise ConfigError(
                    f"override {override!r}",
                    f"'{parent}' is not a group of keys",
                    rule="a dotted key descends into groups",
                    next_step="Check the key against the config file.",
                )
        level[last] = _parse(f"value: {text}", subject=f"override {override!r}")["value"]
    return result


def load_config(model: type[ConfigT], path: Path, *, overrides: Sequence[str] = ()) -> ConfigT:
    """Read `path`, apply overrides, and validate against `model`.

    Raises:
        ConfigError: naming the file and every offending key.
    """
    return validate(model, with_overrides(read_yaml(path), overrides), subject=str(path))


def validate(model: type[ConfigT], content: Mapping[str, Any], *, subject: str) -> ConfigT:
    """`content` as a `model`.

    Raises:
        ConfigError: one line per offending key, with the nearest valid key for a misspelling.
    """
    try:
        return model.model_validate_json(_canonical(content))
    except ValidationError as error:
        problems = [_describe(model, issue) for issue in error.errors()]
        raise ConfigError(
            subject,
            " | ".join(problems),
            rule=f"it must fit {model.__name__}",
            next_step="Correct the keys named.",
        ) from None


def config_hash(config: BaseModel) -> str:
    """Hash of a config's content, 64 hex digits; equal configs have equal hashes."""
    return hashlib.sha256(_canonical(config.model_dump(mode="json")).encode()).hexdigest()


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, default=_to_json)


def _to_json(value: object) -> str:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _describe(model: type[BaseModel], issue: Mapping[str, Any]) -> str:
    location: tuple[int | str, ...] = issue["loc"]
    dotted = ".".join(str(part) for part in location) or "(file)"
    if issue["type"] != "extra_forbidden":
        return f"'{dotted}': {issue['msg']} (found {issue.get('input')!r})"
    valid = _fields_at(model, location[:-1])
    near = difflib.get_close_matches(str(location[-1]), valid, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"valid keys: {', '.join(valid)}"
    return f"'{dotted}': unknown key, {hint}"


def _fields_at(annotation: Any, location: Sequence[int | str]) -> list[str]:
    """Valid keys at `location` inside a model; a union contributes the keys of its chosen member."""
    if location and get_origin(annotation) is dict:
        return _fields_at(get_args(annotation)[1], location[1:])
    models = _models_in(annotation)
    if not location:
        return sorted({name for model in models for name in model.model_fields})
    head, *rest = location
    for model in models:
        if str(head) in model.model_fields:
            return _fields_at(model.model_fields[str(head)].annotation, rest)
    if isinstance(head, int):
        return _fields_at(annotation, rest)
    tagged = [m for m in models if "kind" in m.model_fields and head in _kinds(m)]
    return _fields_at(tagged[0], rest) if tagged else []


def _kinds(model: type[BaseModel]) -> tuple[Any, ...]:
    return get_args(model.model_fields["kind"].annotation)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, Annotated, list, tuple, dict):
        return [model for part in get_args(annotation) for model in _models_in(part)]
    return []
