"""Naive forecasts, by hand."""

import numpy as np
import pytest

from pipelines_lib.forecasting.baselines import forecast_baselines

NAN = float("nan")
A = [1.0, 2.0, 4.0, 7.0, 11.0, 16.0]


@pytest.fixture
def forecast(panel_of):
    def make(series, origins, **more):
        panel = panel_of(series)
        settings = {"horizon": 3, "sampling_rate": 1, "season": 2, **more}
        made = forecast_baselines(panel, panel.column("value"), np.array(origins), **settings)
        return {name: values.tolist() for name, values in made.items()}

    return make


def test_forecast_baselines_repeats_the_last_value(forecast):
    made = forecast({"A": A}, [3, 0])["last_value"]
    assert made == [[7.0, 7.0, 7.0], [1.0, 1.0, 1.0]]


def test_forecast_baselines_continues_the_line_from_the_first_value(forecast):
    # From 1 at row 0 to 7 at row 3: 2 a row.
    assert forecast({"A": A}, [3])["drift"] == [[9.0, 11.0, 13.0]]


def test_forecast_baselines_has_no_drift_at_the_first_row(forecast):
    assert forecast({"A": A}, [0])["drift"] == [[1.0, 1.0, 1.0]]


def test_forecast_baselines_repeats_the_season_beyond_its_length(forecast):
    made = forecast({"A": A}, [3], horizon=5, season=2)["seasonal_naive"]
    assert made == [[4.0, 7.0, 4.0, 7.0, 4.0]]


def test_forecast_baselines_takes_the_last_value_before_the_first_season(forecast):
    assert forecast({"A": A}, [3], season=3)["seasonal_naive"] == [[2.0, 4.0, 7.0]]
    # Row 3 + 1 - 6 lies before the series, row 3 + 3 - 6 is its first.
    assert forecast({"A": A}, [3], season=6)["seasonal_naive"] == [[7.0, 7.0, 1.0]]


def test_forecast_baselines_takes_the_last_value_where_the_season_was_not_observed(forecast):
    made = forecast({"A": [1.0, NAN, 4.0, 7.0]}, [3], season=3)["seasonal_naive"]
    assert made == [[7.0, 4.0, 7.0]]


def test_forecast_baselines_keeps_to_its_own_series(forecast):
    made = forecast({"A": A, "B": [5.0, 8.0, 8.0]}, [7], season=3)
    assert made["last_value"] == [[8.0, 8.0, 8.0]]
    assert made["drift"] == [[11.0, 14.0, 17.0]]
    # Rows -1 and 0 and 1 of B: the first is no row of B, though A ends there.
    assert made["seasonal_naive"] == [[8.0, 5.0, 8.0]]


def test_forecast_baselines_goes_on_where_the_last_series_has_no_target(panel_of):
    panel = panel_of({"A": A, "B": [5.0, 8.0]})
    level = np.where(panel.row_series == 1, NAN, panel.column("value"))
    made = forecast_baselines(panel, level, np.array([3]), horizon=1, sampling_rate=1, season=2)
    assert made["drift"].tolist() == [[9.0]]


def test_forecast_baselines_counts_in_rows_whatever_the_sampling_rate(forecast):
    made = forecast({"A": A}, [3], sampling_rate=2, season=4)
    assert made["drift"] == [[11.0, 15.0, 19.0]]
    # 2, 4 and 6 rows ahead, less a season of 4 (or 8): rows 1, 3 and 1.
    assert made["seasonal_naive"] == [[2.0, 7.0, 2.0]]


def test_forecast_baselines_knows_nothing_after_the_origin(forecast):
    changed = [*A[:4], -999.0, 999.0]
    assert forecast({"A": changed}, [3], horizon=5) == forecast({"A": A}, [3], horizon=5)
