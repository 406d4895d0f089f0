"""What a model is and how it is trained: forecaster, detector, split, training."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import Config, SeriesId

ScalerKind = Literal["standard", "minmax", "robust", "none"]


class SplitConfig(Config):
    """Lengths of the parts at the end of the history, in calendar steps; the rest trains."""

    validation_steps: int = Field(60, ge=1, description="Steps for early stopping.")
    calibration_steps: int = Field(
        60, ge=1, description="Steps on which intervals and thresholds are fitted."
    )
    test_steps: int = Field(60, ge=1, description="Newest steps, on which the model is judged.")
    gap_steps: int = Field(
        0, ge=0, description="Steps left out between parts; at least the horizon is always used."
    )


class TrainingConfig(Config):
    """The one training loop's parameters."""

    max_epochs: int = Field(20, ge=1, le=10_000, description="Epochs at most.")
    batch_size: int = Field(256, ge=1, le=65_536, description="Windows per step.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Adam's initial learning rate.")
    loss: Literal["mse", "mae", "huber"] = Field("mse", description="Loss on scaled values.")
    clip_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    patience: int = Field(5, ge=1, description="Epochs without improvement before stopping.")
    plateau_patience: int = Field(
        2, ge=0, description="Epochs without improvement before the learning rate is lowered."
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="Factor by which the learning rate is lowered."
    )
    windows_per_epoch: int = Field(
        200_000, ge=1, description="Windows drawn in an epoch at most; others wait for the next."
    )
    validation_windows: int = Field(
        50_000, ge=1, description="Windows used for early stopping at most, evenly spread."
    )
    seed: int = Field(0, ge=0, description="Seed of weights, shuffling and dropout.")


class NetworkConfig(Config):
    """Size of a recurrent network and the window it sees."""

    lookback: int = Field(30, ge=2, le=10_000, description="Steps in a window.")
    stride: int = Field(1, ge=1, description="Steps between the origins of training windows.")
    sampling_rate: int = Field(
        1, ge=1, description="Take every n-th step, in the lookback and in the horizon alike."
    )
    scaler: ScalerKind = Field(
        "standard", description="Scaling of each series' features, fitted on its training rows."
    )
    hidden: int = Field(32, ge=1, le=4096, description="Units of each LSTM layer.")
    layers: int = Field(1, ge=1, le=16, description="Stacked LSTM layers.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout between layers and at the head.")
    train_series: list[SeriesId] = Field(
        default_factory=list, description="Series to learn from; empty: all of the dataset."
    )


class ForecasterConfig(NetworkConfig):
    """An LSTM forecaster: one lookback window in, the whole horizon out."""

    horizon: int = Field(5, ge=1, le=10_000, description="Steps ahead that are forecast.")
    target_kind: Literal["level", "log_return"] = Field(
        "log_return",
        description="What the network learns; forecasts come back in the data's units either way.",
    )
    features: list[str] = Field(
        default=[
            "open_return",
            "high_return",
            "low_return",
            "close_return",
            "volume_change",
            "volatility",
            "calendar",
        ],
        min_length=1,
        description="Input columns: value columns as they are, or derived ones: "
        "open_return, high_return, low_return, close_return, volume_change, volume_rank, "
        "volatility, calendar.",
    )
    interval: float = Field(
        0.9, gt=0, lt=1, description="Nominal coverage of the forecast interval, as a fraction."
    )
    season: int = Field(
        0, ge=0, description="Steps of the seasonal-naive baseline's season; 0: found in the data."
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="How history is divided.")
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="The training loop."
    )


class DetectorConfig(NetworkConfig):
    """An LSTM autoencoder and the threshold on its reconstruction error."""

    features: list[str] = Field(
        default=[
            "open_return",
            "high_return",
            "low_return",
            "close_return",
            "volume_change",
        ],
        min_length=1,
        description="Columns to reconstruct; the same names as for the forecaster.",
    )
    mode: Literal["retrospective", "causal"] = Field(
        "retrospective",
        description="retrospective: error averaged over all windows that cover a step; "
        "causal: from the window that ends at the step.",
    )
    threshold: Literal["k_sigma", "quantile"] = Field(
        "quantile", description="How the threshold is fitted on calibration scores."
    )
    k: float = Field(6.0, gt=0, description="k_sigma: mean + k standard deviations.")
    quantile: float = Field(
        0.999, gt=0.5, lt=1, description="quantile: this quantile of the calibration scores."
    )
    max_gap: int = Field(
        1, ge=0, description="Steps at or below the threshold that do not split an event."
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="How history is divided.")
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="The training loop."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "calendar" in self.features:
            raise ValueError("features has 'calendar': the date itself cannot be anomalous")
        return self
