"""The creative part of a campaign: templates, and what no text may claim."""

from __future__ import annotations

from typing import Self

from pydantic import Field, field_validator, model_validator

from features.config import BaseConfig
from serving.creative.templates import parse_template


class TemplateConfig(BaseConfig):
    """One text, for some stages and a step of the sequence."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """Stands in decisions and logs."""

    step: str
    """Step of the sequence it belongs to."""

    stages: tuple[str, ...] = ()
    """Funnel stages it is written for; empty = all."""

    channels: tuple[str, ...] = ()
    """Channels it is written for; empty = all."""

    headline: str = Field(min_length=1)
    """Text with slots: attributes of the item, and `price`, `regular_price`, `discount` (per cent) as of the decision."""

    body: str = ""
    """Text with slots."""

    fallbacks: dict[str, str] = Field(default={})
    """What fills a slot of which the feed says nothing; a slot without makes the template unusable for that item."""

    @field_validator("headline", "body")
    @classmethod
    def _only_slots(cls, text: str) -> str:
        parse_template(text)
        return text

    @property
    def slots(self) -> tuple[str, ...]:
        """Names of all its slots."""
        found = {*parse_template(self.headline).slots, *parse_template(self.body).slots}
        return tuple(sorted(found))

    @model_validator(mode="after")
    def _known_fallbacks(self) -> Self:
        unknown = sorted(set(self.fallbacks) - set(self.slots))
        if unknown:
            raise ValueError(f"template '{self.name}' has no slot '{unknown[0]}' to fall back on")
        return self


class CreativeConfig(BaseConfig):
    """What persons are shown."""

    templates: tuple[TemplateConfig, ...] = ()
    """In order of preference within a step; without a usable one the message of the stage is shown."""

    headline_limit: int = Field(default=90, ge=1)
    """Characters of a headline."""

    body_limit: int = Field(default=180, ge=1)
    """Characters of a body."""

    banned_claims: tuple[str, ...] = (
        "guaranteed",
        "risk-free",
        "free money",
        "miracle",
        "100% safe",
    )
    """Words no text may hold, in any case."""

    urgency_claims: tuple[str, ...] = (
        "hurry", "last chance", "almost gone", "selling fast", "few left", "left in stock", "only a few", "running out",
    )  # fmt: skip
    """Words that press: allowed for items whose feed says that few are left."""

    urgency_steps: tuple[str, ...] = ("urgency",)
    """Steps whose templates press, whatever their words."""

    urgency_below: int = Field(default=5, ge=1)
    """Units in stock below which pressing is true."""

    @model_validator(mode="after")
    def _different_names(self) -> Self:
        names = [template.name for template in self.templates]
        if len(set(names)) < len(names):
            raise ValueError("two templates have the same name")
        return self
