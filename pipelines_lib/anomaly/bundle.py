"""A detector on disk: a card and arrays, no code."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from pipelines_lib import __version__
from pipelines_lib.anomaly.calibration import Calibration
from pipelines_lib.anomaly.fusion import Past
from pipelines_lib.anomaly.learn import SIMPLE, make_autoencoder, make_forecaster
from pipelines_lib.anomaly.parts import AutoencoderPart, ForecastPart, Part, PCAPart
from pipelines_lib.anomaly.window import Window
from pipelines_lib.bundles import load_parts, save_parts
from pipelines_lib.config import DatasetConfig, DetectorConfig
from pipelines_lib.errors import BundleError
from pipelines_lib.series.scaling import Scaler

if TYPE_CHECKING:
    from pipelines_lib.anomaly.detector import Detector

KIND = "detector"


def save_detector(detector: "Detector", folder: Path) -> None:
    """Write a detector into a folder."""
    calibration = detector.calibration
    ids, numbers = np.unique(calibration.series_id, return_inverse=True)
    card = {
        "code_version": __version__,
        "dataset": detector.dataset.model_dump(mode="json"),
        "config": detector.config.model_dump(mode="json"),
        "features": detector.features,
        "series_ids": detector.series_ids,
        "window": asdict(detector.window),
        "weights": detector.weights,
        "parts": list(detector.parts),
        "calibrated_until": calibration.until,
        "calibration_series": [str(name) for name in ids],
    }
    arrays = {
        "scaler.center": detector.scaler.center,
        "scaler.scale": detector.scaler.scale,
        "calibration.score": calibration.score,
        "calibration.series": numbers.astype("int32"),
        "calibration.time": calibration.time.astype("datetime64[us]").astype("int64"),
    }
    for name, past in detector.pasts.items():
        arrays |= {f"past.{name}.{field}": values for field, values in vars(past).items()}
    for name, part in detector.parts.items():
        arrays |= {f"part.{name}.{field}": values for field, values in _arrays_of(part).items()}
    save_parts(folder, kind=KIND, card=card, arrays=arrays)


def load_detector(folder: Path) -> dict[str, Any]:
    """Read the fields of a detector, on the CPU.

    Raises:
        BundleError: The folder is no detector of a known format, or one from before they had
            parts.
    """
    card, arrays = load_parts(folder, kind=KIND)
    if "parts" not in card:
        raise BundleError(
            f"{folder} holds a detector of an older Tidewatch, a single network: train it again "
            "with the flow train-detector"
        )
    config = DetectorConfig.model_validate(card["config"])
    window = Window(**card["window"])
    pasts = {
        name: Past(*(arrays[f"past.{name}.{field}"] for field in ("n", "total", "squares")))
        for name in card["parts"]
    }
    ids = np.array(card["calibration_series"], dtype=object)
    calibration = Calibration(
        arrays["calibration.score"],
        ids[arrays["calibration.series"]],
        arrays["calibration.time"].astype("datetime64[us]"),
        card["calibrated_until"],
    )
    return {
        "dataset": DatasetConfig.model_validate(card["dataset"]),
        "config": config,
        "features": card["features"],
        "series_ids": card["series_ids"],
        "scaler": Scaler(arrays["scaler.center"], arrays["scaler.scale"]),
        "window": window,
        "parts": {
            name: _make_part(name, arrays, config, window, len(card["features"]))
            for name in card["parts"]
        },
        "weights": card["weights"],
        "pasts": pasts,
        "calibration": calibration,
    }


def _arrays_of(part: Part) -> dict[str, np.ndarray]:
    match part:
        case AutoencoderPart() | ForecastPart():
            weights = part.network.cpu().state_dict()
            return {name: value.numpy() for name, value in weights.items()}
        case PCAPart():
            return {"mean": part.mean, "components": part.components}
        case _:
            return {}


def _make_part(
    name: str,
    arrays: dict[str, np.ndarray],
    config: DetectorConfig,
    window: Window,
    n_features: int,
) -> Part:
    prefix = f"part.{name}."
    own = {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}
    match name:
        case "forecast":
            network = _load(make_forecaster(config, window), own)
            return ForecastPart(network, window.lookback, window.horizon)
        case "autoencoder":
            rebuilder = _load(make_autoencoder(config, window, n_features), own)
            return AutoencoderPart(rebuilder, window.lookback)
        case "pca":
            return PCAPart(own["mean"], own["components"], len(own["mean"]) // n_features)
        case _:
            return SIMPLE[name]


def _load(network: Any, arrays: dict[str, np.ndarray]) -> Any:
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    assert isinstance(network, nn.Module)
    return network.eval()
