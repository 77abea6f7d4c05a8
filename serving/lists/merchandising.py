"""What the shop favours, as numbers per item; and what following it costs in relevance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features import columns as c
from features.arrays import BoolArray, FloatArray, IntArray
from features.errors import ConfigError
from features.histories.histories import NO_CODE
from serving.lists.config import ListsConfig, Match
from serving.lists.select import Wishes
from serving.lists.shelf import Shelf


@dataclass(frozen=True, eq=False)
class Merchandising:
    """The wishes of a config over the items of a shelf.

    Attributes:
        factor: what a score above 0 is multiplied by, shape (n_items,).
        wishes: pins, burials and caps for the kernel.
        caps: attribute of each cap, in the order of `wishes.cap_most`.
        unknown_pins: pinned ids that the shelf does not hold.
    """

    factor: FloatArray
    wishes: Wishes
    caps: tuple[str, ...]
    unknown_pins: tuple[str, ...]


def require_attributes(config: ListsConfig, names: Sequence[str], *, source: str) -> None:
    """Stop when a rule uses an attribute that items do not have.

    Args:
        config: boosts, burials, caps.
        names: attributes that items have.
        source: where the rules stand, for the message.

    Raises:
        ConfigError: naming the rule and the attribute.
    """
    used = [
        *((f"boosts[{n}]", rule.attribute) for n, rule in enumerate(config.merchandising.boosts)),
        *((f"bury[{n}]", rule.attribute) for n, rule in enumerate(config.merchandising.bury)),
        *((f"caps[{n}]", cap.attribute) for n, cap in enumerate(config.diversity.caps)),
    ]
    for rule, attribute in used:
        if attribute not in names:
            raise ConfigError(
                source,
                f"'{rule}' uses the attribute '{attribute}', which no item has",
                rule=f"items have: {', '.join(sorted(names))}",
                next_step="Correct 'attribute', or declare it as a custom attribute of the feed.",
            )


def merchandise(config: ListsConfig, shelf: Shelf) -> Merchandising:
    """The wishes of a config whose attributes have been checked."""
    factor = np.ones(len(shelf))
    for boost in config.merchandising.boosts:
        factor[_matching(boost, shelf)] *= boost.factor
    buried = np.zeros(len(shelf), np.bool_)
    for rule in config.merchandising.bury:
        buried |= _matching(rule, shelf)
    pins = np.array(config.merchandising.pin, dtype=object)
    codes = shelf.codes(pins)
    names, most, values = [], [], []
    if config.diversity.per_group is not None and (shelf.group >= 0).any():
        names, most, values = [c.ITEM_GROUP_ID], [config.diversity.per_group], [shelf.group]
    names += [cap.attribute for cap in config.diversity.caps]
    most += [cap.most for cap in config.diversity.caps]
    values += [shelf.codes_by_value(cap.attribute) for cap in config.diversity.caps]
    return Merchandising(
        factor=factor,
        wishes=Wishes(
            pins=codes[codes != NO_CODE],
            buried=buried,
            cap_codes=np.array(values, np.int32).reshape(len(values), len(shelf)),
            cap_most=np.array(most, np.int64),
        ),
        caps=tuple(names),
        unknown_pins=tuple(pins[codes == NO_CODE].tolist()),
    )


def no_wishes(shelf: Shelf) -> Wishes:
    """Lists as the model would have them."""
    return Wishes(
        pins=np.empty(0, np.int32),
        buried=np.zeros(len(shelf), np.bool_),
        cap_codes=np.empty((0, len(shelf)), np.int32),
        cap_most=np.empty(0, np.int64),
    )


def relevance_cost(plain: FloatArray, shown: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What lists lose in relevance by not being the model's own.

    Args:
        plain: the model's scores down the list it would have shown, shape (n, k); 0 where an item has none.
        shown: the same down the list that is shown, shape (n, k).

    Returns:
        Sum of scores lost, and share of discounted cumulative gain lost: 1 - DCG(shown) / DCG(plain) with gain = score and
        discount = log2(place + 1); each shape (n,). The share is 0 where the model has no score for any item.

    Example:
        >>> lost, share = relevance_cost(np.array([[4.0, 2.0]]), np.array([[2.0, 4.0]]))
        >>> lost.tolist(), share.round(3).tolist()   # 1 - (2 + 4 / log2(3)) / (4 + 2 / log2(3))
        ([0.0], [0.14])
    """
    discount = 1 / np.log2(np.arange(plain.shape[1]) + 2)
    before, after = plain @ discount, shown @ discount
    share = np.zeros(len(plain))
    np.divide(before - after, before, out=share, where=before > 0)
    return plain.sum(axis=1) - shown.sum(axis=1), share


def _matching(rule: Match, shelf: Shelf) -> BoolArray:
    column = shelf.attributes[rule.attribute]
    if rule.values:
        wanted = pa.array(rule.values, pa.string())
        found = pc.is_in(column.cast(pa.string()), value_set=wanted)
    else:
        numbers = _numbers(rule, column)
        found = pc.and_(
            pc.greater_equal(numbers, -np.inf if rule.at_least is None else rule.at_least),
            pc.less_equal(numbers, np.inf if rule.at_most is None else rule.at_most),
        )
    matches: BoolArray = pc.fill_null(found, False).to_numpy()
    return matches


def _numbers(rule: Match, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(
            f"attribute '{rule.attribute}'",
            f"is not a number everywhere ({' '.join(str(error).split())})",
            rule="'at_least' and 'at_most' compare numbers",
            next_step="Give 'values' instead.",
        ) from None


def boosted_order(score: FloatArray) -> IntArray:
    """Columns of each row by falling score, equal ones in their order, NaN last; shape of `score`."""
    order: IntArray = np.argsort(np.where(np.isnan(score), np.inf, -score), axis=1, kind="stable")
    return order
