"""Every readable row is answered, with the stored model's own figures, and drift is told."""

import numpy as np
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.config import validate
from features.errors import ConfigError, InputError, SchemaError
from training.predict_uplift import predict_file
from training.table_file import write_table
from training.train_flat import train_flat
from training.uplift.config import UpliftTrainingConfig


def write_rows(path, *, n=800, shift=0.0, city="rome"):
    rng = np.random.default_rng(0)
    lines = [
        f"{'mail' if t else 'none'},{age:.3f},{city if k % 3 else 'oslo'},{int(v)}"
        for k, (t, age, v) in enumerate(
            zip(rng.random(n) < 0.5, rng.normal(shift, 1, n), rng.random(n) < 0.3, strict=True)
        )
    ]
    path.write_text("arm,age,city,visit\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    write_rows(folder / "data.csv")
    small = {"kind": "linear"}
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
        "learner": {"kind": "t_learner", "base": small},
        "evaluation_model": small,
        "n_folds": 2,
    }
    return folder, train_flat(
        validate(UpliftTrainingConfig, content, subject="uplift.yaml"), folder=folder
    )


def test_training_rows_get_the_scores_of_the_training(run):
    folder, trained = run
    found = predict_file(trained.path / "bundle" / "mail", folder / "data.csv")
    stored = pq.read_table(trained.path / "scores.parquet")
    for column in (c.LINE, c.UPLIFT, c.BASE_OUTCOME):
        np.testing.assert_array_equal(found.table[column], stored[column])
    assert not any(drift.drifted for drift in found.drift)
    assert found.lines()[0] == "800 rows scored, 0 refused"


def test_drift_and_unknown_texts_are_told(run, tmp_path):
    shifted = write_rows(tmp_path / "new.csv", n=300, shift=3.0, city="bonn")
    lines = predict_file(run[1].path / "bundle" / "mail", shifted).lines()
    assert any("warning: 'age' differs" in line for line in lines)
    assert any("warning: 'city' differs" in line and "texts 66.7%" in line for line in lines)


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_scores_are_written_whole(run, tmp_path, name):
    folder, trained = run
    found = predict_file(trained.path / "bundle" / "mail", folder / "data.csv")
    write_table(found.table, tmp_path / name)
    read = pq.read_table if name.endswith("parquet") else pacsv.read_csv
    assert read(tmp_path / name).num_rows == 800
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_refusals(run, tmp_path):
    folder, trained = run
    bundle = trained.path / "bundle" / "mail"
    (tmp_path / "few.csv").write_text("age\n1\n")
    with pytest.raises(SchemaError, match="column 'city' is missing"):
        predict_file(bundle, tmp_path / "few.csv")
    with pytest.raises(InputError, match="no readable manifest"):
        predict_file(tmp_path, folder / "data.csv")
    found = predict_file(bundle, folder / "data.csv")
    with pytest.raises(ConfigError, match=r"ends with '\.xlsx'; a table is written as"):
        write_table(found.table, tmp_path / "scores.xlsx")
