"""A model card as Markdown: what a model is, what it was judged on, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping


def card_text(sections: Mapping[str, str]) -> str:
    """The card; sections are Markdown by heading."""
    told = [f"## {name}\n\n{text}\n" for name, text in sections.items()]
    return "# Model card\n\n" + "\n".join(told)
