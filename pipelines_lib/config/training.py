"""How history is divided and how a network is trained: what every model's config shares."""

from typing import Literal

from pydantic import Field

from pipelines_lib.config.base import LARGEST_SEED, Config, SeriesId

ScalerKind = Literal["standard", "minmax", "robust", "none"]


class SplitConfig(Config):
    """Lengths of the parts at the end of the history, in calendar steps; the rest trains."""

    validation_steps: int = Field(60, ge=1, le=1_000_000, description="Steps for early stopping.")
    calibration_steps: int = Field(
        60, ge=1, le=1_000_000, description="Steps on which intervals and thresholds are fitted."
    )
    test_steps: int = Field(
        60, ge=1, le=1_000_000, description="Newest steps, on which the model is judged."
    )
    gap_steps: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Steps left out between parts; at least the horizon is always used.",
    )


class TrainingConfig(Config):
    """The one training loop's parameters."""

    max_epochs: int = Field(20, ge=1, le=10_000, description="Epochs at most.")
    batch_size: int = Field(256, ge=1, le=65_536, description="Windows per step.")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="Adam's initial learning rate.")
    loss: Literal["mse", "mae", "huber"] = Field(
        "mse",
        description="Loss on scaled values; a network that learns quantiles has the pinball loss.",
    )
    clip_norm: float = Field(
        1.0, gt=0, le=1_000_000, description="Gradients are clipped to this norm."
    )
    weight_decay: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Share of a weight taken off per unit of learning rate (AdamW).",
    )
    weight_averaging: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Keep an exponential average of the weights with this decay per step, and "
        "judge and keep that; 0: the weights themselves.",
    )
    patience: int = Field(
        5, ge=1, le=10_000, description="Epochs without improvement before stopping."
    )
    keep: Literal["best", "last"] = Field(
        "best",
        description="best: stop early and keep the weights of the lowest validation loss; last: go "
        "through all epochs and keep the last, as a cosine schedule wants it.",
    )
    schedule: Literal["plateau", "cosine", "constant"] = Field(
        "plateau",
        description="Learning rate: lowered when the validation loss stalls; a half cosine down "
        "to 0 over max_epochs; or constant.",
    )
    warmup_steps: int = Field(
        0,
        ge=0,
        le=10_000_000,
        description="cosine: steps of training over which the rate first rises from 0; at most "
        "a quarter of all.",
    )
    plateau_patience: int = Field(
        2, ge=0, le=10_000, description="plateau: epochs without improvement before it is lowered."
    )
    plateau_factor: float = Field(
        0.5, gt=0, lt=1, description="plateau: factor by which it is lowered."
    )
    windows_per_epoch: int = Field(
        200_000,
        ge=1,
        le=1_000_000_000,
        description="Windows drawn in an epoch at most; others wait for the next.",
    )
    validation_windows: int = Field(
        50_000,
        ge=1,
        le=1_000_000_000,
        description="Windows used for early stopping at most, evenly spread.",
    )
    mixed_precision: Literal["never", "gpu", "always"] = Field(
        "always",
        description="Whether training computes in bfloat16, weights and sums in float32: never; on "
        "a GPU; always: also on a processor that multiplies bfloat16 in hardware.",
    )
    seed: int = Field(
        0, ge=0, le=LARGEST_SEED, description="Seed of weights, shuffling and dropout."
    )


class NetworkConfig(Config):
    """Size of a recurrent network and the window it sees."""

    lookback: int = Field(30, ge=2, le=10_000, description="Steps in a window.")
    stride: int = Field(
        1, ge=1, le=10_000, description="Steps between the origins of training windows."
    )
    scaler: ScalerKind = Field(
        "standard", description="Scaling of each series' features, fitted on its training rows."
    )
    hidden: int = Field(32, ge=1, le=4096, description="Units of each layer.")
    layers: int = Field(1, ge=1, le=16, description="Stacked layers.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout between layers and at the head.")
    train_series: list[SeriesId] = Field(
        default_factory=list, description="Series to learn from; empty: all of the dataset."
    )
