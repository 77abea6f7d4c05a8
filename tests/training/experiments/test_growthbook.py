"""GrowthBook's published formulas, case by case: where the figures are the same, and by how much they differ where not.

Formulas: docs.growthbook.io/statistics (details, cuped-technical, sequential), written down anew here; the numbers of the first test
are those that its own suite demands (gbstats, tests/frequentist/test_tests.py).
"""

import numpy as np
import pytest
import tea_tasting as tt
import tea_tasting.aggr
from scipy import stats

from training.experiments.aggregate_lift import lift_of_aggregates
from training.experiments.checks import check_sample_counts
from training.experiments.effects import ContrastRows, cuped, linearised
from training.experiments.sequential import mixture_scale, widening


def quotient_variance(top, top_variance, below, below_variance, covariance=0.0):
    """Variance of top / below by the delta method."""
    return (
        top_variance / below**2
        + below_variance * top**2 / below**4
        - 2 * covariance * top / below**3
    )


@pytest.fixture(scope="module")
def shop():
    rng = np.random.default_rng(8)
    n = 4_000
    treated = rng.random(n) < 0.3
    earlier_orders = rng.poisson(1.5, n).astype(float)
    earlier = earlier_orders * rng.lognormal(3, 0.5, n)
    orders = rng.poisson(0.3 + 0.3 * earlier_orders).astype(float)
    revenue = orders * (0.2 * earlier / 5 + rng.lognormal(3, 0.5, n)) * (1 + 0.1 * treated)
    return treated, orders, revenue, earlier, ContrastRows(treated, np.full(n, 0.3), None)


def arms(treated, *columns):
    """Columns of the control and of the treated arm."""
    return [[column[rows] for column in columns] for rows in (~treated, treated)]


def test_its_published_example():
    """Means 0.41 and 0.70, deviations 3.9 and 6.2: lift 0.70732 with a standard deviation of 0.37879, p 0.06191.

    Ours is the same lift. Its standard error on the log scale is theirs over 1 + lift; the interval is symmetric there and
    not around the lift. Our p-value is that of the difference, which is what their earlier versions had (0.02016).
    """
    control, treated = (
        tea_tasting.aggr.Aggregates(count_=n, mean_={"x": mean}, var_={"x": sd**2})
        for n, mean, sd in ((3407, 0.41, 3.9), (3461, 0.70, 6.2))
    )
    metric = tt.RatioOfMeans("x", equal_var=False, use_t=False)
    found = lift_of_aggregates(control, treated, metric, convention="")
    assert round(found.relative, 5) == 0.70732
    spread = np.sqrt(quotient_variance(0.7, 6.2**2 / 3461, 0.41, 3.9**2 / 3407))
    assert round(spread, 5) == 0.37879
    z = stats.norm.ppf(0.975)
    ends = np.log1p([found.relative_low, found.relative_high])
    assert ends == pytest.approx(
        np.log1p(found.relative) + z * spread / 1.7073171 * np.array([-1, 1])
    )
    theirs = np.array([-0.03526, 1.44989])
    assert theirs.mean() == pytest.approx(found.relative, abs=1e-5)
    assert found.relative_low > theirs[0]
    assert found.relative_high > theirs[1]
    assert found.p_value == pytest.approx(0.02016, abs=2e-4)  # normal here, Student's t there


def test_a_difference_of_means(shop):
    treated, _, revenue, _, rows = shop
    (base,), (top,) = arms(treated, revenue)
    found = rows.lift(revenue)
    variance = top.var(ddof=1) / len(top) + base.var(ddof=1) / len(base)
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-12)


def test_a_share_differs_by_one_row_in_the_variance(shop):
    """Theirs p (1 - p) / n, ours p (1 - p) / (n - 1)."""
    treated, orders, _, _, rows = shop
    bought = (orders > 0).astype(float)
    (base,), (top,) = arms(treated, bought)
    parts = [one.mean() * (1 - one.mean()) for one in (base, top)]
    found = rows.lift(bought).se
    assert found == pytest.approx(
        np.sqrt(parts[0] / (len(base) - 1) + parts[1] / (len(top) - 1)), rel=1e-12
    )
    theirs = np.sqrt(parts[0] / len(base) + parts[1] / len(top))
    assert 1 < found / theirs < 1 + 1 / len(top)


def test_a_ratio_metric(shop):
    treated, orders, revenue, _, rows = shop
    variance = 0.0
    for sums, counts in arms(treated, revenue, orders):
        covariance = np.cov(sums, counts, ddof=1)
        variance += quotient_variance(
            sums.mean(), covariance[0, 0], counts.mean(), covariance[1, 1], covariance[0, 1]
        ) / len(sums)
    found = rows.lift(linearised(revenue, orders, rows))
    assert found.effect == pytest.approx(
        revenue[treated].sum() / orders[treated].sum()
        - revenue[~treated].sum() / orders[~treated].sum()
    )
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_cuped(shop):
    """One coefficient over both arms in both; their lift is over the control's mean as it is, ours over the adjusted one."""
    treated, _, revenue, earlier, rows = shop
    joint = np.cov(revenue, earlier, ddof=1)
    theta = joint[0, 1] / joint[1, 1]
    means, variances = [], []
    for now, before in arms(treated, revenue, earlier):
        own = np.cov(now, before, ddof=1)
        means.append(now.mean() - theta * before.mean())
        variances.append((own[0, 0] + theta**2 * own[1, 1] - 2 * theta * own[0, 1]) / len(now))
    found = rows.lift(cuped(revenue, earlier).values)
    assert found.effect == pytest.approx(means[1] - means[0], rel=1e-10)
    assert found.se == pytest.approx(np.sqrt(sum(variances)), rel=1e-10)
    theirs = (means[1] - means[0]) / revenue[~treated].mean()
    assert found.relative == pytest.approx(
        theirs * revenue[~treated].mean() / found.base_mean, rel=1e-6
    )


def test_cuped_of_a_ratio_has_another_coefficient_and_nearly_the_same_figures(shop):
    """Theirs: covariance and variance of each arm added up; ours: over both arms together."""
    treated, orders, revenue, earlier, rows = shop
    value = linearised(revenue, orders, rows)
    found = rows.lift(cuped(value, earlier).values)
    parts = [np.cov(now, before, ddof=1) for now, before in arms(treated, value, earlier)]
    theta = sum(part[0, 1] for part in parts) / sum(part[1, 1] for part in parts)
    effect, variance = 0.0, 0.0
    for sign, part, (now, before) in zip(
        (-1, 1), parts, arms(treated, value, earlier), strict=True
    ):
        effect += sign * (now.mean() - theta * before.mean())
        variance += (part[0, 0] + theta**2 * part[1, 1] - 2 * theta * part[0, 1]) / len(now)
    assert found.effect == pytest.approx(effect, abs=0.05 * found.se)
    assert found.se == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_the_sample_ratio():
    counts, shares = np.array([5_260, 4_840, 10_300]), np.array([0.25, 0.25, 0.5])
    due = counts.sum() * shares
    found = check_sample_counts(counts, due, arms=("a", "b", "c"))
    chi2 = sum((one - other) ** 2 / other for one, other in zip(counts, due, strict=True))
    assert found.chi2 == pytest.approx(chi2)
    assert found.p_value == pytest.approx(stats.chi2.sf(chi2, 2))
    assert not found.passed  # both stop below 0.001
    assert found.p_value < 0.001


def test_the_always_valid_interval():
    """s sqrt(2 (n rho^2 + 1) / (n rho)^2 ln(sqrt(n rho^2 + 1) / alpha)), s = sqrt(n) standard errors."""
    n, planned, alpha, se = 12_000.0, 50_000.0, 0.05, 0.013
    rho = np.sqrt((-2 * np.log(alpha) + np.log(-2 * np.log(alpha) + 1)) / planned)
    inside = 2 * (n * rho**2 + 1) / (n * rho) ** 2
    theirs = se * np.sqrt(n) * np.sqrt(inside * np.log(np.sqrt(n * rho**2 + 1) / alpha))
    assert mixture_scale(planned) == pytest.approx(rho)
    assert se * widening(np.array([n]), planned)[0] == pytest.approx(theirs)
