"""Which parts a score has, and how much each counts."""

import pytest

from pipelines_lib.anomaly.fit import choose_weights
from pipelines_lib.config import DetectorConfig


@pytest.mark.parametrize(
    ("fields", "more", "weights"),
    [
        ({}, {}, {"forecast": 1.0, "shift": 1.0}),
        ({}, {"n_features": 3}, {"forecast": 1.0, "autoencoder": 1.0, "energy": 1.0}),
        (
            {"mode": "retrospective"},
            {"strength": 0.75},
            {"forecast": 1.0, "shift": 0.25, "autoencoder": 0.75},
        ),
        ({"mode": "retrospective"}, {"strength": 0.0}, {"forecast": 1.0, "shift": 1.0}),
        ({}, {"returns": True, "n_features": 2}, {"robust_z": 1.0, "autoencoder": 1.0}),
        ({"parts": ["pca", "shift"]}, {}, {"pca": 1.0, "shift": 1.0}),
        ({"parts": ["pca", "shift"], "weights": [3, 0.5]}, {}, {"pca": 3.0, "shift": 0.5}),
    ],
)
def test_choose_weights(fields, more, weights):
    given = {"strength": 0.0, "n_features": 1, "returns": False, **more}
    assert choose_weights(DetectorConfig(**fields), **given) == weights
