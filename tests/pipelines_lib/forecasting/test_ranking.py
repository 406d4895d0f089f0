"""Rank correlation across series, against scipy's, and where it is undefined."""

import numpy as np
import pytest
from scipy import stats

from pipelines_lib.forecasting.metrics import Judged
from pipelines_lib.forecasting.ranking import rank_metrics

HORIZON = 2


def judge(made, actual, *, series, position, last=None, unit=None, **baselines):
    n = len(series)
    last = np.full(n, 10.0) if last is None else np.asarray(last, dtype=float)
    return Judged(
        series_ids=[str(number) for number in range(max(series) + 1)],
        ahead=np.arange(1, HORIZON + 1),
        series=np.asarray(series),
        position=np.asarray(position),
        time=np.zeros(n, "datetime64[us]"),
        last=last,
        actual=actual,
        forecasts={"model": made, **baselines},
        lower=made - 1,
        upper=made + 1,
        unit=np.ones(n) if unit is None else np.asarray(unit),
        interval=0.9,
    )


@pytest.fixture
def days():
    """Return windows of 12 days and 7 series, without series 3 on day 4, in mixed order."""
    rng = np.random.default_rng(0)
    position, series = (a.ravel() for a in np.meshgrid(np.arange(12), np.arange(7)))
    kept = rng.permutation(np.flatnonzero(~((position == 4) & (series == 3))))
    last = rng.uniform(5, 500, len(kept))
    actual = last[:, None] * np.exp(rng.normal(0, 0.02, (len(kept), HORIZON)))
    made = last[:, None] * np.exp(rng.normal(0, 0.02, (len(kept), HORIZON)))
    made[::3] = last[::3, None]  # ties
    return {
        "made": made, "actual": actual, "last": last,
        "series": series[kept], "position": position[kept],
    }  # fmt: skip


def test_rank_metrics_is_the_mean_of_spearman_s_by_day_and_step(days):
    metrics, by_step = rank_metrics(judge(**days))
    expected = np.array(
        [
            [
                stats.spearmanr(
                    (days["made"][rows, step] / days["last"][rows]),
                    (days["actual"][rows, step] / days["last"][rows]),
                ).statistic
                for step in range(HORIZON)
            ]
            for rows in (days["position"] == day for day in range(12))
        ]
    )
    assert metrics["rank_correlation"] == pytest.approx(expected.mean())
    assert metrics["rank_correlation_step_1"] == pytest.approx(expected[:, 0].mean())
    assert by_step["rank_correlation"] == pytest.approx(expected.mean(axis=0))
    assert metrics["rank_origins"] == 12
    assert metrics["rank_correlation_step_1_t"] == pytest.approx(
        stats.ttest_1samp(expected[:, 0], 0).statistic
    )
    assert metrics["rank_correlation_step_1_p"] == pytest.approx(
        stats.ttest_1samp(expected[:, 0], 0).pvalue
    )


def test_rank_metrics_knows_a_perfect_order_and_its_reverse(days):
    right = {**days, "made": days["actual"]}
    wrong = {**days, "made": 2 * days["last"][:, None] - days["actual"]}
    assert rank_metrics(judge(**right))[0]["rank_correlation"] == pytest.approx(1.0)
    assert rank_metrics(judge(**wrong))[0]["rank_correlation"] == pytest.approx(-1.0)


def test_rank_metrics_leaves_out_a_method_that_orders_nothing(days):
    still = np.repeat(days["last"][:, None], HORIZON, axis=1)
    metrics, by_step = rank_metrics(judge(**days, last_value=still, drift=days["actual"]))
    assert not [name for name in (*metrics, *by_step) if name.startswith("last_value")]
    assert metrics["drift_rank_correlation"] == pytest.approx(1.0)


def test_rank_metrics_needs_five_series_a_day(days):
    four = days["series"] < 4
    made = judge(**{name: values[four] for name, values in days.items()})
    assert rank_metrics(made) == ({}, {})


def test_rank_metrics_counts_days_with_enough_series_only(days):
    short = (days["position"] != 2) | (days["series"] < 3)
    metrics, _ = rank_metrics(judge(**{name: values[short] for name, values in days.items()}))
    assert metrics["rank_origins"] == 11


def test_rank_metrics_measures_changes_around_zero_in_units_of_the_series():
    # Changes 1 2 3 4 50 in units 1 1 1 1 100: the last is the smallest.
    last = np.array([-1.0, 0.0, 1.0, 2.0, -100.0])
    change = np.array([1.0, 2.0, 3.0, 4.0, 50.0])
    actual = np.repeat((last + change)[:, None], HORIZON, axis=1)
    forecast = last[:, None] + np.array([2.0, 3.0, 4.0, 5.0, 1.0])[:, None] * np.ones(HORIZON)
    made = judge(
        forecast, actual, series=range(5), position=[0] * 5, last=last, unit=[1, 1, 1, 1, 100]
    )
    assert rank_metrics(made)[0]["rank_correlation"] == pytest.approx(1.0)
