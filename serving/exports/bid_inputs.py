"""Bid inputs: what a contact with each person is worth, the funnel stage, and a bid modifier within bounds."""

from __future__ import annotations

from statistics import fmean
from typing import Final, Literal, Self

from pydantic import Field, model_validator

from features import columns as c
from features.config import BaseConfig
from serving.exports.base import (
    SCHEMA_VERSION,
    Format,
    Outcome,
    Prepared,
    Row,
    Unavailable,
    distinct_rows,
    number_in,
)
from serving.exports.delimited import DelimitedFormat
from serving.exports.facts import ExportFacts
from serving.exports.inert import cell, id_problem

COLUMNS: Final = ("schema_version", c.PERSON_ID, c.STAGE, c.MESSAGE, "value_score", "bid_modifier", c.CURRENCY)  # fmt: skip
_PERSON, _VALUE, _MODIFIER = 1, 4, 5


class BidInputsConfig(BaseConfig):
    """How value and stage become a bid modifier.

    modifier = factor of the stage x expected value of the person's contact / mean expected value of all contacts, within
    the bounds. A casual browser has a low value and a low factor, so is not overpaid.
    """

    kind: Literal["bid_inputs"]

    stages: dict[str, float] = Field(default={})
    """Factor per funnel stage; a stage without one has 1."""

    lowest: float = Field(default=0.5, gt=0)
    """Least modifier."""

    highest: float = Field(default=2.0, gt=0)
    """Largest modifier."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("'lowest' is above 'highest'")
        if any(factor <= 0 for factor in self.stages.values()):
            raise ValueError("the factor of a stage is above 0")
        return self


def prepare(_: str, config: BidInputsConfig, facts: ExportFacts) -> Outcome:
    """One row per person to contact."""
    people = facts.eligible.people.select([c.PERSON_ID, c.STAGE, c.MESSAGE, c.EXPECTED_VALUE]).to_pylist()  # fmt: skip
    valued = [person for person in people if person[c.EXPECTED_VALUE] is not None]
    if not valued:
        return Unavailable("nobody to contact has an expected value")
    mean = fmean(person[c.EXPECTED_VALUE] for person in valued)
    clipped = 0
    rows: list[Row] = []
    for person in valued:
        value, stage = person[c.EXPECTED_VALUE], person[c.STAGE]
        modifier = config.stages.get(stage, 1.0) * (value / mean if mean > 0 else 1.0)
        bounded = min(max(modifier, config.lowest), config.highest)
        clipped += bounded != modifier
        rows.append(
            (
                SCHEMA_VERSION,
                person[c.PERSON_ID],
                stage,
                cell(person[c.MESSAGE]),
                f"{value:.6f}",
                f"{bounded:.4f}",
                facts.currency,
            )
        )
    kept, drops = distinct_rows(rows, row_problem)
    drops["no_expected_value"] += len(people) - len(valued)
    return [Prepared("", kept, len(kept), +drops, _warnings(clipped, len(kept), config))]


def file_format(config: BidInputsConfig, _: ExportFacts) -> Format:
    """CSV; every modifier within the bounds of the config."""

    def problem(row: Row) -> str | None:
        modifier = number_in(row[_MODIFIER])
        within = modifier is not None and config.lowest <= modifier <= config.highest
        return row_problem(row) or (None if within else "modifier_out_of_bounds")

    return DelimitedFormat(COLUMNS, row_problem=problem, unique=(_PERSON,), numbers=(_VALUE,))


def row_problem(row: Row) -> str | None:
    """Why a row is off its schema."""
    if row[0] != SCHEMA_VERSION:
        return "schema_version"
    return "value_invalid" if number_in(row[_VALUE]) is None else id_problem(row[_PERSON])


def _warnings(clipped: int, rows: int, config: BidInputsConfig) -> tuple[str, ...]:
    if not clipped:
        return ()
    return (
        f"{clipped:,} of {rows:,} bid modifiers were out of bounds and set to {config.lowest:g} or {config.highest:g}",
    )
