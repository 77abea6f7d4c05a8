"""Run the proof: every policy in every store, each kept as soon as it is done, then the table and the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

from features.run import write_text
from serving.proof.config import ProofConfig
from serving.proof.page import proof_page
from serving.proof.pieces import FILE, Piece, append_piece, make_piece, piece_key, read_pieces
from serving.proof.policies import POLICIES
from serving.proof.season import run_pilot, run_season
from serving.proof.stage import build_stage
from serving.proof.table import goals, markdown, table

PAGE: Final = "proof.html"
TABLE: Final = "proof.md"
FIGURES: Final = "proof.json"


def prove(config: ProofConfig, *, folder: Path, tell: Callable[[str], None]) -> list[Piece]:
    """Run what is missing and write table, figures and page.

    Args:
        config: of the proof.
        folder: that `config.folder` is relative to.
        tell: takes a line on progress.

    Returns:
        All pieces of the config. A stop at any moment loses the policy under way; the same call goes on after it.
    """
    home = (folder / config.folder).resolve()
    path, key = home / FILE, piece_key(config)
    done = {(piece.seed, piece.policy) for piece in read_pieces(path, key)}
    for seed in range(1, config.seeds + 1):
        missing = [policy for policy in POLICIES if (seed, policy) not in done]
        if not missing:
            continue
        stage = build_stage(config, seed=seed)
        pilot = run_pilot(stage)
        for policy in missing:
            piece = make_piece(stage, policy, run_season(stage, policy, pilot))
            append_piece(path, piece)
            tell(f"store {seed} of {config.seeds}: {policy}: {sum(piece.profit):,.0f}")
    pieces = [piece for piece in read_pieces(path, key) if piece.seed <= config.seeds]
    _publish(config, pieces, home)
    return pieces


def _publish(config: ProofConfig, pieces: list[Piece], home: Path) -> None:
    lines = table(pieces)
    currency = config.store.currency
    write_text(home / TABLE, markdown(lines, seeds=config.seeds, currency=currency) + "\n")
    reached = goals(lines)
    figures = {
        "lines": [asdict(line) for line in lines],
        "goals": [{"goal": goal, "found": found, "met": met} for goal, found, met in reached],
    }
    write_text(home / FIGURES, json.dumps(figures, indent=1) + "\n")
    write_text(home / PAGE, proof_page(config, pieces, lines, reached))
