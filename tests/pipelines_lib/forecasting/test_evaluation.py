"""Metrics, by hand on two windows."""

import numpy as np
import pytest

from pipelines_lib.comparison import skill_pct
from pipelines_lib.config import ForecasterConfig
from pipelines_lib.errors import TrainingError
from pipelines_lib.forecasting.evaluation import (
    evaluate_forecasts,
    join_evaluations,
    name_model,
    step_scale,
)

NAN = float("nan")
LEVEL = [10.0, 12.0, 11.0, 15.0]
# From rows 0 and 1, two steps ahead: the truth is 12, 11 and 11, 15.
VALUE = np.array([[11.0, 11.0], [12.0, 11.0]])


@pytest.fixture
def evaluate(panel_of):
    def make(
        series=None,
        origins=(0, 1),
        value=VALUE,
        half=1.5,
        scale=(2.0,),
        baselines=None,
        interval=None,
    ):
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
            interval=interval,
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


def test_evaluate_forecasts_compares_direction_with_the_commoner_one_and_a_baseline_s(evaluate):
    still = np.array([[10.0, 10.0], [12.0, 12.0]])
    metrics = evaluate(
        baselines={"last_value": still, "drift": np.array([[12.0, 11.0], [13.0, 14.0]])}
    ).metrics
    assert metrics["direction_majority_pct"] == 75.0  # up, up, down, up
    assert metrics["drift_direction_pct"] == 75.0
    assert "last_value_direction_pct" not in metrics  # it never moves


def test_evaluate_forecasts_reckons_ratios_to_the_last_value(evaluate):
    metrics = evaluate().metrics
    assert metrics["mae_ratio"] == pytest.approx(1.5 / 1.75)
    assert metrics["rmse_ratio"] == pytest.approx((4.5 / 3.75) ** 0.5)


def test_evaluate_forecasts_reckons_pinball_and_interval_score(evaluate):
    metrics = evaluate(interval=0.8).metrics
    # Width 3; the error of 4 lies 2.5 above: 3 + 2.5 x 2 / 0.2 there.
    assert metrics["interval_score"] == pytest.approx((3 * 3 + 3 + 25) / 4)
    # Levels 0.1, 0.5, 0.9 of errors 1, 0, -1, 4 from the value, +1.5 and -1.5 from the ends.
    low = [0.25, 0.15, 0.05, 0.55]
    middle = [0.5, 0.0, 0.5, 2.0]
    high = [0.05, 0.15, 0.25, 2.25]
    assert metrics["pinball"] == pytest.approx(sum(low + middle + high) / 12)
    assert not {"pinball", "interval_score"} & set(evaluate().metrics)


def test_evaluate_forecasts_refuses_a_forecast_that_is_not_finite(evaluate):
    value = VALUE.copy()
    value[1, 0] = np.inf
    with pytest.raises(TrainingError, match="the forecast of series A is not finite: lower"):
        evaluate(value=value)


def test_join_evaluations_judges_all_windows_as_one(evaluate):
    series = {"A": LEVEL, "B": [100.0, 100.0, 104.0]}
    parts = [
        evaluate(series, origins=(row,), value=made, scale=(2.0, 4.0), interval=0.9)
        for row, made in ((0, VALUE[:1]), (4, np.array([[101.0, 101.0]])))
    ]
    whole = evaluate(
        series,
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [101.0, 101.0]]),
        scale=(2.0, 4.0),
        interval=0.9,
    )
    joined = join_evaluations(parts)
    assert joined.metrics == whole.metrics
    assert joined.by_series.equals(whole.by_series)
    assert joined.by_horizon.equals(whole.by_horizon)
    assert joined.paths.equals(whole.paths)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "last-step LSTM"),
        ({"model": "segment", "cell": "gru", "segment_steps": 5}, "segment GRU"),
        ({"model": "linear"}, "linear"),
        ({"model": "seasonal_naive"}, "seasonal naive"),
    ],
)
def test_name_model_says_the_cell_where_there_is_one(fields, name):
    assert name_model(ForecasterConfig(**fields)) == name


def test_evaluate_forecasts_counts_the_interval_s_ends_as_within(evaluate):
    assert evaluate(half=1.0).metrics["coverage_pct"] == 75.0
    assert evaluate(half=0.99).metrics["coverage_pct"] == 25.0


def test_evaluate_forecasts_reckons_by_horizon(evaluate):
    table = evaluate().by_horizon
    assert table["step"].tolist() == [1, 2]
    assert table["mae"].tolist() == [1.0, 2.0]
    assert table["last_value_mae"].tolist() == [1.5, 2.0]
    assert table["mase"].tolist() == [0.5, 1.0]
    assert table["rmse"].tolist() == pytest.approx([1.0, 8**0.5])
    assert table["skill_pct"].tolist() == pytest.approx([100 / 3, 0.0])
    assert table["coverage_pct"].tolist() == [100.0, 50.0]
    assert table["interval_width"].tolist() == [3.0, 3.0]
    assert table["direction_pct"].tolist() == [50.0, 50.0]


def test_evaluate_forecasts_reckons_by_series(evaluate):
    table = evaluate(
        {"A": LEVEL, "B": [100.0, 100.0, 104.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [101.0, 101.0]]),
        scale=(2.0, 4.0),
    ).by_series
    assert table["series_id"].tolist() == ["A", "B"]
    assert table["mae"].tolist() == [0.5, 2.0]
    assert table["last_value_mae"].tolist() == [1.5, 2.0]
    assert table["skill_pct"].tolist() == pytest.approx([100 * 2 / 3, 0.0])


def test_evaluate_forecasts_weighs_series_by_their_own_change(evaluate):
    evaluation = evaluate(
        {"A": LEVEL, "B": [100.0, 100.0, 104.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [101.0, 101.0]]),
        scale=(2.0, 4.0),
    )
    # Mean errors 0.5 and 2 in units of 2 and 4.
    assert evaluation.losses["model"].tolist() == [0.25, 0.5]
    assert evaluation.metrics["mase"] == 0.375


def test_evaluate_forecasts_leaves_a_series_that_never_moved_out_of_mase(evaluate):
    evaluation = evaluate(
        {"A": LEVEL, "B": [5.0, 5.0, 5.0]},
        origins=(0, 4),
        value=np.array([[11.0, 11.0], [5.0, 5.0]]),
        scale=(2.0, 0.0),
    )
    assert evaluation.metrics["mase"] == 0.25
    assert np.isnan(evaluation.losses["model"][1])
    assert np.isnan(evaluation.by_series["skill_pct"][1])


def test_evaluate_forecasts_survives_a_baseline_without_error(evaluate):
    still = {"A": [5.0, 5.0, 5.0, 5.0]}
    perfect = evaluate(still, value=np.full((2, 2), 5.0)).metrics
    worse = evaluate(still, value=np.full((2, 2), 6.0)).metrics
    assert (perfect["skill_pct"], worse["skill_pct"]) == (0.0, -100.0)
    assert "direction_pct" not in worse  # nothing moved
    assert "mae_ratio" not in worse
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
