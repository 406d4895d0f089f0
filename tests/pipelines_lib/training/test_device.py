"""Which device computes, and that what a GPU trained the CPU can use."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from pipelines_lib.anomaly.detector import Detector
from pipelines_lib.anomaly.fit import fit_detector
from pipelines_lib.config import ForecasterConfig, SplitConfig, TrainingConfig
from pipelines_lib.errors import ConfigError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.forecasting.forecaster import Forecaster
from pipelines_lib.training import choose_device, device, precision_of

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


@pytest.mark.parametrize(
    ("wanted", "there_is_one", "chosen"),
    [
        ("auto", False, "cpu"),
        ("auto", True, "cuda"),
        ("cpu", True, "cpu"),
        ("cpu", False, "cpu"),
        ("cuda", True, "cuda"),
    ],
)
def test_choose_device_takes_a_gpu_where_there_is_one_and_it_may(
    monkeypatch, wanted, there_is_one, chosen
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert choose_device(wanted) == torch.device(chosen)


def test_choose_device_says_what_to_do_without_the_gpu_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"TIDEWATCH_DEVICE=cuda, but .* no GPU.*=auto"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("kind", "wanted", "lowered"),
    [
        ("cuda", "never", False),
        pytest.param("cuda", "gpu", True, marks=[pytest.mark.gpu, needs_gpu]),
        pytest.param("cuda", "always", True, marks=[pytest.mark.gpu, needs_gpu]),
        ("cpu", "never", False),
        ("cpu", "gpu", False),
    ],
)
def test_precision_of_goes_by_the_device_and_the_wish(kind, wanted, lowered):
    found = precision_of(torch.device(kind), wanted)
    assert isinstance(found, torch.autocast) == lowered
    assert not lowered or (found.device, found.fast_dtype) == (kind, torch.bfloat16)


def test_precision_of_can_be_entered_again_and_again(monkeypatch):
    monkeypatch.setattr(device, "multiplies_bfloat16", lambda: True)
    precision = precision_of(torch.device("cpu"), "always")
    for _ in range(2):
        with precision:
            assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.bfloat16
        assert torch.mm(torch.ones(2, 2), torch.ones(2, 2)).dtype == torch.float32


@pytest.mark.gpu
@needs_gpu
def test_fit_forecaster_on_a_gpu_makes_a_bundle_for_the_cpu(sine_panel, sine_dataset, tmp_path):
    config = ForecasterConfig(
        lookback=20,
        horizon=5,
        hidden=8,
        features=["value"],
        split=SplitConfig(validation_steps=30, calibration_steps=60, test_steps=60),
        training=TrainingConfig(max_epochs=8, batch_size=32, learning_rate=0.02),
    )
    cuda = torch.device("cuda")
    fitted = fit_forecaster(sine_panel, dataset=sine_dataset, config=config, device=cuda)
    again = fit_forecaster(
        sine_panel,
        dataset=sine_dataset,
        config=config,
        device=cuda,
        checkpoint=tmp_path / "run.safetensors",
    )
    assert fitted.evaluation.skill_pct > 60
    prepared = fitted.forecaster.prepare(sine_panel)
    ours, _, _ = fitted.forecaster.forecast_windows(prepared, fitted.test_origins, device=cuda)
    theirs, _, _ = again.forecaster.forecast_windows(prepared, fitted.test_origins, device=cuda)
    np.testing.assert_array_equal(ours, theirs)

    fitted.forecaster.save_bundle(tmp_path / "bundle")
    loaded = Forecaster.load_bundle(tmp_path / "bundle")
    assert {weight.device.type for weight in loaded.network.parameters()} == {"cpu"}
    on_cpu, _, _ = loaded.forecast_windows(prepared, fitted.test_origins)
    np.testing.assert_allclose(on_cpu, ours, rtol=2e-3)
    assert replace(loaded, network=None).calibrated_until == fitted.forecaster.calibrated_until


@pytest.mark.gpu
@needs_gpu
def test_fit_detector_on_a_gpu_makes_a_bundle_for_the_cpu(fitted_detector, sine_panel, tmp_path):
    config, dataset = fitted_detector.detector.config, fitted_detector.detector.dataset
    cuda = torch.device("cuda")
    no_labels = pd.DataFrame({"series_id": [], "time": []})
    fitted = fit_detector(sine_panel, dataset=dataset, config=config, device=cuda, labels=no_labels)
    detector = fitted.detector
    since = np.full(4, detector.calibration.anchor(sine_panel.calendar) + 1)
    ours, _, _ = detector.score_panel(sine_panel, since=since, device=cuda)
    again, _, _ = detector.score_panel(sine_panel, since=since, device=cuda)
    pd.testing.assert_frame_equal(ours, again, check_exact=True)

    detector.save_bundle(tmp_path)
    loaded = Detector.load_bundle(tmp_path)
    on_cpu, _, _ = loaded.score_panel(sine_panel, since=since)
    np.testing.assert_allclose(on_cpu["score"], ours["score"], rtol=0.02, atol=0.01)
