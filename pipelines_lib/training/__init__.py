"""One readable loop for every network: windows in, best weights out."""

from pipelines_lib.training.device import choose_device
from pipelines_lib.training.loop import EpochReport, TrainingResult, seeded, train
from pipelines_lib.training.window_data import WindowData

__all__ = [
    "EpochReport",
    "TrainingResult",
    "WindowData",
    "choose_device",
    "seeded",
    "train",
]
