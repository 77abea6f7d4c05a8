"""The proof runs, goes on where it stopped, and says what it found."""

from __future__ import annotations

import json

from serving.proof.pieces import FILE, piece_key, read_pieces
from serving.proof.policies import POLICIES
from serving.proof.prove import FIGURES, PAGE, TABLE, prove


def test_prove_and_go_on(proof, tmp_path):
    told = []
    prove(proof.model_copy(update={"seeds": 2}), folder=tmp_path, tell=told.append)
    assert len(told) == 2 * len(POLICIES)
    home = tmp_path / proof.folder
    lines = (home / FILE).read_text().splitlines()
    table, page = (home / TABLE).read_text(), (home / PAGE).read_text()
    (home / FILE).write_text("\n".join(lines[:-1]) + "\n")
    again = []
    pieces = prove(proof.model_copy(update={"seeds": 2}), folder=tmp_path, tell=again.append)
    assert len(again) == 1
    assert (home / FILE).read_text().splitlines() == lines
    assert ((home / TABLE).read_text(), (home / PAGE).read_text()) == (table, page)
    assert [piece.policy for piece in pieces] == list(POLICIES) * 2
    assert "<script src" not in page
    assert page.count("<svg") == 1
    assert len(json.loads((home / FIGURES).read_text())["lines"]) == len(POLICIES)


def test_pieces_of_another_config_do_not_count(proof, tmp_path):
    (tmp_path / FILE).write_text(json.dumps({"key": "another"}) + "\n")
    assert read_pieces(tmp_path / FILE, piece_key(proof)) == []
