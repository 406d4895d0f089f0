"""The final fit knows every row, and keeps what only held-out rows can set."""

from dataclasses import replace

import numpy as np
import torch

from pipelines_lib.config import SplitConfig, TrainingConfig
from pipelines_lib.forecasting.newest import fit_newest

CPU = torch.device("cpu")


def test_fit_newest_learns_from_the_newest_rows_too(
    sine_panel, sine_dataset, forecaster_config, weights_of
):
    split = SplitConfig(validation_steps=20, calibration_steps=30)
    training = TrainingConfig(max_epochs=1, batch_size=32)
    once = forecaster_config.model_copy(update={"split": split, "training": training})
    given = {"dataset": sine_dataset, "config": once, "device": CPU}
    ours = fit_newest(sine_panel, **given)
    newest = (sine_panel.row_in_series == 419)[:, None]
    changed = replace(sine_panel, values=sine_panel.values + 0.5 * newest)
    theirs = fit_newest(changed, **given)
    pairs = zip(weights_of(ours), weights_of(theirs), strict=True)
    assert all((one != other).any() for one, other in pairs)
    np.testing.assert_array_equal(ours.interval_width, theirs.interval_width)
    assert ours.config == once
    assert ours.calibrated_until == "2024-01-18T11:00:00.000000"  # the last of 420 hours
