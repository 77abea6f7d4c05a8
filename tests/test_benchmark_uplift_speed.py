"""Lines of the uplift speed table: seconds, and how many times those of this project's two runs."""

from __future__ import annotations

from benchmarks import uplift_speed
from benchmarks.uplift_speed import compare_all


def seconds(fit):
    return {"fit": fit, "fit CPU": 2 * fit, "predict": 1.0, "predict CPU": 1.0}


def test_ratios_are_to_the_mean_of_our_runs(monkeypatch, capsys):
    runs = iter([1.0, 3.0])
    monkeypatch.setattr(uplift_speed, "_ours", lambda *_: seconds(next(runs)))
    monkeypatch.setattr(uplift_speed, "ask_peer", lambda *asked: ({}, {asked[2][0]: seconds(5.0)}))
    compare_all(["DR"], rows=100, peers="python")
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["learner", "side", "fit"]
    assert [line.split()[1] for line in lines] == ["retarget", "causalml", "econml", "retarget"]
    assert [line.split()[2:4] for line in lines] == [
        ["1.0", "0.50"],
        ["5.0", f"{5 / 2:.2f}"],
        ["5.0", f"{5 / 2:.2f}"],
        ["3.0", "1.50"],
    ]


def test_without_an_interpreter_the_peers_are_left_out(monkeypatch, capsys):
    monkeypatch.setattr(uplift_speed, "_ours", lambda *_: seconds(2.0))
    compare_all(["T"], rows=100, peers=None)
    assert len(capsys.readouterr().out.splitlines()) == 3
