"""Configs refuse what they do not know, and say where and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import pytest
from pydantic import Field

from features.config import BaseConfig, UtcTime, config_hash, load_config, with_overrides
from features.errors import ConfigError


class Inner(BaseConfig):
    half_life_days: float = Field(default=30, gt=0)


class Als(BaseConfig):
    kind: Literal["als"]
    factors: int = 64


class Popular(BaseConfig):
    kind: Literal["popular"]
    window_days: int = 28


class Outer(BaseConfig):
    as_of: UtcTime = datetime(2017, 1, 1, tzinfo=UTC)
    inner: Inner = Inner()
    model: Annotated[Als | Popular, Field(discriminator="kind")] = Als(kind="als")
    models: tuple[Annotated[Als | Popular, Field(discriminator="kind")], ...] = ()
    named: dict[str, Annotated[Als | Popular, Field(discriminator="kind")]] = Field(default={})


@pytest.fixture
def load(tmp_path):
    def load_text(text, *overrides):
        path = tmp_path / "outer.yaml"
        path.write_text(text)
        return load_config(Outer, path, overrides=overrides)

    return load_text


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param(
            "inner: {half_life_day: 3}",
            [
                "outer.yaml",
                "'inner.half_life_day'",
                "unknown key",
                "did you mean 'half_life_days'?",
            ],
            id="misspelt nested key",
        ),
        pytest.param(
            "model: {kind: als, factor: 3}",
            ["'model.als.factor'", "did you mean 'factors'?"],
            id="misspelt key of a union member",
        ),
        pytest.param(
            "models: [{kind: als}, {kind: popular, window: 3}]",
            ["'models.1.popular.window'", "did you mean 'window_days'?"],
            id="misspelt key in a list",
        ),
        pytest.param(
            "named: {mine: {kind: popular, window: 3}}",
            ["'named.mine.popular.window'", "did you mean 'window_days'?"],
            id="misspelt key in an entry of a mapping",
        ),
        pytest.param(
            "zzz: 1", ["unknown key, valid keys: as_of, inner, model, models"], id="no near key"
        ),
        pytest.param(
            "inner: {half_life_days: -1}", ["greater than 0", "found -1"], id="out of range"
        ),
        pytest.param("model: {kind: al}", ["'als', 'popular'"], id="unknown kind"),
        pytest.param("inner: {half_life_days: '3'}", ["valid number"], id="text for a number"),
        pytest.param("as_of: 5", ["must be a date or a time"], id="number for a time"),
        pytest.param("- 1", ["holds a list", "one YAML mapping"], id="not a mapping"),
        pytest.param("inner: {", ["not valid YAML"], id="broken YAML"),
        pytest.param("inner: {}\ninner: {}", ["key 'inner' appears twice"], id="duplicate key"),
        pytest.param("inner: &a {}\nmodel: *a", ["aliases are not allowed"], id="alias"),
    ],
)
def test_a_wrong_config_names_file_key_and_remedy(load, text, parts):
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert [part for part in parts if part not in str(caught.value)] == []
    assert caught.value.exit_code == 2


def test_a_missing_file_suggests_its_neighbour(tmp_path):
    (tmp_path / "recommender.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"no such file; .* Did you mean '.*recommender.yaml'"):
        load_config(Outer, tmp_path / "recomender.yaml")


def test_overrides_descend_and_are_read_as_yaml(load):
    config = load("inner: {half_life_days: 5}", "inner.half_life_days=7", "model={kind: popular}")
    assert (config.inner.half_life_days, config.model.kind) == (7.0, "popular")


@pytest.mark.parametrize("override", ["inner.half_life_days", "=3"])
def test_an_override_without_key_or_value_is_refused(override):
    with pytest.raises(ConfigError, match="has no '='"):
        with_overrides({}, [override])


def test_an_override_cannot_descend_into_a_number():
    with pytest.raises(ConfigError, match="'inner' is not a group of keys"):
        with_overrides({"inner": 3}, ["inner.half_life_days=3"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-12-25", datetime(2017, 12, 25, tzinfo=UTC)),
        ("2017-12-25T06:00:00", datetime(2017, 12, 25, 6, tzinfo=UTC)),
        ("2017-12-25T06:00:00+02:00", datetime(2017, 12, 25, 4, tzinfo=UTC)),
    ],
)
def test_times_become_utc(load, text, expected):
    assert load(f"as_of: {text}").as_of == expected


def test_the_hash_depends_on_content_not_on_spelling(load):
    assert config_hash(load("inner: {half_life_days: 30}")) == config_hash(
        load("inner:\n  half_life_days: 30.0")
    )
    assert config_hash(load("inner: {half_life_days: 31}")) != config_hash(load(""))
