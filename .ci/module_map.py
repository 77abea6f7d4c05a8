"""Writes the one-line map of every module into CONTRIBUTING.md, from the first line of each docstring."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- modules -->", "<!-- /modules -->"


def module_map() -> str:
    """One line per module of the three packages, in the order of the tree."""
    lines = []
    for package in ("features", "training", "serving"):
        for path in sorted((ROOT / package).rglob("*.py")):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            name = path.relative_to(ROOT).as_posix().removesuffix("/__init__.py")
            lines.append(f"- `{name}` — {docstring.splitlines()[0] if docstring else ''}")
    return "\n".join(lines)


def with_map(guide: str) -> str:
    """The guide with its map replaced by the current one."""
    before, rest = guide.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{module_map()}\n{END}{after}"


if __name__ == "__main__":
    written = GUIDE.read_text(encoding="utf-8")
    current = with_map(written)
    if "--check" in sys.argv and written != current:
        sys.exit("CONTRIBUTING.md: the map of modules is out of date. Run: make docs")
    GUIDE.write_text(current, encoding="utf-8")
