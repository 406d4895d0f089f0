"""The forecaster's part: how badly a step was forecast from the steps before it.

Every feature of every series is forecast from its own past by one network.

Shapes: N rows, F features, B batch, L lookback, H horizon, n origins.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipelines_lib.anomaly.parts.base import BATCH, Stretch, covering
from pipelines_lib.models import Network
from pipelines_lib.training import ForecastData, one_thread


@dataclass(frozen=True)
class ForecastPart:
    """How badly a recurrent network forecasts a step, from all origins whose horizon holds it."""

    network: Network
    lookback: int
    horizon: int
    name: str = "forecast"

    def errors(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return squared errors (N, F), averaged over the horizon's steps.

        All forecasts of a step are older than it, so that both modes are the same.
        """
        return np.stack(
            [self._judge(stretch, wanted, f)[0] for f in range(stretch.inputs.shape[1])], axis=1
        )

    def expected(self, stretch: Stretch, wanted: np.ndarray) -> np.ndarray:
        """Return the mean of a step's forecasts (N, F)."""
        return np.stack(
            [self._judge(stretch, wanted, f)[1] for f in range(stretch.inputs.shape[1])], axis=1
        )

    def _judge(
        self, stretch: Stretch, wanted: np.ndarray, feature: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean squared error and mean forecast of a feature's steps (N,) twice."""
        values = stretch.inputs[:, feature]
        origins = stretch.origins(self.lookback)
        origins = origins[covering(wanted, before=self.horizon, after=-1)[origins]]
        forecasts = self._forecast(np.nan_to_num(values), origins, stretch.device)  # (n, H)
        number = np.full(len(values), -1)
        number[origins] = np.arange(len(origins))
        rows = np.flatnonzero(wanted & np.isfinite(values))
        total, mean, count = (np.zeros(len(rows)) for _ in range(3))
        for ahead in range(1, self.horizon + 1):  # always in this order: the same bits every night
            origin = number[rows - ahead]
            known = (origin >= 0) & (stretch.in_series[rows] >= ahead)
            forecast = np.where(known, forecasts[origin, ahead - 1], 0.0)
            total += np.where(known, (values[rows] - forecast) ** 2, 0.0)
            mean += forecast
            count += known
        errors, expected = np.full(len(values), np.nan), np.full(len(values), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors[rows] = np.where(count > 0, total / count, np.nan)
            expected[rows] = np.where(count > 0, mean / count, np.nan)
        return errors, expected

    @one_thread()
    @torch.inference_mode()
    def _forecast(
        self, values: np.ndarray, origins: np.ndarray, device: torch.device
    ) -> np.ndarray:
        """Forecast from these rows: (n, H); one row of zeros if there are none."""
        data = ForecastData.make(
            values[:, None],
            lookback=self.lookback,
            horizon=self.horizon,
            sampling_rate=1,
            device=device,
        )
        network = self.network.to(device)
        made = np.zeros((max(1, len(origins)), self.horizon), dtype="float32")
        for start in range(0, len(origins), BATCH):
            batch = origins[start : start + BATCH]
            full = torch.as_tensor(np.resize(batch, BATCH), device=device)
            answers = network(data.inputs(full))[: len(batch), :, 0]
            made[start : start + len(batch)] = answers.cpu().numpy()
        return made
