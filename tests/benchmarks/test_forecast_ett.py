"""The long-horizon benchmark: the usual parts, every test window, errors in z-scores."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.forecast_ett import judge, read_channels, usual_parts
from pipelines_lib.config import ForecasterConfig
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.forecasting.origins import find_origins
from pipelines_lib.forecasting.prepare import fit_scalers, make_inputs, scale_panel


@pytest.fixture(scope="module", params=[60, 15], ids=["hourly", "quarters"])
def channels(request, tmp_path_factory):
    """Return a file of 20 months and two channels, and its step in minutes."""
    step, rng = request.param, np.random.default_rng(0)
    times = pd.date_range("2016-07-01", periods=20 * 30 * 24 * 60 // step, freq=f"{step}min")
    wave = np.sin(np.arange(len(times)) / 7)
    frame = pd.DataFrame({"date": times, "HUFL": 5 + wave, "OT": rng.normal(30, 4, len(times))})
    path = tmp_path_factory.mktemp("ett") / "ETT.csv"
    frame.to_csv(path, index=False)
    return path, step, frame


def test_usual_parts_are_twelve_four_and_four_months(channels):
    path, step, _ = channels
    panel, dataset = read_channels(path)
    assert panel.series_ids == ["HUFL", "OT"]
    day = 24 * 60 // step
    first = panel.position.min()
    parts = [(span.first - first, span.last - first + 1) for span in usual_parts(panel, dataset)]
    assert parts == [(0, 360 * day), (360 * day, 480 * day), (480 * day, 600 * day)]


def test_judge_takes_every_test_window_in_z_scores_of_the_training_rows(channels):
    path, _, frame = channels
    panel, dataset = read_channels(path)
    train, _, test = usual_parts(panel, dataset)
    config = ForecasterConfig(model="last_value", lookback=10, horizon=3, target_kind="level")
    config = config.model_copy(update={"features": []})
    raw = make_inputs(panel, dataset, config)
    rows = train.holds(panel.position, panel.position)
    scalers = fit_scalers(panel, raw, rows=rows, config=config)
    prepared = scale_panel(
        panel, raw, dataset=dataset, config=config, scalers=scalers, known=panel.series_ids
    )
    naive = Forecaster(
        dataset, config, panel.series_ids, *scalers, None, 0, np.zeros(3), 24, "2017-01-01"
    )
    origins = find_origins(naive, prepared, span=test)
    n_test = test.last - test.first + 1
    assert len(origins) == 2 * (n_test - 3 + 1)
    mse, mae = judge(naive, prepared, origins)

    n_train = train.last - train.first + 1
    values = frame[["HUFL", "OT"]].to_numpy()
    scaled = (values - values[:n_train].mean(0)) / values[:n_train].std(0)
    at = np.arange(test.first - train.first - 1, test.last - train.first - 2)
    error = np.stack([scaled[at + h] - scaled[at] for h in (1, 2, 3)])
    assert mse == pytest.approx((error**2).mean(), rel=1e-9)
    assert mae == pytest.approx(np.abs(error).mean(), rel=1e-9)
