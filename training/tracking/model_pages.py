"""Model card and plots of a training, as files of its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from features.run import RunWriter
from training.reports.model_card import card_text

CARD: Final = "model_card.md"
"""File of a training run that says what its models are for."""

_PLOTS: Final = "plots"


def write_pages(writer: RunWriter, *, card: Mapping[str, str], plots: Mapping[str, str]) -> None:
    """Write the card (sections by heading) and the plots (SVG by file name)."""
    writer.text(CARD, card_text(card))
    (writer.path / _PLOTS).mkdir()
    for name, svg in plots.items():
        writer.text(f"{_PLOTS}/{name}", svg)
