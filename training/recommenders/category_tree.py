"""Categories as a tree: the path of each item from the coarsest category to the finest."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import CodeArray
from training.recommenders.attributes import ItemAttributes

NO_NODE: Final = -1
_SEPARATOR: Final = ">"


def category_tree(
    attributes: ItemAttributes, levels: tuple[str, ...]
) -> tuple[CodeArray, CodeArray]:
    """The deepest category of each item (-1 = none) and the parent of each category (-1 = none), parents first."""
    columns = [attributes.values[name] for name in levels if name in attributes.values]
    paths = [
        tuple(
            step.strip()
            for value in values
            if value is not None
            for step in value.split(_SEPARATOR)
            if step.strip()
        )
        for values in zip(*columns, strict=True)
    ]
    if not columns:
        paths = [()] * len(attributes.item_ids)
    nodes = sorted({path[:depth] for path in paths for depth in range(1, len(path) + 1)})
    code = {path: position for position, path in enumerate(nodes)}
    parent = [code.get(path[:-1], NO_NODE) for path in nodes]
    return (
        np.array([code.get(path, NO_NODE) for path in paths], np.int32),
        np.array(parent, np.int32),
    )
