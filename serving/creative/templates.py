"""Templates: text with named slots, and nothing else, so that no template and no item can run anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

_FILTERS: Final = ("capitalize", "lower", "title", "trim", "upper")
_NODES: Final = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Filter)
_ENVIRONMENT: Final = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=jinja2.StrictUndefined,
)


@dataclass(frozen=True)
class Template:
    """A text with slots.

    Attributes:
        slots: names of the slots it needs, sorted.
        compiled: the parsed template.
    """

    slots: tuple[str, ...]
    compiled: jinja2.Template

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every slot filled; a value is text, whatever it looks like."""
        return self.compiled.render(values)

    def own_words(self) -> str:
        """What the template says by itself."""
        return self.compiled.render(dict.fromkeys(self.slots, " "))


@lru_cache(maxsize=1024)
def parse_template(text: str) -> Template:
    """Read a template: `{{ slot }}` or `{{ slot | upper }}` in text.

    Raises:
        ValueError: it is broken, or does more than fill slots.
    """
    try:
        tree = _ENVIRONMENT.parse(text)
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"'{text}' is no template: {error.message}") from None
    slots = set()
    for node in (tree, *tree.find_all(nodes.Node)):
        if not isinstance(node, _NODES) or not _harmless(node):
            raise ValueError(
                f"'{text}' does more than fill slots; a template has text, {{{{ slot }}}}, and the filters "
                f"{', '.join(_FILTERS)}"
            )
        if isinstance(node, nodes.Name):
            slots.add(node.name)
    return Template(tuple(sorted(slots)), _ENVIRONMENT.from_string(text))


def _harmless(node: nodes.Node) -> bool:
    """Whether a filter is one of those allowed, without arguments; anything else allowed is."""
    if not isinstance(node, nodes.Filter):
        return True
    given = (node.args, node.kwargs, node.dyn_args, node.dyn_kwargs)
    return node.name in _FILTERS and not any(given)
