"""Metrics, by hand on two windows."""

import numpy as np
import pytest

from pipelines_lib.comparison import skill_pct
from pipelines_lib.forecasting.evaluation import evaluate_forecasts, step_scale

NAN = float("nan")
LEVEL = [10.0, 12.0, 11.0, 15.0]
# From rows 0 and 1, two steps ahead: the truth is 12, 11 and 11, 15.
VALUE = np.array([[11.0, 11.0], [12.0, 11.0]])


@pytest.fixture
def evaluate(panel_of):
    def make(series=None, origins=(0, 1), value=VALUE, half=1.5, scale=(2.0,), baselines=None):
        panel = panel_of({"A": LEVEL} if series is None else series)
        level = panel.column("value")
        if baselines is None:
            baselines = {"last_value": np.repeat(level[list(origins)][:, None], 2, axis=1)}
        return evaluate_forecasts(
            panel=panel,
            level=level,
            origins=np.array(origins),
            ahead=np.array([1, 2]),
            forecast=(value, value - half, value + half),
            baselines=baselines,
            scale=np.array(scale),
        )

    return make


def test_evaluate_forecasts_reckons_errors(evaluate):
    metrics = evaluate().metrics
    assert metrics["mae"] == 1.5  # of 1, 0, 1, 4
    assert metrics["rmse"] == pytest.approx(4.5**0.5)
    assert metrics["mase"] == 0.75
    assert metrics["last_value_mae"] == 1.75  # of 2, 1, 1, 3
    assert metrics["last_value_rmse"] == pytest.approx((15 / 4) ** 0.5)
    assert metrics["last_value_mase"] == 0.875
    assert metrics["smape_pct"] == pytest.approx(200 * (1 / 23 + 0 + 1 / 23 + 4 / 26) / 4)


def test_evaluate_forecasts_reckons_skill(evaluate):
    evaluation = evaluate(
        baselines={
            "last_value": np.array([[10.0, 10.0], [12.0, 12.0]]),
            "drift": np.array([[12.0, 11.0], [11.0, 16.0]]),
        }
    )
    assert evaluation.skill_pct == pytest.approx(100 * (1 - 1.5 / 1.75))
    assert evaluation.metrics["skill_vs_drift_pct"] == pytest.approx(100 * (1 - 1.5 / 0.25))


def test_evaluate_forecasts_reckons_direction_coverage_and_width(evaluate):
    metrics = evaluate().metrics
    assert metrics["direction_pct"] == 50.0  # up, up; flat instead of down, down instead of up
    assert metrics["coverage_pct"] == 75.0  # the error of 4 lies outside
    assert metrics["interval_width"] == 3.0
    assert (metrics["test_windows"], metrics["test_series"]) == (2.0, 1.0)


def test_evaluate_forecasts_counts_the_interval_s_ends_as_within(evaluate):
    assert evaluate(half=1.0).metrics["coverage_pct"] == 75.0
    assert evaluate(half=0.99).metrics["coverage_pct"] == 25.0


def test_evaluate_forecasts_reckons_by_horizon(evaluate):
    table = evaluate().by_horizon
    assert table.to_dict("list") == {"step": [1, 2], "lstm": [1.0, 2.0], "last_value": [1.5, 2.0]}


def test_evaluate_forecasts_reckons_by_series(evaluate):
    table = evaluate(
        {"A": LEVEL, "B": [100.0, 100.0, 104.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [101.0, 101.0]]),
        scale=(2.0, 4.0),
    ).by_series
    assert table["series_id"].tolist() == ["A", "B"]
    assert table["lstm"].tolist() == [0.5, 2.0]
    assert table["last_value"].tolist() == [1.5, 2.0]
    assert table["skill_pct"].tolist() == pytest.approx([100 * 2 / 3, 0.0])


def test_evaluate_forecasts_weighs_series_by_their_own_change(evaluate):
    evaluation = evaluate(
        {"A": LEVEL, "B": [100.0, 100.0, 104.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [101.0, 101.0]]),
        scale=(2.0, 4.0),
    )
    # Mean errors 0.5 and 2 in units of 2 and 4.
    assert evaluation.losses["lstm"].tolist() == [0.25, 0.5]
    assert evaluation.metrics["mase"] == 0.375


def test_evaluate_forecasts_leaves_a_series_that_never_moved_out_of_mase(evaluate):
    evaluation = evaluate(
        {"A": LEVEL, "B": [5.0, 5.0, 5.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [5.0, 5.0]]),
        scale=(2.0, 0.0),
    )
    assert evaluation.metrics["mase"] == 0.25
    assert np.isnan(evaluation.losses["lstm"][1])
    assert np.isnan(evaluation.by_series["skill_pct"][1])


def test_evaluate_forecasts_survives_a_baseline_without_error(evaluate):
    still = {"A": [5.0, 5.0, 5.0, 5.0]}
    perfect = evaluate(still, value=np.full((2, 2), 5.0)).metrics
    worse = evaluate(still, value=np.full((2, 2), 6.0)).metrics
    assert (perfect["skill_pct"], worse["skill_pct"]) == (0.0, -100.0)
    assert worse["direction_pct"] == 0.0
    assert all(np.isfinite(list(worse.values())))


def test_evaluate_forecasts_has_no_smape_of_nothing(evaluate):
    nothing = evaluate({"A": [0.0, 0.0, 0.0, 0.0]}, value=np.zeros((2, 2))).metrics
    assert nothing["smape_pct"] == 0.0


def test_evaluate_forecasts_keeps_the_one_step_paths(evaluate):
    paths = evaluate().paths
    assert paths["time"].dt.strftime("%H").tolist() == ["01", "02"]
    assert paths.drop(columns=["time", "series_id"]).to_dict("list") == {
        "actual": [12.0, 11.0],
        "forecast": [11.0, 12.0],
        "lower": [9.5, 10.5],
        "upper": [12.5, 13.5],
        "last_value": [10.0, 12.0],
    }


def test_step_scale_is_the_mean_change_in_the_marked_rows(panel_of):
    panel = panel_of({"A": [1.0, 3.0, 2.0, 100.0], "B": [5.0, NAN, 6.0, 8.0]})
    level = panel.column("value")
    marked = np.array([True, True, True, False] + [True] * 4)
    assert step_scale(panel, level, rows=marked, steps=1).tolist() == [1.5, 2.0]
    assert step_scale(panel, level, rows=marked, steps=2).tolist() == [1.0, 1.0]


def test_step_scale_is_unknown_where_no_change_is(panel_of):
    panel = panel_of({"A": [1.0, 3.0], "B": [5.0]})
    scale = step_scale(panel, panel.column("value"), rows=np.ones(3, dtype=bool), steps=1)
    assert scale[0] == 2.0
    assert np.isnan(scale[1])


@pytest.mark.parametrize(
    ("error", "baseline", "skill"), [(1, 2, 50), (3, 2, -50), (2, 2, 0), (0, 0, 0), (1, 0, -100)]
)
def test_skill_pct_by_hand(error, baseline, skill):
    assert skill_pct(error, baseline) == skill
