"""`retarget tune` as a user meets it: progress, Ctrl-C, going on, and a config to train from."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from serving.progress import trial_bars
from training.search.study import StudyTrial

RETARGET = str(Path(sys.executable).with_name("retarget"))

TRAINING = """\
kind: flat_recommender
workspace: out
data: {kind: flat_table, path: rows.csv, person: who, item: what}
split: {kind: random_by_item}
k: 3
replicates: 100
candidates: [{kind: ease}]
"""
TUNING = """\
kind: tune
training: recommender.yaml
trials: 3
parts: 2
search_space:
  recent_popular: {popular_window_days: {choices: [1, 2]}}
  ease: {items: 20, regularization: {low: 1, high: 1000, log: true}}
"""


@pytest.fixture
def folder(tmp_path):
    """120 persons of two tastes with 6 of 10 items each."""
    rng = np.random.default_rng(3)
    lines = [
        f"p{person},i{10 * (person % 2) + item:02d}"
        for person in range(120)
        for item in rng.permutation(10)[:6].tolist()
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["who,what", *lines]) + "\n")
    (tmp_path / "recommender.yaml").write_text(TRAINING)
    (tmp_path / "tune.yaml").write_text(TUNING)
    return tmp_path


def _finished_trials(database):
    if not database.is_file():
        return 0
    with sqlite3.connect(database) as studies:
        try:
            found = studies.execute("select count(*) from trials where state = 'COMPLETE'")
            return found.fetchone()[0]
        except sqlite3.OperationalError:  # not made yet
            return 0


def test_stopped_by_ctrl_c_it_goes_on_and_the_outcome_can_be_trained(retarget, folder):
    many = ["tune", "tune.yaml", "search_space.ease.regularization.high=900", "trials=12"]
    program = subprocess.Popen(
        [RETARGET, *many], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while _finished_trials(folder / "out" / "studies.db") < 1:
        assert program.poll() is None, program.communicate()
        time.sleep(0.05)
    program.send_signal(signal.SIGINT)
    _, words = program.communicate()
    assert program.returncode == 130
    assert "stopped; finished trials are kept in out. Run the same command again" in words
    assert "Traceback" not in words
    assert not (folder / "out" / "tune" / "current").exists()

    kept = _finished_trials(folder / "out" / "studies.db")
    done = retarget(*many, "--log-json", cwd=folder)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["figures"]["trials"] == 14
    assert record["figures"]["champion"] == "ease"
    trials = pq.read_table(Path(record["path"]) / "trials.parquet").to_pylist()
    assert kept <= sum(trial["state"] == "complete" for trial in trials)

    tuned = (Path(record["path"]) / "tuned.yaml").read_text()
    (folder / "tuned.yaml").write_text(tuned)
    trained = retarget("train", "tuned.yaml", cwd=folder)
    assert trained.returncode == 0, trained.stderr


def test_a_person_reads_what_was_found(retarget, folder):
    done = retarget("tune", "tune.yaml", "training.workspace=elsewhere", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "champion ease, trials 5, pruned 0, metric ndcg_at_3" in done.stdout
    assert "ease                 3 trials, 0 stopped early; ndcg_at_3 0." in done.stdout
    assert (folder / "elsewhere" / "studies.db").is_file()


def test_a_dry_run_reads_no_data(retarget, folder):
    (folder / "rows.csv").unlink()
    done = retarget("tune", "tune.yaml", "trials=9", "--dry-run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "try 9 settings of each of ease, recent_popular; judge the best of each once" in (
        done.stdout
    )
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("search_space.ease.regularisation={low: 1, high: 2}", "did you mean 'regularization'?"),
        ("training.data.path=nowhere.csv", "nowhere.csv"),
    ],
)
def test_bad_input_ends_with_2(retarget, folder, override, words):
    done = retarget("tune", "tune.yaml", override, cwd=folder)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gate_ends_with_1(retarget, folder):
    with (folder / "rows.csv").open("a") as rows:
        rows.write(",i01\n" * 200)
    done = retarget("tune", "tune.yaml", cwd=folder)
    assert done.returncode == 1
    assert "rows are refused" in done.stderr


def _trial(number, value, *, pruned=False):
    return StudyTrial(number, {}, value, pruned, (value,))


def test_bars_show_trials_and_the_best_that_ran_to_its_end():
    seen = io.StringIO()
    console = Console(file=seen, force_terminal=True, width=120)
    with trial_bars(console) as told:
        told("als", 3, _trial(0, 0.2))
        told("als", 3, _trial(1, 0.25))
        told("als", 3, _trial(2, 0.9, pruned=True))
    assert "als" in seen.getvalue()
    assert "3/3" in seen.getvalue()
    assert "best 0.25" in seen.getvalue()
    assert "0.9" not in seen.getvalue()


def test_nothing_is_drawn_where_nobody_looks():
    seen = io.StringIO()
    with trial_bars(Console(file=seen)) as told:
        told("als", 1, _trial(0, 0.2))
    assert seen.getvalue().strip() == ""
