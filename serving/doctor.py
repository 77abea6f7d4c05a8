"""Guards the three generic package names: another installed `features`, `training` or `serving` would replace ours."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from features.errors import WorkspaceError

PROJECT: Final = "retarget"
PACKAGES: Final = ("features", "training", "serving")


def package_origins() -> dict[str, Path]:
    """The folder each of the three packages is imported from."""
    return {name: Path(str(import_module(name).__file__)).parent for name in PACKAGES}


def require_own_packages() -> None:
    """Refuse to run with a foreign package under one of our names.

    Raises:
        WorkspaceError: a package lacks our marker, or the three do not lie side by side.
    """
    origins = package_origins()
    foreign = [n for n in PACKAGES if getattr(import_module(n), "__project__", None) != PROJECT]
    apart = len({origin.parent for origin in origins.values()}) > 1
    if foreign or apart:
        shown = ", ".join(f"{name} from {origin}" for name, origin in origins.items())
        raise WorkspaceError(
            "installation",
            f"imports {shown}",
            rule="features, training and serving must all be retarget's own",
            next_step="Install retarget alone in a fresh virtual environment.",
        )
