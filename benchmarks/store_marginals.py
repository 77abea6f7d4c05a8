"""A made-up store beside real shops, in the figures of `features.simulate.marginals`: `python -m benchmarks.store_marginals`.

Reads configs/simulated_store/store.yaml, configs/complete_journey and configs/retail_rocket; a shop whose files are not on
this machine is left out, with the reason.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from features.config import load_config
from features.errors import RetargetError
from features.histories.histories import Histories
from features.project import Project
from features.simulate.marginals import Marginals, marginals
from features.simulate.store.config import StoreConfig
from features.simulate.store.memory import simulate_histories
from features.steps.ingest import ingest
from features.tables import EVENTS

CONFIGS: Final = Path(__file__).parents[1] / "configs"
SHOPS: Final = ("complete_journey", "retail_rocket")


def made_up() -> Marginals:
    """The store of configs/simulated_store, without dirt."""
    return marginals(
        simulate_histories(load_config(StoreConfig, CONFIGS / "simulated_store" / "store.yaml"))
    )


def real(name: str) -> Marginals:
    """A shop as its config ingests it.

    Raises:
        RetargetError: its files are not here.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = ingest(Project(CONFIGS / name, overrides=[f"workspace={folder}"]))
        return marginals(Histories.from_events(run.read(EVENTS)))


def table(found: dict[str, Marginals]) -> str:
    """Markdown, a shop per column."""
    rows = {
        "persons": [f"{m.persons:,}" for m in found.values()],
        "events": [f"{m.events:,}" for m in found.values()],
        "days": [f"{m.days:.0f}" for m in found.values()],
        "cart additions per view": [_percent(m.carts_per_view) for m in found.values()],
        "lines bought per cart addition": [_percent(m.lines_per_cart) for m in found.values()],
        "viewers who fill a cart": [_percent(m.viewers_with_cart) for m in found.values()],
        "of these, who order": [_percent(m.carters_with_order) for m in found.values()],
        "lines per order": [_number(m.lines_per_order) for m in found.values()],
        "orders of one line": [_percent(m.orders_of_one) for m in found.values()],
        "buyers who order again": [_percent(m.buyers_who_return) for m in found.values()],
        "days between orders: quartiles": [
            ", ".join(_number(day) for day in m.gap_quartiles) for m in found.values()
        ],
        "views of the top 1 %, 10 % of items": [
            ", ".join(_percent(share) for share in m.view_shares) for m in found.values()
        ],
        "lines of the top 1 %, 10 % of items": [
            ", ".join(_percent(share) for share in m.order_shares) for m in found.values()
        ],
    }
    heads = "| | " + " | ".join(found) + " |"
    lines = [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    return "\n".join([heads, "|---" * (1 + len(found)) + "|", *lines])


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{100 * share:.3g} %"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3g}"


def main() -> None:
    """Print the table."""
    found = {"made-up store": made_up()}
    for name in SHOPS:
        try:
            found[name] = real(name)
        except (RetargetError, ImportError) as error:
            print(f"{name} is left out: {error}")
    print(table(found))


if __name__ == "__main__":
    main()
