"""One readable loop for every network: windows in, best weights out."""

from pipelines_lib.training.device import choose_device, few_threads, one_thread, precision_of
from pipelines_lib.training.loop import EpochReport, TrainingResult, seeded, train
from pipelines_lib.training.losses import LOSSES, Loss, pinball, point
from pipelines_lib.training.weights import load_weights, save_weights
from pipelines_lib.training.window_data import ForecastData, TrainingData, WindowData

__all__ = [
    "LOSSES",
    "EpochReport",
    "ForecastData",
    "Loss",
    "TrainingData",
    "TrainingResult",
    "WindowData",
    "choose_device",
    "few_threads",
    "load_weights",
    "one_thread",
    "pinball",
    "point",
    "precision_of",
    "save_weights",
    "seeded",
    "train",
]
