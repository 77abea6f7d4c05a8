"""One pass over a file gives the figures of the rows: means, capped means, ratios, CUPED, clusters, gates."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.config import validate
from features.engines.local import LocalEngine
from features.errors import ConfigError, GateError, InputError, SchemaError
from features.sources.flat_table import flat_table_of
from training.experiments.config import MeasureConfig
from training.experiments.large_table import measure_large
from training.experiments.measure_run import measure_large_file
from training.experiments.measurement import measure_experiment
from training.experiments.rows import experiment_rows

OUTCOMES = {
    "visit": "binary",
    "revenue": {"kind": "continuous", "cap": 30.0, "before": "earlier"},
    "order_value": {"kind": "ratio", "numerator": "revenue", "denominator": "visit"},
}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    n = 5_000
    arm = rng.choice(["none", "ads", "mail"], n, p=[0.2, 0.4, 0.4])
    earlier = rng.gamma(1, 10, n)
    visit = rng.random(n) < 0.3 + 0.1 * (arm == "ads")
    return pa.table(
        {
            "arm": arm,
            "visit": visit.astype(int),
            "revenue": visit * (0.5 * earlier + rng.lognormal(2, 0.8, n)),
            "earlier": earlier,
            "home": np.arange(n) // 2,
        }
    )


def config_of(kind, **data):
    share = {"none": 0.2, "ads": 0.4, "mail": 0.4}
    named = {"kind": kind, "path": "test.parquet", "arm": "arm", "control": "none"}
    content = {
        "kind": "measure",
        "data": {**named, "treated": ["ads", "mail"], "probability": share, **data},
        "outcomes": OUTCOMES,
        "primary": ["visit", "revenue"],
        "method": "plain",
    }
    return validate(MeasureConfig, content, subject="test")


def large(table, folder, config):
    path = folder / "test.parquet"
    pq.write_table(table, path)
    return measure_large(LocalEngine().parquet(path), config.data, config, source="test")


def small(table, config):
    rows, _ = experiment_rows(flat_table_of(table, source="test"), config.data, config)
    return measure_experiment(rows, config)


def by_name(found):
    return {(e.treated, e.outcome, e.method, e.cap): e for e in found.effects}


def test_figures_are_those_of_the_rows(table, tmp_path):
    one = by_name(large(table, tmp_path, config_of("large_table")))
    two = by_name(small(table, config_of("flat_table")))
    assert one.keys() == two.keys()
    for name, effect in one.items():
        other = two[name]
        for field in ("base_mean", "treated_mean", "effect", "se", "low", "high", "p_value"):
            found, expected = (getattr(e.lift, field) for e in (effect, other))
            assert found == pytest.approx(expected, rel=1e-6), (name, field)
        assert (effect.headline, effect.primary) == (other.headline, other.primary)
        ends = [(e.lift.relative_low, e.lift.relative_high) for e in (effect, other)]
        assert ends[0] == pytest.approx(ends[1], rel=1e-3 if name[2] == "before" else 1e-6)
        assert effect.p_holm == pytest.approx(other.p_holm, nan_ok=True, rel=1e-6)


def test_clusters_are_summed(table, tmp_path):
    """Households assigned as a whole: the ratio of sums over households, as rows with cluster-robust errors have it."""
    homes = np.random.default_rng(1).choice(["none", "ads", "mail"], 2_500, p=[0.2, 0.4, 0.4])
    together = table.set_column(0, "arm", pa.array(homes[table["home"].to_numpy()]))
    one = by_name(large(together, tmp_path, config_of("large_table", cluster="home")))
    two = by_name(small(together, config_of("flat_table", cluster="home")))
    name = ("ads", "visit", "plain", None)
    assert one[name].lift.effect == pytest.approx(two[name].lift.effect, rel=1e-9)
    assert one[name].lift.se == pytest.approx(two[name].lift.se, rel=2e-3)  # small-sample factors
    assert one[name].lift.n_units < 2_501


def test_where_hardly_anybody_responds_there_is_no_interval_in_either_path(table, tmp_path):
    """Four visits in the control, five or more elsewhere: visits have no interval, order value none, revenue per person neither."""
    visit = table["visit"].to_numpy().copy()
    of_control = np.flatnonzero((table["arm"].to_numpy() == "none") & (visit == 1))
    visit[of_control[4:]] = 0
    few = table.set_column(1, "visit", pa.array(visit))
    few = few.set_column(2, "revenue", pa.array(table["revenue"].to_numpy() * visit))
    one, two = (
        by_name(found)
        for found in (
            large(few, tmp_path, config_of("large_table")),
            small(few, config_of("flat_table")),
        )
    )
    for name, effect in one.items():
        assert effect.lift.effect == pytest.approx(two[name].lift.effect, rel=1e-6)
        ends = [
            [e.lift.se, e.lift.low, e.lift.high, e.lift.p_value, e.lift.relative_low]
            for e in (effect, two[name])
        ]
        assert np.isnan(ends).all()


def test_values_that_may_be_negative_have_fiellers_relative_interval_in_either_path(
    table, tmp_path
):
    shifted = table.set_column(2, "revenue", pa.array(table["revenue"].to_numpy() - 2.0))
    one = by_name(large(shifted, tmp_path, config_of("large_table")))
    two = by_name(small(shifted, config_of("flat_table")))
    for method, closeness in (("plain", 1e-3), ("before", 3e-3)):
        name = ("ads", "revenue", method, None)
        ends = [(e[name].lift.relative_low, e[name].lift.relative_high) for e in (one, two)]
        assert ends[0] == pytest.approx(ends[1], rel=closeness)
        assert "Fieller" in one[name].lift.convention


def test_rows_of_other_arms_and_without_cluster_are_not_looked_at(table, tmp_path):
    """A hundred homes have a row in an arm that is not measured: their other row counts. One has no home."""
    config = config_of(
        "large_table", cluster="home", treated=["ads"], probability={"none": 1.0, "ads": 2.0}
    )
    homes = np.random.default_rng(2).choice(["none", "ads", "mail"], 2_500, p=[0.2, 0.4, 0.4])
    arm = homes[table["home"].to_numpy()]
    arm[1:200:2] = "mail"
    home = table["home"].to_numpy().astype(float)
    home[4_000:4_002] = np.nan
    rows = table.set_column(0, "arm", pa.array(arm))
    rows = rows.set_column(4, "home", pa.array(home, mask=np.isnan(home)))
    found = large(rows, tmp_path, config)
    kept = np.isin(arm, ["none", "ads"]) & ~np.isnan(home)
    assert found.rows == kept.sum()
    assert found.units == len(np.unique(home[kept]))


def test_few_outcomes_in_clusters_have_no_interval(table, tmp_path):
    """Four visits of single persons in the control's homes; rows are counted, not homes."""
    homes = np.random.default_rng(1).choice(["none", "ads", "mail"], 2_500, p=[0.2, 0.4, 0.4])
    arm = homes[table["home"].to_numpy()]
    for visits, known in ((4, False), (5, True)):
        visit = table["visit"].to_numpy().copy()
        of_control = np.flatnonzero((arm == "none") & (visit == 1))
        visit[of_control[visits:]] = 0
        few = table.set_column(0, "arm", pa.array(arm)).set_column(1, "visit", pa.array(visit))
        found = by_name(large(few, tmp_path, config_of("large_table", cluster="home")))
        assert np.isfinite(found["ads", "visit", "plain", None].lift.low) == known


def test_a_cluster_in_two_arms_withholds_the_result(table, tmp_path):
    with pytest.raises(GateError, match="clusters are in more than one arm"):
        large(table, tmp_path, config_of("large_table", cluster="home"))


def test_a_wrong_share_withholds_the_result(table, tmp_path):
    wrong = config_of("large_table", probability={"none": 1.0, "ads": 1.0, "mail": 1.0})
    with pytest.raises(GateError, match="sample ratio, assigned: none"):
        large(table, tmp_path, wrong)


def test_missing_outcomes_are_left_out_and_seen(table, tmp_path):
    values = table["revenue"].to_numpy().copy()
    values[(table["arm"].to_numpy() == "ads") & (np.arange(5_000) % 4 == 0)] = np.nan
    broken = table.set_column(2, "revenue", pa.array(values))
    with pytest.raises(GateError) as error:
        large(broken, tmp_path, config_of("large_table"))
    assert "sample ratio, analysed" in str(error.value)
    assert "sample ratio, assigned" not in str(error.value)


def test_errors_name_what_is_wrong(table, tmp_path):
    with pytest.raises(SchemaError, match="column 'visit' is missing"):
        large(table.drop(["visit"]), tmp_path, config_of("large_table"))
    only = table.filter(pc.not_equal(table["arm"], "mail"))
    with pytest.raises(InputError, match="arm 'mail' has fewer than 2 units"):
        large(only, tmp_path, config_of("large_table"))
    with pytest.raises(ConfigError, match="needs one share for each of"):
        config_of("large_table", probability={"ads": 0.5})


def test_a_run_is_written(table, tmp_path, monkeypatch):
    monkeypatch.setattr("training.experiments.measure_run.track_run", lambda *_, **__: None)
    config = config_of("large_table").model_copy(update={"workspace": "ws"})
    pq.write_table(table, tmp_path / "test.parquet")
    run = measure_large_file(config, config.data, folder=tmp_path)
    assert run.json("lift.json")["rows"] == 5_000
    assert "changed visit by" in (run.path / "report.html").read_text()
