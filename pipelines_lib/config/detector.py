"""What a detector is: the parts of its score, its threshold, its events."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.base import Config
from pipelines_lib.config.training import NetworkConfig, SplitConfig, TrainingConfig

PartName = Literal["forecast", "autoencoder", "shift", "pca", "energy", "robust_z"]


class ThresholdConfig(Config):
    """From scores to alarms: fitted on past scores only, refitted as history grows."""

    kind: Literal["fixed", "k_sigma", "quantile", "mad", "pot", "hundman", "conformal"] = Field(
        "fixed",
        description="fixed: k, in standard deviations of the series' own past errors; k_sigma: "
        "mean + k standard deviations of past scores; mad: median + k x 1.4826 MAD; quantile: that "
        "quantile of past scores; pot: generalised Pareto tail at `risk`; hundman: dynamic; "
        "conformal: p-value below `risk`.",
    )
    k: float = Field(2.75, gt=0, le=100, description="fixed, k_sigma, mad: how many.")
    quantile: float = Field(0.995, gt=0.5, lt=1, description="quantile: of the past scores.")
    risk: float = Field(
        0.001, gt=0, lt=0.5, description="pot, conformal: share of clean steps above it."
    )
    prune: bool = Field(
        False, description="hundman: drop events that hardly rise above the ordinary."
    )
    scope: Literal["all", "series"] = Field(
        "all",
        description="all: fitted on the past scores of all series, which are of one scale; "
        "series: on each series' own.",
    )
    refit_steps: int = Field(
        20, ge=1, le=100_000, description="Steps after which it is fitted again on all past scores."
    )
    alert_budget: float = Field(
        0.0,
        ge=0,
        le=10_000,
        description="False alarms a night (step) over all series that are put up with; it takes "
        "the place of the threshold; 0: no budget.",
    )
    budget_method: Literal["bonferroni", "benjamini_hochberg"] = Field(
        "bonferroni",
        description="bonferroni: every series at budget / series; benjamini_hochberg: more alarms "
        "on nights when many series are strange.",
    )


class EventConfig(Config):
    """From alarms to events."""

    max_gap: int = Field(
        -1,
        ge=-1,
        le=10_000,
        description="Steps without an alarm that do not split an event; -1: two windows, as far "
        "as scores remember; of returns 1.",
    )
    min_steps: int = Field(1, ge=1, le=10_000, description="Alarms that make an event.")
    cooldown_steps: int = Field(
        0,
        ge=0,
        le=100_000,
        description="Steps after an event of a series in which a further one gives no alert.",
    )


class DetectorConfig(NetworkConfig):
    """A score made of parts, and what is made of it."""

    features: list[str] = Field(
        default_factory=list,
        description="Columns to watch, the same names as for the forecaster; empty: all value "
        "columns; of bars relative_return and relative_volume.",
    )
    mode: Literal["causal", "retrospective"] = Field(
        "causal",
        description="causal: a step's score knows no later step, for nights and alerts; "
        "retrospective: the whole history with centred smoothing, for studies.",
    )
    parts: list[PartName] = Field(
        default_factory=list,
        description="What the score is made of; empty: forecast and shift, in retrospective mode "
        "the autoencoder too; of several features forecast, autoencoder and energy; of returns "
        "robust_z and autoencoder.",
    )
    weights: list[float] = Field(
        default_factory=list,
        description="Weight of each part; empty: 1 each, but autoencoder and shift share 1 by how "
        "periodic the series are.",
    )
    lookback: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Steps in a window, at least 2, rounded to whole segments; 0: by the period; "
        "of returns 30.",
    )
    period: int = Field(
        0, ge=0, le=10_000, description="Steps after which the series repeat; 0: found."
    )
    smoothing_steps: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Steps over which errors are averaged; 0: a window; of returns 1.",
    )
    hidden: int = Field(64, ge=1, le=4096, description="Units of each layer.")
    cell: Literal["lstm", "gru"] = Field("lstm", description="Recurrent layers of the networks.")
    autoencoder: Literal["segment", "step"] = Field(
        "segment",
        description="segment: a recurrent step for each segment of the window; step: for each step "
        "of it, slower.",
    )
    bottleneck: int = Field(16, ge=1, le=1024, description="Numbers a window is squeezed through.")
    threshold: ThresholdConfig = Field(
        default_factory=ThresholdConfig, description="From scores to alarms."
    )
    events: EventConfig = Field(
        default_factory=EventConfig, description="How alarms become events."
    )
    split: SplitConfig = Field(default_factory=SplitConfig, description="How history is divided.")
    training: TrainingConfig = Field(
        default_factory=lambda: TrainingConfig(
            max_epochs=3,
            batch_size=64,
            learning_rate=4e-3,
            windows_per_epoch=25_600,
            loss="mae",
            schedule="cosine",
            warmup_steps=90,
            keep="last",
        ),
        description="The training loop.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "calendar" in self.features:
            raise ValueError("features has 'calendar': the date itself cannot be anomalous")
        if self.lookback == 1:
            raise ValueError("lookback 1: a window has at least 2 steps, 0 chooses them")
        if len(set(self.parts)) < len(self.parts):
            raise ValueError("parts names a part twice")
        if self.weights and len(self.weights) != len(self.parts):
            raise ValueError(
                f"weights has {len(self.weights)} numbers for {len(self.parts)} parts: "
                "give one each, or none"
            )
        if any(weight < 0 for weight in self.weights) or (self.weights and not any(self.weights)):
            raise ValueError("weights are negative or all 0: give at least one above 0")
        return self
