"""What is seen at a moment does not depend on what comes after it, and names things that can be shown."""

from __future__ import annotations

import numpy as np

from features.histories.histories import MICROSECONDS_PER_DAY, NO_CODE, Histories, microseconds
from features.simulate.store.memory import simulate_histories
from serving.proof.sight import CART, look

DAY = 60


def until(histories, moment):
    """The same histories, the events from a moment on left out."""
    person = np.repeat(np.arange(histories.n_persons), np.diff(histories.offsets))
    keep = histories.time < moment
    arrays = {
        name: values[keep]
        for name, values in histories.arrays().items()
        if len(values) == len(keep)
    }
    others = {k: v for k, v in histories.arrays().items() if k not in arrays}
    others["offsets"] = np.searchsorted(person[keep], np.arange(histories.n_persons + 1))
    return Histories.from_arrays(
        {**arrays, **others},
        person_ids=histories.person_ids,
        item_ids=histories.item_ids,
        category_ids=histories.category_ids,
    )


def test_the_future_changes_nothing(proof, stage):
    histories = simulate_histories(proof.store.model_copy(update={"seed": 1}))
    moment = microseconds(proof.store.first) + DAY * MICROSECONDS_PER_DAY
    login = np.full(histories.n_persons, moment - 1)
    shelf = stage.knowledge.shelf
    whole = look(histories, shelf, login, day=DAY, moment=moment)
    past = look(until(histories, moment), shelf, login, day=DAY, moment=moment)
    for one, other in zip(whole, past, strict=True):
        np.testing.assert_array_equal(one, other)


def test_candidates_are_in_stock_and_carts_are_those_of_the_truth(stage):
    knowledge = stage.knowledge
    for moment, view in enumerate(stage.views):
        items = view.sight.items
        stocked = knowledge.shelf.in_stock(int(knowledge.days[moment]))
        assert stocked[items[items != NO_CODE]].all()
        hours = view.sight.column("cart_hours")
        known = knowledge.cart_hours(moment, np.arange(len(hours)))
        both = ~np.isnan(hours) & ~np.isnan(known)
        # a cart that is seen is nearly always the cart that is there
        assert np.mean(np.isnan(hours) == np.isnan(known)) > 0.9
        assert np.mean(np.abs(hours[both] - known[both]) < 0.01) > 0.9
        assert (items[~np.isnan(hours), CART] >= NO_CODE).all()
