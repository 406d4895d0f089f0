import pytest
from pydantic import ValidationError

from pipelines_lib.config import (
    DetectorConfig,
    EventConfig,
    ForecasterConfig,
    SplitConfig,
    ThresholdConfig,
    TrainingConfig,
)


@pytest.mark.parametrize(
    ("kind", "field", "accepted", "refused"),
    [
        (SplitConfig, "validation_steps", 1, 0),
        (SplitConfig, "calibration_steps", 1, 0),
        (SplitConfig, "test_steps", 1, 0),
        (SplitConfig, "gap_steps", 0, -1),
        (TrainingConfig, "max_epochs", 10_000, 10_001),
        (TrainingConfig, "max_epochs", 1, 0),
        (TrainingConfig, "batch_size", 65_536, 65_537),
        (TrainingConfig, "learning_rate", 1.0, 0.0),
        (TrainingConfig, "clip_norm", 1e-9, 0.0),
        (TrainingConfig, "patience", 1, 0),
        (TrainingConfig, "plateau_factor", 0.99, 1.0),
        (TrainingConfig, "windows_per_epoch", 1, 0),
        (TrainingConfig, "loss", "huber", "rmse"),
        (TrainingConfig, "seed", 0, -1),
        (ForecasterConfig, "lookback", 2, 1),
        (ForecasterConfig, "lookback", 10_000, 10_001),
        (ForecasterConfig, "stride", 1, 0),
        (ForecasterConfig, "sampling_rate", 1, 0),
        (ForecasterConfig, "hidden", 4096, 4097),
        (ForecasterConfig, "layers", 16, 17),
        (ForecasterConfig, "dropout", 0.0, 1.0),
        (ForecasterConfig, "horizon", 1, 0),
        (ForecasterConfig, "interval", 0.5, 1.0),
        (ForecasterConfig, "interval", 0.01, 0.0),
        (ForecasterConfig, "season", 0, -1),
        (ForecasterConfig, "min_lookback", 30, 31),
        (ForecasterConfig, "segment_steps", 24, 0),
        (ForecasterConfig, "members", 32, 33),
        (ForecasterConfig, "recurrent_dropout", 0.9, 1.0),
        (ForecasterConfig, "teacher_forcing", 1.0, 1.1),
        (ForecasterConfig, "model", "drift", "transformer"),
        (ForecasterConfig, "future_features", ["calendar"], ["close"]),
        (TrainingConfig, "weight_decay", 1.0, 1.1),
        (TrainingConfig, "weight_averaging", 0.99, 1.0),
        (TrainingConfig, "warmup_steps", 0, -1),
        (ForecasterConfig, "target_kind", "level", "difference"),
        (ForecasterConfig, "scaler", "none", "log"),
        (DetectorConfig, "mode", "causal", "both"),
        (DetectorConfig, "lookback", 0, -1),
        (DetectorConfig, "lookback", 2, 1),
        (DetectorConfig, "period", 0, -1),
        (DetectorConfig, "smoothing_steps", 1, -1),
        (DetectorConfig, "hidden", 1, 0),
        (DetectorConfig, "bottleneck", 1, 0),
        (DetectorConfig, "cell", "gru", "rnn"),
        (DetectorConfig, "autoencoder", "step", "window"),
        (DetectorConfig, "parts", ["pca", "energy"], ["isolation_forest"]),
        (ThresholdConfig, "kind", "pot", "iqr"),
        (ThresholdConfig, "k", 0.1, 0.0),
        (ThresholdConfig, "quantile", 0.51, 0.5),
        (ThresholdConfig, "quantile", 0.9999, 1.0),
        (ThresholdConfig, "risk", 0.499, 0.5),
        (ThresholdConfig, "risk", 1e-9, 0.0),
        (ThresholdConfig, "scope", "series", "feature"),
        (ThresholdConfig, "refit_steps", 1, 0),
        (ThresholdConfig, "alert_budget", 0.0, -0.1),
        (ThresholdConfig, "budget_method", "benjamini_hochberg", "holm"),
        (EventConfig, "max_gap", -1, -2),
        (EventConfig, "min_steps", 1, 0),
        (EventConfig, "cooldown_steps", 0, -1),
    ],
)
def test_config_holds_its_bounds(kind, field, accepted, refused):
    assert getattr(kind(**{field: accepted}), field) == accepted
    with pytest.raises(ValidationError, match=field):
        kind(**{field: refused})


def test_detector_config_refuses_the_calendar_as_a_feature():
    with pytest.raises(ValidationError, match="the date itself cannot be anomalous"):
        DetectorConfig(features=["close_return", "calendar"])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"lookback": 1}, "lookback 1: a window has at least 2 steps"),
        ({"parts": ["pca", "pca"]}, "parts names a part twice"),
        ({"weights": [1.0]}, "weights has 1 numbers for 0 parts: give one each, or none"),
        ({"parts": ["pca"], "weights": [1.0, 2.0]}, "weights has 2 numbers for 1 parts"),
        ({"parts": ["pca", "shift"], "weights": [1.0, -1.0]}, "give at least one above 0"),
        ({"parts": ["pca"], "weights": [0.0]}, "give at least one above 0"),
    ],
)
def test_detector_config_refuses_fields_that_do_not_go_together(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DetectorConfig(**fields)


def test_forecaster_config_takes_the_calendar_as_a_feature():
    assert ForecasterConfig(features=["close", "calendar"]).features == ["close", "calendar"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"lookback": 10, "min_lookback": 11}, "min_lookback 11 exceeds lookback 10"),
        ({"model": "segment", "segment_steps": 31}, "segment_steps 31 exceeds lookback 30"),
        ({"model": "convolution", "kernel": 31}, "kernel 31 exceeds lookback 30"),
        ({"mirror": True, "features": ["open", "calendar"]}, "and open would contradict it"),
        (
            {"anchor": "last", "target_kind": "log_return"},
            "anchor 'last' would add the last return",
        ),
    ],
)
def test_forecaster_config_refuses_fields_that_do_not_go_together(fields, sentence):
    with pytest.raises(ValidationError, match=sentence):
        ForecasterConfig(**fields)
