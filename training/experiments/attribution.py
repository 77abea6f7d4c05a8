"""What attribution rules would credit, beside what the experiment says was won because of the treatment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from pydantic import Field, model_validator

from features.arrays import BoolArray, FloatArray
from features.config import BaseConfig
from training.experiments.click_path import last_click
from training.experiments.effects import ContrastRows
from training.experiments.lift import arm_mean
from training.metrics.estimates import Estimate, fieller, unknown

_CREDITED: Final = (
    "rows of the treated arm that the rule credits, per assigned treated row; incremental: ITT; both of the same rows, "
    "quotient with Fieller's interval, withheld where the ITT is not told from 0"
)


class AttributionConfig(BaseConfig):
    """Which conversions a rule credits to the treatment; windows are declared, there are no defaults."""

    conversion: str
    """Column of the conversion, 0 or 1."""

    days_to_conversion: str
    """Column of the days from the last click or view to the conversion; empty where there was none."""

    clicked: str | None = None
    """Column that says whether the row clicked before converting."""

    viewed: str | None = None
    """Column that says whether the row was shown the treatment before converting."""

    channels: dict[str, str] = Field(default={})
    """Column of the days from the last click of each channel to the conversion, empty where there was none, by channel: the
    treatment's and the others that may have the last click."""

    channel: str | None = None
    """Which of `channels` is the treatment's."""

    click_days: int = Field(ge=1)
    """A click is credited for so many days."""

    view_days: int = Field(ge=0)
    """A view without a click is credited for so many days; 0 = not at all."""

    @model_validator(mode="after")
    def _channel_is_one_of_them(self) -> Self:
        known = self.channel in self.channels if self.channels else self.channel is None
        if not known:
            raise ValueError(
                f"'channel' must be one of 'channels' {list(self.channels)}, got {self.channel!r}"
            )
        return self


@dataclass(frozen=True)
class Attributed:
    """One rule in one treated arm.

    Attributes:
        treated: arm.
        rule: with its windows, in words.
        conversions: credited in the treated arm.
        share_of_conversions: of all conversions of the treated arm; NaN without one.
        rate: credited per treated row.
        incremental: ITT on conversions per row.
        overstatement: credited over incremental: 2.5 = two and a half credited for one won; withheld where the
            incremental one is not told from 0.
        anyway: share of the credited that would have happened without the treatment: 1 - incremental / credited.
        convention: in words.
    """

    treated: str
    rule: str
    conversions: int
    share_of_conversions: float
    rate: float
    incremental: Estimate
    overstatement: Estimate
    anyway: Estimate
    convention: str


def attribute(
    rows: ContrastRows,
    *,
    treated: str,
    converted: BoolArray,
    days: FloatArray,
    clicked: BoolArray | None,
    viewed: BoolArray | None,
    config: AttributionConfig,
    path: Mapping[str, FloatArray] | None = None,
) -> list[Attributed]:
    """Every rule that the columns allow, beside the increment.

    Args:
        rows: arms.
        treated: name of the treated arm.
        converted: shape (n_rows,).
        days: from the last click or view to the conversion, NaN where there was none, shape (n_rows,).
        clicked: shape (n_rows,); None = not known.
        viewed: shape (n_rows,); None = not known.
        config: windows.
        path: days from the last click of each of `config.channels` to the conversion, each of shape (n_rows,); None = not known.

    Invariants: a wider window credits at least as much.
    """
    values = converted.astype(np.float64)
    incremental = rows.effect(values)
    own = fieller(incremental, (1.0, np.zeros(len(values))), rows.clusters)
    of_treated = int((converted & rows.treated).sum())
    found = []
    rules = [*_rules(clicked, viewed, days, config), *_path_rule(converted, path, config)]
    for rule, touched in rules:
        credited = (converted & touched & rows.treated).astype(np.float64)
        rate = arm_mean(credited, rows.treated, rows.weight)
        told = own.low > 0 or own.high < 0
        nothing = unknown(len(values), own.n_clusters)
        won = fieller(incremental, rate, rows.clusters) if rate[0] > 0 else nothing
        found.append(
            Attributed(
                treated=treated,
                rule=rule,
                conversions=int(credited.sum()),
                share_of_conversions=credited.sum() / of_treated if of_treated else float("nan"),
                rate=rate[0],
                incremental=own,
                overstatement=fieller(rate, incremental, rows.clusters) if told else nothing,
                anyway=Estimate(
                    1 - won.value, won.se, 1 - won.high, 1 - won.low, won.p_value, won.n_rows, won.n_clusters
                ),
                convention=_CREDITED,
            )
        )  # fmt: skip
    return found


def _rules(
    clicked: BoolArray | None, viewed: BoolArray | None, days: FloatArray, config: AttributionConfig
) -> Iterator[tuple[str, BoolArray]]:
    """Rules with the rows whose conversion they would credit."""
    within_click, within_view = days <= config.click_days, days <= config.view_days
    if clicked is not None:
        yield "last click, no window", clicked
        yield f"{config.click_days}-day click", clicked & within_click
    if viewed is not None and config.view_days:
        yield f"{config.view_days}-day view", viewed & within_view
        if clicked is not None:
            name = f"{config.click_days}-day click or {config.view_days}-day view"
            yield name, (clicked & within_click) | (viewed & within_view)


def _path_rule(
    converted: BoolArray, path: Mapping[str, FloatArray] | None, config: AttributionConfig
) -> Iterator[tuple[str, BoolArray]]:
    """Conversions whose last click, of all channels, is the treatment's."""
    if path and config.channel is not None:
        own = list(path).index(config.channel)
        place = last_click(converted, path, click_days=config.click_days)
        yield f"last click of {len(path)} channels, {config.click_days} days", place == own
