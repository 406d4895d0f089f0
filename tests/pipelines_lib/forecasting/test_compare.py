"""Champion and challenger on the same rows, or a reason why not."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.config import SplitConfig, TrainingConfig
from pipelines_lib.forecasting.compare import compare_forecasters

CPU = torch.device("cpu")
ONCE = TrainingConfig(max_epochs=1)


@pytest.fixture(scope="module")
def hasty(fit_sine):
    """Return a forecaster of the same rows that has learned little."""
    return fit_sine(training=ONCE)


def test_compare_forecasters_finds_no_champion(fitted_forecaster, sine_panel):
    compared = compare_forecasters(fitted_forecaster, None, sine_panel, device=CPU)
    metrics = fitted_forecaster.evaluation.metrics
    assert (compared.champion, compared.versus_champion) == (None, None)
    assert compared.challenger == pytest.approx(metrics["mase"], rel=1e-12)
    assert compared.baseline == pytest.approx(metrics["last_value_mase"], rel=1e-12)
    assert (compared.rows, compared.obstacle) == (224, "")


def test_compare_forecasters_judges_both_on_the_same_rows(fitted_forecaster, hasty, sine_panel):
    compared = compare_forecasters(fitted_forecaster, hasty.forecaster, sine_panel, device=CPU)
    assert compared.champion == pytest.approx(hasty.evaluation.metrics["mase"], rel=1e-6)
    assert compared.challenger == pytest.approx(fitted_forecaster.evaluation.metrics["mase"])
    assert compared.challenger < compared.champion
    assert compared.rows == 224


def test_compare_forecasters_tests_the_days_that_both_were_judged_on(
    fitted_forecaster, hasty, sine_panel
):
    compared = compare_forecasters(fitted_forecaster, hasty.forecaster, sine_panel, device=CPU)
    against = compared.versus_champion
    assert against.days == compared.versus_baseline.days == 56
    assert against.difference == pytest.approx(compared.challenger - compared.champion)
    assert against.better
    assert compared.versus_baseline.better
    backward = compare_forecasters(hasty, fitted_forecaster.forecaster, sine_panel, device=CPU)
    assert backward.versus_champion.p == pytest.approx(against.p, rel=1e-3)
    assert not backward.versus_champion.better


def test_compare_forecasters_finds_a_model_as_good_as_itself(fitted_forecaster, sine_panel):
    compared = compare_forecasters(
        fitted_forecaster, fitted_forecaster.forecaster, sine_panel, device=CPU
    )
    assert compared.champion == compared.challenger
    assert compared.versus_champion.p == 1.0


def test_compare_forecasters_counts_only_windows_that_both_can_forecast_from(
    fit_sine, panel_of, sine_panel
):
    values = {
        name: sine_panel.values[420 * i : 420 * (i + 1), 0].copy() for i, name in enumerate("AB")
    }
    values["A"][350] = np.nan
    panel = panel_of(values)
    ours = fit_sine(panel, target_kind="level", training=ONCE)
    theirs = fit_sine(panel, target_kind="level", training=ONCE, lookback=40)
    compared = compare_forecasters(ours, theirs.forecaster, panel, device=CPU)
    # Windows of 20 that miss step 350 start at origin 370, windows of 40 at 390; the last is 414.
    assert len(ours.test_origins) == 56 + 45
    assert compared.rows == 56 + 25
    both = (panel.row_series[ours.test_origins] == 1) | (
        panel.row_in_series[ours.test_origins] >= 390
    )
    assert compared.challenger == pytest.approx(ours.evaluation.losses["model"][both].mean())
    assert compared.baseline == pytest.approx(ours.evaluation.losses["last_value"][both].mean())


def test_compare_forecasters_of_two_target_kinds(fitted_forecaster, fit_sine, sine_panel):
    level = fit_sine(target_kind="level", training=ONCE)
    compared = compare_forecasters(fitted_forecaster, level.forecaster, sine_panel, device=CPU)
    assert compared.obstacle == ""
    assert compared.champion == pytest.approx(level.evaluation.metrics["mase"], rel=1e-6)


@pytest.mark.parametrize(
    ("fields", "obstacle"),
    [
        ({"horizon": 3}, "horizon 5 cannot be compared with the champion's 3"),
        ({"sampling_rate": 2}, "sampling_rate 1 cannot be compared with the champion's 2"),
    ],
)
def test_compare_forecasters_names_what_differs(
    fitted_forecaster, fit_sine, sine_panel, fields, obstacle
):
    champion = fit_sine(training=ONCE, **fields).forecaster
    compared = compare_forecasters(fitted_forecaster, champion, sine_panel, device=CPU)
    assert compared.obstacle == obstacle
    assert compared.champion is None


def test_compare_forecasters_names_another_target(fitted_forecaster, hasty, sine_panel):
    dataset = hasty.forecaster.dataset.model_copy(update={"target": "other"})
    champion = replace(hasty.forecaster, dataset=dataset)
    compared = compare_forecasters(fitted_forecaster, champion, sine_panel, device=CPU)
    assert compared.obstacle == "the champion forecasts other"


def test_compare_forecasters_refuses_a_champion_that_has_seen_the_test_rows(
    fitted_forecaster, fit_sine, sine_panel
):
    short = SplitConfig(validation_steps=5, calibration_steps=5, test_steps=5)
    champion = fit_sine(split=short, training=ONCE).forecaster
    compared = compare_forecasters(fitted_forecaster, champion, sine_panel, device=CPU)
    assert compared.obstacle == "the champion has learned from held-out rows (until 2024-01-18)"
    assert compared.champion is None
