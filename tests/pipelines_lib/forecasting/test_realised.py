"""Earlier forecasts beside what came true."""

import pandas as pd

from pipelines_lib.forecasting.realised import join_realised


def test_join_realised_joins_by_series_and_time():
    forecasts = pd.DataFrame(
        {
            "series_id": ["A", "A", "B", "B"],
            "time": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-02", "2024-01-03"]),
            "value": [10.0, 11.0, 20.0, 21.0],
            "lower": [9.0, 10.0, 19.0, 20.0],
            "upper": [11.0, 12.0, 21.0, 22.0],
            "last_value": [9.5, 9.5, 19.5, 19.5],
        }
    )
    actuals = pd.DataFrame(
        {
            "series_id": ["A", "B", "B", "C"],
            "time": pd.to_datetime(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-02"]),
            "actual": [11.0, 22.5, 1.0, 1.0],
        }
    )
    joined = join_realised(forecasts, actuals)
    assert joined[["series_id", "value", "actual"]].to_numpy().tolist() == [
        ["A", 10.0, 11.0],
        ["B", 21.0, 22.5],
    ]
    assert joined["within"].tolist() == [True, False]  # the upper end itself is within


def test_join_realised_knows_two_origins_of_one_step():
    time = pd.to_datetime(["2024-01-03", "2024-01-03"])
    forecasts = pd.DataFrame(
        {"series_id": "A", "time": time, "value": [1.0, 2.0], "lower": 0.0, "upper": 1.5}
    )
    actuals = pd.DataFrame({"series_id": ["A"], "time": time[:1], "actual": [1.2]})
    joined = join_realised(forecasts, actuals)
    assert joined["value"].tolist() == [1.0, 2.0]
    assert joined["within"].tolist() == [True, True]


def test_join_realised_leaves_out_what_was_made_on_a_history_restated_since():
    time = pd.to_datetime(["2024-01-02", "2024-01-03"])
    forecasts = pd.DataFrame(
        {"series_id": "A", "time": time, "value": [50.0, 1.0], "lower": 0.0, "upper": 2.0}
    )
    actuals = pd.DataFrame({"series_id": "A", "time": time, "actual": [1.0, 1.0]})
    joined = join_realised(forecasts.assign(stale=["split", None]), actuals)
    assert joined["value"].tolist() == [1.0]
    assert len(join_realised(forecasts.assign(stale="split"), actuals)) == 0
