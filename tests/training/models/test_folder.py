"""A registered model answers a plain MLflow client that has none of our packages, as the command line answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv as pacsv
import pytest
import yaml

from features import columns as c
from features.config import validate
from serving.recommend_file import Wanted, recommend_file
from training.models.registry import ModelRegistry
from training.predict_uplift import predict_file
from training.recommenders.item_neighbours import ItemNeighbours, ItemNeighboursConfig
from training.tracking.mlflow_store import MlflowStore
from training.tracking.runs import Tracker
from training.train_flat import train_flat
from training.uplift.config import UpliftTrainingConfig

ROOT = Path(__file__).parents[3]
DAY = 86_400

CLIENT = """
import json, sys
from pathlib import Path
sys.path.append(sys.argv[1])  # installed packages, without ours
allowed = set(json.loads(sys.argv[2]))

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in allowed:
            raise ImportError(f"{name} is not among the requirements of the model")

sys.meta_path.insert(0, Refuse())
try:
    import training
except ImportError:
    pass
else:
    raise SystemExit("our packages can be imported: this is no foreign process")

import mlflow, pandas as pd
mlflow.set_tracking_uri(sys.argv[3])
history = pd.read_csv("history.csv")
lists = mlflow.pyfunc.load_model("models:/lists@champion")
scores = mlflow.pyfunc.load_model("models:/scores@champion")
def refused(model, frame, **params):
    try:
        model.predict(frame, params=params or None)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"
rows = pd.read_csv("rows.csv")
lists.predict(history, params={"k": 3}).to_csv("lists.csv", index=False)
lists.predict(history, params={"k": 2, "exclude_seen": True, "items": ["i03", "i05", "i06"]}).to_csv("few.csv", index=False)
scores.predict(rows).to_csv("scores.csv")
print(json.dumps({
    "ours": [str(Path(sys.modules[name].__file__).parent) for name in ("features", "training")],
    "no time": refused(lists, history.drop(columns="time")),
    "k": refused(lists, history, k=0),
    "nobody": refused(lists, history.iloc[:0]),
    "no age": refused(scores, rows.drop(columns="age")),
    "text": refused(scores, rows.assign(age="old")),
    "mixed": refused(scores, rows.assign(age=[1, "old"] + [2] * (len(rows) - 2))),
    "example": [len(m.predict(m.input_example)) for m in (lists, scores)],
}))
"""

QUICK = {"OMP_NUM_THREADS": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "NUMBA_DISABLE_JIT": "1"}
"""Three persons do not repay the compilation of the code that the model brings."""

NOT_REQUIRED = ("implicit", "duckdb", "ibis", "optuna", "altair", "typer", "jinja2", "tea_tasting")


def train_uplift(folder):
    rng = np.random.default_rng(0)
    n = 800
    rows = pd.DataFrame(
        {
            "arm": np.where(rng.random(n) < 0.5, "mail", "none"),
            "age": rng.normal(40, 10, n).round(2),
            "city": np.where(rng.random(n) < 0.4, "oslo", "rome"),
            "visit": (rng.random(n) < 0.3).astype(int),
        }
    )
    rows.to_csv(folder / "data.csv", index=False)
    content = {
        "kind": "uplift",
        "workspace": "out",
        "data": {
            "kind": "flat_table",
            "path": "data.csv",
            "treatment": "arm",
            "control": "none",
            "treated": ["mail"],
            "outcomes": {"visit": "binary"},
            "features": ["age", "city"],
            "probability": 0.5,
        },
        "target": "visit",
        "learner": {"kind": "t_learner", "base": {"kind": "linear"}},
        "evaluation_model": {"kind": "linear"},
        "n_folds": 2,
    }
    config = validate(UpliftTrainingConfig, content, subject="uplift.yaml")
    return train_flat(config, folder=folder).path / "bundle" / "mail"


@pytest.fixture(scope="module")
def served(shop, tmp_path_factory):
    """A store with a recommender and an uplift model in force, files to score, and what a foreign process made of them."""
    folder = tmp_path_factory.mktemp("served")
    purchases, histories, closes = shop
    bundles = {"lists": folder / "lists_bundle", "scores": train_uplift(folder)}
    ItemNeighbours(ItemNeighboursConfig()).fit(histories(purchases).everyone(closes)).save(
        bundles["lists"]
    )
    registry = ModelRegistry(MlflowStore(folder / "store", "p"))
    for model, bundle in bundles.items():
        run = Tracker(folder / "store", "p").log_run(name=model, key=model, params={}, metrics={})
        registry.put_in_force(registry.register(model, mlflow_run_id=run, key=model, bundle=bundle))
    client = folder / "client"
    client.mkdir()
    (client / "history.csv").write_text(
        f"person_id,item_id,time\n7,i07,{10 * DAY}\n7,i03,{20 * DAY}\n8,unheard-of,{20 * DAY}\n,i01,5\n"
    )
    (client / "rows.csv").write_text("city,age\nrome,41\noslo,\nparis,38.5\n,50\n")
    found = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            CLIENT,
            sysconfig.get_paths()["purelib"],
            json.dumps(NOT_REQUIRED),
            f"sqlite:///{folder / 'store' / 'mlflow.db'}",
        ],
        cwd=client,
        env={**os.environ, **QUICK},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return client, bundles, json.loads(found.stdout.splitlines()[-1]), registry


def test_the_code_comes_from_the_model_and_needs_no_more_than_its_requirements(served):
    _, _, said, _ = served
    assert all("/artifacts/registered/" in origin for origin in said["ours"])
    assert not any(origin.startswith(str(ROOT)) for origin in said["ours"])


def test_lists_are_those_of_the_command_line(served):
    client, bundles, _, _ = served
    for name, k, items in (("lists", 3, None), ("few", 2, "item_id\ni03\ni05\ni06\n")):
        if items:
            (client / "items.csv").write_text(items)
        wanted = Wanted(
            k=k, items=client / "items.csv" if items else None, exclude_seen=bool(items)
        )
        expected = recommend_file(bundles["lists"], client / "history.csv", wanted).table
        columns = [c.PERSON_ID, c.RANK, c.ITEM_ID]
        found = pd.read_csv(client / f"{name}.csv", dtype={c.PERSON_ID: str})
        assert found[columns].to_dict("list") == expected.select(columns).to_pydict()
        own = found[c.LEVEL] == "history"
        scores = expected.to_pandas()[c.SCORE]
        np.testing.assert_allclose(found[c.SCORE][own], scores[own], rtol=1e-6)
        assert own.any() or items
        assert len(found)


def test_scores_are_those_of_the_command_line(served):
    client, bundles, _, _ = served
    expected = predict_file(bundles["scores"], client / "rows.csv").table
    found = pd.read_csv(client / "scores.csv")
    assert found[c.UPLIFT].tolist() == pytest.approx(expected[c.UPLIFT].to_pylist())
    assert found[c.BASE_OUTCOME].tolist() == pytest.approx(expected[c.BASE_OUTCOME].to_pylist())
    assert pacsv.read_csv(client / "rows.csv").num_rows == 4  # a missing and an unknown city too


def test_bad_input_is_refused_with_a_reason(served):
    _, _, said, _ = served
    assert "Model is missing inputs ['time']" in said["no time"]
    assert "k: 0; it must be 1 or more" in said["k"]
    assert "has a header but no rows" in said["nobody"]
    assert "Model is missing inputs ['age']" in said["no age"]
    assert "feature 'age' is text; the model was trained on numbers" in said["text"]
    assert "each column holds values of one kind" in said["mixed"]
    assert said["example"] == [20, 1]  # 20 items for one made-up person, one row


def test_no_pickle_and_no_address_of_this_machine(served):
    _, bundles, _, registry = served
    for model in bundles:
        folder = registry.champion(model).bundle.parents[1]
        names = [path.name for path in folder.rglob("*") if path.is_file()]
        assert not [n for n in names if n.endswith((".pkl", ".pickle", ".joblib"))]
        described = (folder / "MLmodel").read_text()
        assert str(ROOT) not in described
        assert "/tmp" not in described  # noqa: S108
        conf = yaml.safe_load(described)["flavors"]["python_function"]
        assert conf["artifacts"]["bundle"] == {
            "path": "artifacts/bundle",
            "uri": "artifacts/bundle",
        }
