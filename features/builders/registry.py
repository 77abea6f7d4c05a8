"""Every builder by name: what it describes, its columns, and how to call it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import pyarrow as pa

from features.builders.baskets import BASKET_FEATURES, basket_features
from features.builders.categories import CATEGORY_FEATURES, category_features
from features.builders.feature import Feature
from features.builders.funnel import FUNNEL_FEATURES, funnel_features
from features.builders.habits import HABIT_FEATURES, habit_features
from features.builders.item import ITEM_FEATURES, item_features
from features.builders.knowledge import Knowledge
from features.builders.pair import PAIR_FEATURES, pair_features
from features.builders.person import FEATURES, person_features
from features.builders.treatment import TREATMENT_FEATURES, treatment_features
from features.builders.worth import WORTH_FEATURES, worth_features
from features.histories.histories import AsOf


@dataclass(frozen=True)
class Builder:
    """One builder.

    Attributes:
        name: how a config calls it.
        describes: what one row of its table is about: a person, an item, a person and an item, or past treatment.
        features: its columns, in order.
        function: the builder itself; its arguments differ by `describes`.
    """

    name: str
    describes: Literal["person", "item", "pair", "treatment"]
    features: tuple[Feature, ...]
    function: Callable[..., pa.Table]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, in order."""
        return tuple(feature.name for feature in self.features)


BUILDERS: Final = (
    Builder("orders", "person", FEATURES, person_features),
    Builder("funnel", "person", FUNNEL_FEATURES, funnel_features),
    Builder("baskets", "person", BASKET_FEATURES, basket_features),
    Builder("categories", "person", CATEGORY_FEATURES, category_features),
    Builder("habits", "person", HABIT_FEATURES, habit_features),
    Builder("worth", "person", WORTH_FEATURES, worth_features),
    Builder("item", "item", ITEM_FEATURES, item_features),
    Builder("pair", "pair", PAIR_FEATURES, pair_features),
    Builder("treatment", "treatment", TREATMENT_FEATURES, treatment_features),
)
"""All builders; names of columns are unique over all of them."""

PERSON_GROUPS: Final = tuple(builder.name for builder in BUILDERS if builder.describes == "person")
"""Names of the groups of person features, in order; `orders` is the default set of the models."""

_NEED_KNOWLEDGE: Final = ("categories", "worth")


def person_group_features(
    history: AsOf, knowledge: Knowledge, *, groups: Sequence[str] = PERSON_GROUPS
) -> pa.Table:
    """Person features of several groups side by side.

    Args:
        history: n_rows rows.
        knowledge: the whole shop, built at or before the earliest row.
        groups: names from `PERSON_GROUPS`.

    Returns:
        n_rows rows in the same order, the columns of each group in the order of `groups`.

    Raises:
        ValueError: a group does not exist or is named twice, or a row lies before the knowledge was built.
    """
    unknown = sorted(set(groups) - set(PERSON_GROUPS))
    if unknown or len(set(groups)) < len(groups):
        raise ValueError(
            f"groups are {list(groups)}, must be different ones of {list(PERSON_GROUPS)}"
        )
    columns: dict[str, Any] = {}
    for name in groups:
        function = builder(name).function
        shop = (knowledge,) if name in _NEED_KNOWLEDGE else ()
        table = function(history, *shop)
        columns |= dict(zip(table.column_names, table.columns, strict=True))
    return pa.table(columns)


def builder(name: str) -> Builder:
    """The builder of that name.

    Raises:
        KeyError: there is none.
    """
    return {each.name: each for each in BUILDERS}[name]
