"""What a forecaster is: one config chooses among all networks and baselines."""

from typing import Annotated, Literal, Self

from pydantic import Field, WithJsonSchema, model_validator

from pipelines_lib.config.training import NetworkConfig, SplitConfig, TrainingConfig

NAIVE_MODELS = ("last_value", "drift", "seasonal_naive")
"""Models without weights: nothing to train; intervals, judging and bundle are like the others."""


FutureFeature = Annotated[
    Literal["calendar"], WithJsonSchema({"type": "string", "enum": ["calendar"]})
]
"""A choice of one so far, which a form would otherwise draw as a constant."""


class ForecasterConfig(NetworkConfig):
    """A forecaster: one lookback window in, the whole horizon out."""

    model: Literal[
        "last_step",
        "seq2seq",
        "segment",
        "linear",
        "convolution",
        "last_value",
        "drift",
        "seasonal_naive",
    ] = Field(
        "last_step",
        description="last_step: recurrent, the last state gives the whole horizon; seq2seq: "
        "recurrent, unrolled step by step; segment: recurrent over segments of the window, the "
        "horizon's segments at once; linear: one map from lookback to horizon; convolution: 1-D, "
        "over time; last_value, drift, seasonal_naive: nothing to train.",
    )
    cell: Literal["lstm", "gru", "rnn"] = Field("lstm", description="Recurrent cell.")
    activation: Literal["tanh", "relu"] = Field("tanh", description="rnn: its activation.")
    identity_start: bool = Field(
        False,
        description="rnn: start from identity recurrent weights and zero bias (for relu).",
    )
    bidirectional: bool = Field(
        False, description="last_step, seq2seq: read the window in both directions."
    )
    recurrent_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Dropout of the state from step to step, one mask for all steps of a window.",
    )
    attention: bool = Field(
        False, description="seq2seq: each step looks back at all states of the window."
    )
    teacher_forcing: float = Field(
        0.5,
        ge=0,
        le=1,
        description="seq2seq: share of steps that are given the truth before them in the first "
        "epoch of training; falls to 0 in equal steps.",
    )
    teacher_epochs: int = Field(
        10, ge=1, le=10_000, description="seq2seq: epochs after which no step is given the truth."
    )
    segment_steps: int = Field(24, ge=1, le=10_000, description="segment: steps in a segment.")
    series_embedding: bool = Field(
        False, description="segment: learn a vector for each series, beside the position's."
    )
    segment_skip: bool = Field(
        False,
        description="segment: add a linear map from the window's segments to the horizon's, the "
        "same for every step of a segment; with segments of a season, a weighted seasonal mean.",
    )
    kernel: int = Field(7, ge=2, le=1000, description="convolution: steps that a filter sees.")
    members: int = Field(
        1, ge=1, le=32, description="Networks trained from different seeds; their mean forecasts."
    )
    scope: Literal["global", "per_series"] = Field(
        "global", description="global: one network for all series; per_series: one for each."
    )
    min_lookback: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Newest steps that a short series needs; windows are padded up to lookback; "
        "0: the whole lookback.",
    )
    sampling_rate: int = Field(
        1,
        ge=1,
        le=10_000,
        description="Take every n-th step, in the lookback and in the horizon alike.",
    )
    horizon: int = Field(5, ge=1, le=10_000, description="Steps ahead that are forecast.")
    target_kind: Literal["level", "log_return"] = Field(
        "log_return",
        description="What the network learns; forecasts come back in the data's units either way.",
    )
    anchor: Literal["auto", "last", "none"] = Field(
        "auto",
        description="last: the target's last value is taken off the window and added to the "
        "forecast; auto: last for levels, none for log returns.",
    )
    mirror: bool = Field(
        False,
        description="In training, turn the target of half of the windows upside down: nothing is "
        "learned of which way it tended to go.",
    )
    features: list[str] = Field(
        default=[
            "open_return",
            "high_return",
            "low_return",
            "volume_change",
            "volatility",
            "calendar",
        ],
        description="Columns of the window besides the target's own: value columns as they are, "
        "or derived ones: open_return, high_return, low_return, close_return, volume_change, "
        "volume_rank, volatility, calendar; of a dataset whose documents are scored sentiment, "
        "sentiment_count, sentiment_dispersion, sentiment_mood.",
    )
    future_features: list[FutureFeature] = Field(
        default=[], description="What is known of the steps ahead: calendar."
    )
    interval: float = Field(
        0.9, gt=0, lt=1, description="Nominal coverage of the forecast interval, as a fraction."
    )
    interval_method: Literal["conformal", "local", "quantile", "conformal_quantile"] = Field(
        "local",
        description="conformal: from residuals on the calibration rows; local: the same, wider "
        "where the series moved more of late; quantile: the network learns the ends; "
        "conformal_quantile: those, corrected on the calibration rows.",
    )
    season: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Steps of the seasonal-naive baseline's season; 0: found in the data.",
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="How history is divided.")
    training: TrainingConfig = Field(
        default_factory=TrainingConfig, description="The training loop."
    )

    @property
    def trained(self) -> bool:
        """Return whether there is a network to train."""
        return self.model not in NAIVE_MODELS

    @property
    def learns_quantiles(self) -> bool:
        """Return whether the network forecasts the interval's ends itself."""
        return self.interval_method in ("quantile", "conformal_quantile")

    @property
    def anchored(self) -> bool:
        """Return whether the target's last value is taken off the window."""
        return self.anchor == "last" or (self.anchor == "auto" and self.target_kind == "level")

    @property
    def shortest(self) -> int:
        """Return the fewest known steps that a window may have."""
        return self.min_lookback or self.lookback

    @property
    def quantiles(self) -> list[float]:
        """Return the levels that the network forecasts: the median, and the interval's ends."""
        tail = (1 - self.interval) / 2
        return [tail, 0.5, 1 - tail] if self.learns_quantiles else [0.5]

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_lookback > self.lookback:
            raise ValueError(
                f"min_lookback {self.min_lookback} exceeds lookback {self.lookback}: lower it"
            )
        if self.anchor == "last" and self.target_kind == "log_return":
            raise ValueError(
                "anchor 'last' would add the last return to what the whole horizon returns: set "
                "anchor auto or none, or target_kind level"
            )
        if self.learns_quantiles and not self.trained:
            raise ValueError(
                f"interval_method {self.interval_method!r} needs a network: {self.model} has none; "
                "choose conformal or local"
            )
        if self.model == "segment" and self.segment_steps > self.lookback:
            raise ValueError(
                f"segment_steps {self.segment_steps} exceeds lookback {self.lookback}: lower it"
            )
        told = [name for name in self.features if name != "calendar"]
        if self.mirror and told:
            raise ValueError(
                f"mirror turns the target alone upside down, and {', '.join(told)} would "
                "contradict it: leave features empty, or mirror off"
            )
        if self.model == "convolution" and self.kernel > self.lookback:
            raise ValueError(f"kernel {self.kernel} exceeds lookback {self.lookback}: lower it")
        return self
