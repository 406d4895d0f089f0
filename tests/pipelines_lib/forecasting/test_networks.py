"""Several networks in one forecaster: seeds, series, short histories; a kill between two."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines_lib.config import TrainingConfig
from pipelines_lib.errors import SeriesError
from pipelines_lib.forecasting.fit import fit_forecaster
from pipelines_lib.forecasting.forecaster import Forecaster

ONCE = TrainingConfig(max_epochs=1, batch_size=32)
SHORT = TrainingConfig(max_epochs=4, batch_size=32, learning_rate=0.02)


def weights(forecaster):
    return {n: v.numpy().copy() for n, v in forecaster.network.state_dict().items()}


def test_members_forecast_the_mean_of_networks_of_different_seeds(fit_sine, sine_panel):
    both = fit_sine(members=2, training=SHORT).forecaster
    alone = [
        fit_sine(training=SHORT.model_copy(update={"seed": seed})).forecaster for seed in (0, 1)
    ]
    origins = np.arange(100, 140)
    prepared = both.prepare(sine_panel)
    _, mean, _ = both.forecast_scaled(prepared, origins)
    parts = [one.forecast_scaled(prepared, origins)[1] for one in alone]
    assert np.abs(parts[0] - parts[1]).max() > 1e-3
    np.testing.assert_allclose(mean, np.mean(parts, axis=0), rtol=1e-5, atol=1e-6)


def test_train_networks_learns_by_the_loss_of_the_config(fit_sine):
    made = [
        weights(fit_sine(training=ONCE.model_copy(update={"loss": loss})).forecaster)
        for loss in ("mse", "mae", "huber")
    ]
    for one, other in zip(made, made[1:] + made[:1], strict=True):
        assert not any(np.array_equal(one[name], other[name]) for name in one)


def test_scope_per_series_learns_each_series_from_itself_alone(fit_sine, sine_panel):
    changed = replace(
        sine_panel,
        values=np.where((sine_panel.row_series == 1)[:, None], 25.0, 1.0) * sine_panel.values
        + np.where((sine_panel.row_series == 1) & (sine_panel.row_in_series % 3 == 0), 5.0, 0.0)[
            :, None
        ],
    )
    ours = weights(fit_sine(scope="per_series", training=ONCE).forecaster)
    theirs = weights(fit_sine(changed, scope="per_series", training=ONCE).forecaster)
    same = {name: np.array_equal(ours[name], theirs[name]) for name in ours}
    assert all(equal for name, equal in same.items() if not name.startswith("networks.1."))
    assert not any(
        equal for name, equal in same.items() if name.startswith("networks.1.") and "head" in name
    )


def test_scope_per_series_forecasts_each_series_by_its_own_network(fit_sine, sine_panel):
    forecaster = fit_sine(scope="per_series", training=SHORT).forecaster
    prepared = forecaster.prepare(sine_panel)
    origin = np.flatnonzero(sine_panel.row_series == 2)[[100]]
    _, before, _ = forecaster.forecast_scaled(prepared, origin)
    with torch.no_grad():
        for number, network in enumerate(forecaster.network.networks):
            for weight in network.parameters():
                if number != 2:
                    weight.zero_()
    _, after, _ = forecaster.forecast_scaled(prepared, origin)
    np.testing.assert_array_equal(before, after)


def test_scope_per_series_has_nothing_to_say_of_a_series_without_a_network(
    fit_sine, make_values, sine_dataset, panel_of
):
    forecaster = fit_sine(scope="per_series", training=ONCE).forecaster
    wave = 10 + np.sin(np.arange(60) / 4)
    rows, left_out = forecaster.forecast_next(panel_of({"A": wave, "NEW": wave}))
    assert rows["series_id"].unique().tolist() == ["A"]
    assert left_out == {"NEW": "no network was trained for it: train again"}


def test_scope_per_series_leaves_out_a_series_that_ended_before_validation(
    fit_sine, panel_of, sine_panel
):
    sine = sine_panel.values[:420, 0]
    fitted = fit_sine(panel_of({"A": sine, "ended": sine[:200]}), scope="per_series", training=ONCE)
    assert fitted.left_out == {"ended": "no complete validation window of its own"}
    assert fitted.forecaster.series_ids == ["A"]


def test_scope_per_series_leaves_out_what_train_series_does_not_name(fit_sine):
    left_out = fit_sine(scope="per_series", train_series=["A", "C"], training=ONCE).left_out
    reason = "no network of its own: it is not in train_series"
    assert left_out == {"B": reason, "D": reason}


def test_scope_per_series_refuses_a_dataset_without_any(fit_sine, panel_of, sine_panel):
    values = sine_panel.values[:420, 0].copy()
    values[258:295] = np.nan
    with pytest.raises(SeriesError, match=r"no series can have a network.*validation window"):
        fit_sine(panel_of({"A": values}), scope="per_series", training=ONCE)


@pytest.mark.parametrize("fields", [{"members": 2}, {"scope": "per_series", "members": 2}])
def test_load_bundle_brings_back_every_network(fit_sine, sine_panel, tmp_path, fields):
    forecaster = fit_sine(training=ONCE, **fields).forecaster
    forecaster.save_bundle(tmp_path)
    loaded = Forecaster.load_bundle(tmp_path)
    ours, theirs = forecaster.forecast_next(sine_panel)[0], loaded.forecast_next(sine_panel)[0]
    assert ours.equals(theirs)


def test_train_networks_goes_on_after_the_networks_that_are_finished(
    sine_panel, sine_dataset, forecaster_config, tmp_path
):
    config = forecaster_config.model_copy(update={"members": 3, "training": SHORT})
    given = {"dataset": sine_dataset, "config": config, "device": torch.device("cpu")}
    seen = []

    def stop_in_the_second(report):
        seen.append(report.epoch)
        if len(seen) == 6:
            raise KeyboardInterrupt

    path = tmp_path / "training.safetensors"
    with pytest.raises(KeyboardInterrupt):
        fit_forecaster(sine_panel, checkpoint=path, on_epoch=stop_in_the_second, **given)
    assert seen == [1, 2, 3, 4, 1, 2]
    seen.clear()
    resumed = fit_forecaster(
        sine_panel, checkpoint=path, on_epoch=lambda report: seen.append(report.epoch), **given
    )
    whole = fit_forecaster(sine_panel, **given)
    assert seen == [3, 4, 1, 2, 3, 4]
    ours, theirs = weights(resumed.forecaster), weights(whole.forecaster)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("model", ["last_step", "seq2seq", "segment"])
def test_min_lookback_forecasts_series_shorter_than_the_lookback(
    fit_sine, panel_of, sine_panel, model
):
    sine = sine_panel.values[:420, 0]
    panel = panel_of({"A": sine, "young": sine[-75:]}, start={"young": 345})
    fields = {"model": model, "segment_steps": 4, "target_kind": "level", "training": ONCE}
    whole = fit_sine(panel, **fields).forecaster.forecast_next(panel)
    short = fit_sine(panel, min_lookback=5, **fields)
    young = panel_of({"A": sine[:30], "young": sine[:12]}, start={"young": 18})
    rows, left_out = short.forecaster.forecast_next(young)
    assert whole[1] == {}
    assert left_out == {}
    assert rows["series_id"].unique().tolist() == ["A", "young"]
    assert np.isfinite(rows["value"]).all()
    tiny = panel_of({"A": sine[:30], "young": sine[:4]}, start={"young": 26})
    rows, left_out = short.forecaster.forecast_next(tiny)
    assert "only its newest 4 steps" in left_out["young"]


def test_min_lookback_learns_from_short_windows(fit_sine, panel_of, sine_panel):
    # 20 of the young one's steps come before the end of training at step 254: 20 + 5 are too few.
    sine = sine_panel.values[:420, 0]
    panels = [
        panel_of({"A": sine}),
        panel_of({"A": sine, "young": sine[235:]}, start={"young": 235}),
    ]
    fields = {"target_kind": "level", "training": ONCE, "min_lookback": 5}
    alone, both = (weights(fit_sine(panel, **fields).forecaster) for panel in panels)
    assert not any(np.array_equal(alone[name], both[name]) for name in alone)


def test_future_features_tell_the_network_of_the_steps_ahead(fit_sine, panel_of):
    # Two steps of noise do not tell the time of day; the calendar does.
    hours = np.arange(24 * 60)
    noise = np.random.default_rng(0).normal(0, 1.5, len(hours))
    panel = panel_of({"A": 10 + 2 * np.sin(2 * np.pi * hours / 24) + noise})
    fields = {"target_kind": "level", "lookback": 2, "horizon": 2, "anchor": "none", "hidden": 16}
    fields["split"] = {"validation_steps": 336, "calibration_steps": 168, "test_steps": 336}
    fields["training"] = {"max_epochs": 12, "batch_size": 32, "learning_rate": 0.02}
    blind = fit_sine(panel, **fields)
    told = fit_sine(panel, future_features=["calendar"], **fields)
    assert (blind.forecaster.n_future, told.forecaster.n_future) == (0, 6)
    assert (
        told.training.history[-1].validation_loss < 0.8 * blind.training.history[-1].validation_loss
    )
