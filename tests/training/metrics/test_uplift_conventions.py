"""Other libraries' figures from our formulas: pinned to what scikit-uplift 0.5.1, causalml 0.18.0 and EconML 0.17.0 print."""

from pathlib import Path

import numpy as np
import pyarrow.csv as pacsv
import pytest

from training.metrics.uplift import qini_area
from training.metrics.uplift_conventions import (
    causalml_auuc,
    causalml_qini,
    cumulative_gain_qini,
    econml_qini,
    pylift_qini,
    radcliffe_qini,
    sklift_qini_auc,
    sklift_uplift_at,
    sklift_uplift_auc,
)
from training.uplift.doubly_robust import effect_scores

HILLSTROM = Path(__file__).parents[3] / "../shared/data/hillstrom/hillstrom.csv"


def sample(n=400):
    """Drawn as for the pinned figures: numpy's default generator, seed 7."""
    rng = np.random.default_rng(7)
    score = rng.permutation(n) / n
    treated = rng.random(n) < 0.4
    outcome = (rng.random(n) < 0.2 + 0.3 * treated * score).astype(float)
    return outcome, treated, score


def test_parity_with_scikit_uplift():
    drawn = sample()
    assert sklift_qini_auc(*drawn) == pytest.approx(0.1532387273770489, rel=1e-12)
    assert sklift_qini_auc(*drawn, negative_effect=False) == pytest.approx(
        0.7291737515926161, rel=1e-12
    )
    assert sklift_uplift_auc(*drawn) == pytest.approx(0.1497771521164257, rel=1e-12)
    assert sklift_uplift_at(*drawn, share=0.3) == pytest.approx(0.25732407127755963, rel=1e-12)


def test_parity_with_scikit_uplift_on_ties():
    outcome, treated, score = sample()
    tied = np.floor(7 * score)
    assert sklift_qini_auc(outcome, treated, tied) == pytest.approx(0.16286884919613615, rel=1e-12)
    assert sklift_uplift_auc(outcome, treated, tied) == pytest.approx(0.1603257152620479, rel=1e-12)


def test_parity_with_causalml():
    drawn = sample()
    assert causalml_qini(*drawn) == pytest.approx(6.065680207584165, rel=1e-12)
    assert causalml_qini(*drawn, normalize=True) == pytest.approx(0.3478222216936374, rel=1e-12)
    assert causalml_auuc(*drawn) == pytest.approx(0.8539694983161183, rel=1e-12)
    assert causalml_auuc(*drawn, normalize=False) == pytest.approx(38.681545219893856, rel=1e-12)


def test_parity_with_econml():
    """`econml.validate.utils.calc_uplift(..., np.linspace(5, 95, 50), "qini")` of inverse-probability-weighted scores."""
    outcome, treated, score = sample()
    effect = effect_scores(outcome, treated, np.full(400, 0.4))
    assert econml_qini(effect, score) == pytest.approx(0.037318239795918355, rel=1e-12)
    assert econml_qini(effect, np.floor(7 * score)) == pytest.approx(
        0.038963169642857134, rel=1e-12
    )
    found = econml_qini(effect, score, seen_score=score**2)
    assert found == pytest.approx(0.034644929846938774, rel=1e-12)
    assert econml_qini(effect, np.zeros(400)) == pytest.approx(0, abs=1e-12)


def test_econml_by_hand():
    """Three scores 0, 1, 2 whose effects are 0, 0, 3: percentile q cuts at 2 q/100.

    Cuts above 1, at q > 50, leave a third of the rows with 3 - 1 too much; cuts in (0, 1] two thirds with 3/2 - 1.
    """
    q = np.linspace(5, 95, 50)
    heights = np.where(q[:-1] > 50, 1 / 3 * (3 - 1), 2 / 3 * (3 / 2 - 1))
    expected = np.sum(heights * (95 - 5) / 49 / 100)
    assert econml_qini(np.array([0.0, 0, 3]), np.array([0.0, 1, 2])) == pytest.approx(expected)


def test_radcliffe_by_hand():
    """Ranked: treated 1, control 0, treated 0, control 1. Curve R1 - R0 N1/N0 over 2 treated: 0, 1/2, 1/2, 1/2, 0."""
    outcome, treated = np.array([1.0, 0, 0, 1]), np.array([True, False, True, False])
    found = radcliffe_qini(outcome, treated, np.array([4.0, 3, 2, 1]))
    # without a control row above, R0 N1/N0 counts nothing: heights at 0, 1/4, 2/4, 3/4, 1
    assert found == pytest.approx((0 / 2 + 1 / 2 + 1 / 2 + 1 / 2 + 0 / 2) / 4)


def test_pylift_is_our_area_at_the_treated_share_found():
    outcome, treated, score = sample(1_000)
    effect = effect_scores(outcome, treated, np.full(1_000, treated.mean()))
    assert pylift_qini(outcome, treated, score) == pytest.approx(
        qini_area(effect, score).value, rel=1e-10
    )


@pytest.mark.parametrize(
    "area",
    [pylift_qini, radcliffe_qini, cumulative_gain_qini, sklift_qini_auc, sklift_uplift_auc],
)
def test_a_constant_score_is_worth_nothing_and_row_order_changes_nothing(area):
    outcome, treated, score = sample()
    assert area(outcome, treated, np.zeros(400)) == pytest.approx(0, abs=1e-12)
    order = np.random.default_rng(0).permutation(400)
    tied = np.floor(5 * score)
    assert area(outcome[order], treated[order], tied[order]) == pytest.approx(
        area(outcome, treated, tied), rel=1e-10
    )


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the Hillstrom file is not on this machine")
def test_hillstrom_under_everybodys_qini():
    """Women's e-mail against none, visit, ranked by `history`: figures for one ranking."""
    table = pacsv.read_csv(HILLSTROM).to_pandas()
    table = table[table["segment"] != "Mens E-Mail"]
    rows = (
        table["visit"].to_numpy(float),
        (table["segment"] == "Womens E-Mail").to_numpy(),
        table["history"].to_numpy(float),
    )
    assert round(pylift_qini(*rows), 6) == 0.000559
    assert round(sklift_qini_auc(*rows), 5) == 0.00262
    assert round(sklift_qini_auc(*rows, negative_effect=False), 5) == 0.01426
    assert round(sklift_uplift_auc(*rows), 5) == 0.00105
    effect = effect_scores(rows[0], rows[1], np.full(len(rows[1]), rows[1].mean()))
    assert round(econml_qini(effect, rows[2]), 6) == 0.000532
