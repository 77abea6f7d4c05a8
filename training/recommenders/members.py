"""Models inside a model: on the same items, saved side by side."""

# ruff: noqa: SLF001 - a recommender of recommenders speaks to the inner side of the protocol

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from features.arrays import TextArray
from training.recommenders.attributes import ItemAttributes
from training.recommenders.base import Recommender
from training.recommenders.observed import Observed
from training.recommenders.single import AnySingleConfig, build_single

Members = Sequence[Recommender[Any]]


def build_members(configs: Iterable[AnySingleConfig]) -> Members:
    """An unfitted model for each config."""
    return [build_single(config) for config in configs]


def known_items(
    members: Members, item_ids: TextArray, attributes: ItemAttributes | None
) -> TextArray:
    """Sorted ids of the items any member knows."""
    known = {i for member in members for i in member._catalogue(item_ids, attributes)}
    return np.array(sorted(known), dtype=object)


def fit_members(
    members: Members, observed: Observed, *, item_ids: TextArray, attributes: ItemAttributes | None
) -> None:
    """Fit each under its own event weights; attributes are those of the items, in their order."""
    for member in members:
        member._item_ids = item_ids
        if attributes is not None:
            member._fit_attributes(attributes)
        member._learn(observed.under(member.config))


def states(members: Members) -> dict[str, npt.NDArray[Any]]:
    """The learned numbers of all members, by '<number>.<name>'."""
    return {
        f"{number}.{name}": array
        for number, member in enumerate(members)
        for name, array in member._state().items()
    }


def restore_members(
    members: Members, arrays: Mapping[str, npt.NDArray[Any]], *, item_ids: TextArray
) -> None:
    """Give each member back what `states` took."""
    for number, member in enumerate(members):
        member._item_ids = item_ids
        prefix = f"{number}."
        own = {n.removeprefix(prefix): a for n, a in arrays.items() if n.startswith(prefix)}
        member._restore(own)
