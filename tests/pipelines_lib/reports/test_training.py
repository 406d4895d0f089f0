"""The pictures of a training run."""

from dataclasses import replace

from pipelines_lib.forecasting.fit import NOTHING_TO_TRAIN
from pipelines_lib.reports.training import draw_detector, draw_forecaster


def test_draw_forecaster_draws_losses_errors_and_a_few_paths(fitted_forecaster):
    figures = draw_forecaster(fitted_forecaster, unit="degC")
    assert list(figures) == [
        "losses",
        "error_by_horizon",
        "forecast_1",
        "forecast_2",
        "forecast_3",
    ]
    losses = figures["losses"].axes[0].lines[0].get_ydata()
    assert list(losses) == [epoch.train_loss for epoch in fitted_forecaster.training.history]
    path = figures["forecast_2"].axes[0]
    assert "B" in path.get_title(loc="left")
    assert {len(line.get_ydata()) for line in path.lines} == {56}
    assert len(figures["error_by_horizon"].axes[0].containers) == 4  # model and three baselines


def test_draw_forecaster_draws_no_losses_where_nothing_is_trained(fitted_forecaster):
    naive = replace(fitted_forecaster, training=NOTHING_TO_TRAIN)
    figures = draw_forecaster(naive, unit="degC")
    assert list(figures) == ["error_by_horizon", "forecast_1", "forecast_2", "forecast_3"]


def test_draw_detector_draws_scores_of_series_with_events(fitted_detector):
    scores = fitted_detector.evaluation.scores.assign(anomalous=False)
    of_b = scores.index[scores["series_id"] == "B"]
    scores.loc[of_b[[10, 11, 12]], "anomalous"] = True
    evaluation = replace(fitted_detector.evaluation, scores=scores)
    figures = draw_detector(replace(fitted_detector, evaluation=evaluation), unit="degC")
    losses = {name for name in figures if name.startswith("losses_")}
    assert losses == {f"losses_{name}" for name in fitted_detector.trainings}
    assert set(figures) - losses == {"scores_1"}
    top, bottom = figures["scores_1"].axes
    assert len(bottom.lines[0].get_ydata()) == 60
    assert len(top.lines[0].get_ydata()) == 60
    assert len(top.patches) == 1
    assert "B (injected" in top.get_title(loc="left")


def test_draw_detector_draws_scores_where_there_is_no_event(fitted_detector):
    scores = fitted_detector.evaluation.scores.assign(anomalous=False)
    evaluation = replace(fitted_detector.evaluation, scores=scores)
    figures = draw_detector(replace(fitted_detector, evaluation=evaluation), unit="degC")
    names = [name for name in figures if name.startswith("scores_")]
    assert 1 <= len(names) <= 3
    assert all(not figures[name].axes[0].patches for name in names)
