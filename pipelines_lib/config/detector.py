"""What a detector is: autoencoder, scores, threshold."""

from typing import Literal, Self

from pydantic import Field, model_validator

from pipelines_lib.config.training import NetworkConfig, SplitConfig, TrainingConfig


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
