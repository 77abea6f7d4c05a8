"""Search spaces as YAML declares them: per entry, which keys of a config are tried, and in which range.

    als:
      factors: {low: 16, high: 128, log: true}      # whole numbers, because the config wants one
      half_life_days: {choices: [30, 60, 120]}
      iterations: 10                                 # fixed

A key may lie deeper, `base.penalty`, or in a list, `members.0.share`. Every end of every range and every choice is
checked by building the config it belongs to, before anything is tried.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import Field, model_validator

from features.config import BaseConfig, validate
from features.errors import ConfigError
from training.search.study import Setting, Space

KIND: Final = "kind"

_ROUNDING: Final = 1e-9

EntryName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
"""Name of an entry."""

ConfigT = TypeVar("ConfigT", bound=BaseConfig)
Number = int | float


class RangeConfig(BaseConfig):
    """Numbers from `low` to `high`, both included."""

    low: Number
    """Smallest value."""

    high: Number
    """Largest value."""

    log: bool = False
    """Whether equal ratios are equally likely, not equal differences."""

    step: Number | None = Field(default=None, gt=0)
    """Distance between two values; null = 1 for whole numbers, none for others."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("'log' needs low above 0, and no step")
        if self.step is not None and abs(_remainder(self.high - self.low, self.step)) > _ROUNDING:
            raise ValueError(f"steps of {self.step} from {self.low} do not end at {self.high}")
        return self

    def probes(self) -> list[Any]:
        """Values to build the config with."""
        return [self.low, self.high, *([] if self.step is None else [self.low + self.step])]

    def distribution(self, built: Any) -> BaseDistribution:
        """The same for Optuna; of whole numbers where the config holds one."""
        if isinstance(built, int):
            return IntDistribution(
                int(self.low), int(self.high), log=self.log, step=int(self.step or 1)
            )
        return FloatDistribution(
            float(self.low),
            float(self.high),
            log=self.log,
            step=None if self.step is None else float(self.step),
        )

    def chosen(self, value: Any) -> Any:
        """The config's value for Optuna's."""
        return value


class ChoicesConfig(BaseConfig):
    """One of a few values, of any kind."""

    choices: tuple[Any, ...] = Field(min_length=1)
    """The values."""

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        named = [_name(choice) for choice in self.choices]
        if any(choice in named[:place] for place, choice in enumerate(named)):
            raise ValueError("a choice appears twice")
        return self

    def probes(self) -> list[Any]:
        """Values to build the config with."""
        return list(self.choices)

    def distribution(self, built: Any) -> BaseDistribution:  # noqa: ARG002 - one shape for both
        """The same for Optuna, which takes plain values only; others go by their JSON."""
        return CategoricalDistribution([_name(choice) for choice in self.choices])

    def chosen(self, value: Any) -> Any:
        """The config's value for Optuna's."""
        return next(choice for choice in self.choices if _name(choice) == value)


@dataclass(frozen=True)
class SearchSpace(Generic[ConfigT]):
    """One entry of a search space: settings of one kind.

    Attributes:
        name: of the entry.
        fixed: what all its settings share, `kind` among it.
        varied: what is tried, by dotted key.
        build: makes the typed config of a setting.
        distributions: `varied` as Optuna has it.
    """

    name: str
    fixed: Mapping[str, Any]
    varied: Mapping[str, RangeConfig | ChoicesConfig]
    build: Callable[[Mapping[str, Any]], ConfigT]
    distributions: Space

    def corners(self) -> tuple[ConfigT, ...]:
        """Settings that between them hold every end of every range and every choice."""
        return _corners(self.fixed, self.varied, self.build)

    def point(self) -> dict[str, Any]:
        """Some setting of the space, as it stands in a config file: the lowest."""
        return _with_values(self.fixed, {key: own.probes()[0] for key, own in self.varied.items()})

    def content(self, setting: Setting) -> dict[str, Any]:
        """A setting as it stands in a config file."""
        return _with_values(
            self.fixed, {key: self.varied[key].chosen(value) for key, value in setting.items()}
        )

    def config(self, setting: Setting) -> ConfigT:
        """A setting as a typed config."""
        return self.build(self.content(setting))


def read_search_space(
    name: str,
    content: Mapping[str, Any],
    *,
    build: Callable[[Mapping[str, Any]], ConfigT],
    subject: str,
) -> SearchSpace[ConfigT]:
    """One entry of a search space, checked.

    Args:
        name: of the entry; also its `kind`, unless the entry names one.
        content: key -> range, choices, or a fixed value.
        build: makes the typed config, or raises a ConfigError that names the key.
        subject: what errors call the entry.

    Raises:
        ConfigError: a range or choice that is none, or one that the typed config refuses.
    """
    fixed: dict[str, Any] = {KIND: name}
    varied: dict[str, RangeConfig | ChoicesConfig] = {}
    for key, value in content.items():
        declared = _declared(value)
        if declared is None:
            fixed = _with_values(fixed, {key: value})
        else:
            varied[key] = validate(declared, value, subject=f"{subject}.{key}")
    first = _corners(fixed, varied, build)[0]
    distributions = {
        key: parameter.distribution(_value_at(first, key)) for key, parameter in varied.items()
    }
    return SearchSpace(name, fixed, varied, build, distributions)


def _corners(
    fixed: Mapping[str, Any],
    varied: Mapping[str, RangeConfig | ChoicesConfig],
    build: Callable[[Mapping[str, Any]], ConfigT],
) -> tuple[ConfigT, ...]:
    probes = {key: parameter.probes() for key, parameter in varied.items()}
    return tuple(
        build(
            _with_values(fixed, {key: own[min(place, len(own) - 1)] for key, own in probes.items()})
        )
        for place in range(max(map(len, probes.values()), default=1))
    )


def _remainder(length: Number, step: Number) -> float:
    """What is left of a length after whole steps, as a share of a step."""
    return length / step - round(length / step)


def _name(choice: Any) -> Any:
    plain = choice is None or isinstance(choice, str | int | float)
    return choice if plain else json.dumps(choice, sort_keys=True)


def _declared(value: Any) -> type[RangeConfig | ChoicesConfig] | None:
    """What a value declares; None = it is a fixed one."""
    if not isinstance(value, Mapping):
        return None
    for model in (ChoicesConfig, RangeConfig):
        if set(value) & set(model.model_fields):
            return model
    return None


def _with_values(content: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """`content` with values put at dotted keys; numbers in a key are places in a list."""
    result: dict[str, Any] = copy.deepcopy(dict(content))
    for dotted, value in values.items():
        *parents, last = dotted.split(".")
        level: Any = result
        for parent in parents:
            level = _inside(level, parent, dotted)
        if isinstance(level, list):
            level[_place(level, last, dotted)] = value
        else:
            level[last] = value
    return result


def _inside(level: Any, key: str, dotted: str) -> Any:
    found = (
        level[_place(level, key, dotted)] if isinstance(level, list) else level.setdefault(key, {})
    )
    if not isinstance(found, dict | list):
        raise _not_there(dotted, f"'{key}' is not a group of keys")
    return found


def _place(level: list[Any], key: str, dotted: str) -> int:
    if not (key.isdecimal() and int(key) < len(level)):
        raise _not_there(dotted, f"'{key}' is no place in a list of {len(level)}")
    return int(key)


def _not_there(dotted: str, found: str) -> ConfigError:
    return ConfigError(
        f"search space, key '{dotted}'",
        found,
        rule="a dotted key descends into groups and lists",
        next_step="Fix the group above it first, for example 'base: {kind: linear}', then 'base.penalty'.",
    )


def _value_at(config: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        if isinstance(config, BaseConfig):
            config = getattr(config, key)
        else:
            config = config[int(key) if isinstance(config, tuple | list) else key]
    return config
