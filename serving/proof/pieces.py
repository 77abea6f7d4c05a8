"""Pieces of the proof, a line of JSON per store and policy, so that it can stop and go on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from features.provenance import code_version, content_hash
from serving.proof.config import ProofConfig
from serving.proof.estimates import Judged, judge
from serving.proof.season import Season
from serving.proof.stage import Stage

FILE: Final = "pieces.jsonl"
_LAYER: Final = "serving"


@dataclass(frozen=True)
class Piece:
    """What one policy did in one store.

    Attributes:
        key: of config and code; pieces of others do not count.
        seed, policy: which.
        profit, spend, contacts, harmful: exact expected values per week after the pilot.
        judged: estimates.
    """

    key: str
    seed: int
    policy: str
    profit: list[float]
    spend: list[float]
    contacts: list[float]
    harmful: list[float]
    judged: list[Judged]


def make_piece(stage: Stage, policy: str, season: Season) -> Piece:
    """The piece of a season."""
    return Piece(
        key=piece_key(stage.config),
        seed=stage.seed,
        policy=policy,
        profit=season.profit.tolist(),
        spend=season.spend.tolist(),
        contacts=season.contacts.tolist(),
        harmful=season.harmful.tolist(),
        judged=judge(season.decided, seed=stage.seed),
    )


def piece_key(config: ProofConfig) -> str:
    """Names everything a piece depends on: the config, and the code of all floors."""
    return content_hash(
        f"{code_version(_LAYER)} {config.model_dump_json(exclude={'folder', 'seeds'})}".encode()
    )


def append_piece(path: Path, piece: Piece) -> None:
    """Add a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as sink:
        sink.write(json.dumps(asdict(piece)) + "\n")


def read_pieces(path: Path, key: str) -> list[Piece]:
    """The pieces of a key; none where there is no file."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        content = json.loads(line)
        if content["key"] == key:
            judged = [Judged(*each) for each in content.pop("judged")]
            found.append(Piece(**content, judged=judged))
    return found
