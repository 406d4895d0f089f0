"""Every field of a forecaster has a test that it changes what it says it changes."""

from pathlib import Path

import pytest

from pipelines_lib.config import ForecasterConfig
from pipelines_lib.config.overrides import leaf_fields

ROOT = Path(__file__).parents[3]
MAKE = "models/test_make.py::test_make_forecast_network_"
SIZES = MAKE + "sizes_the_models_that_read_a_field"
OTHER = MAKE + "makes_another_rnn"
DROPS = MAKE + "drops_out_in_training"
FIT = "forecasting/test_fit.py::test_fit_forecaster_"
NETWORKS = "forecasting/test_networks.py::test_"
INPUTS = "forecasting/test_prepare.py::test_"
SPLIT = "series/test_splits.py::test_make_split_"
TEACH = "models/test_seq2seq.py::test_teacher_forcing_"
SEGMENT = "models/test_segment.py::test_"
LOOP = "training/test_loop.py::test_train_"

PROOFS = {
    "lookback": INPUTS + "a_forecast_sees_the_lookback_and_nothing_before_it",
    "stride": "series/test_parts.py::test_make_part_origins_strides_in_training_only",
    "sampling_rate": FIT + "learns_every_second_step",
    "scaler": FIT + "returns_to_units_with_every_scaler",
    "hidden": SIZES,
    "layers": SIZES,
    "dropout": DROPS,
    "train_series": FIT + "learns_from_train_series_and_judges_all",
    "model": "forecasting/test_naive.py::test_each_trained_model_beats_the_last_value_on_a_sine",
    "cell": SIZES,
    "activation": OTHER,
    "identity_start": OTHER,
    "bidirectional": SIZES,
    "recurrent_dropout": DROPS,
    "attention": SIZES,
    "teacher_forcing": TEACH + "feeds_the_truth_of_the_step_before",
    "teacher_epochs": TEACH + "falls_in_equal_steps_to_nothing",
    "segment_steps": SIZES,
    "series_embedding": SEGMENT + "series_embedding_changes_only_the_series_it_belongs_to",
    "segment_skip": SEGMENT + "segment_skip_adds_a_linear_map_from_segments_to_segments",
    "kernel": SIZES,
    "members": NETWORKS + "members_forecast_the_mean_of_networks_of_different_seeds",
    "scope": NETWORKS + "scope_per_series_learns_each_series_from_itself_alone",
    "min_lookback": NETWORKS + "min_lookback_forecasts_series_shorter_than_the_lookback",
    "horizon": SIZES,
    "target_kind": INPUTS + "target_kind_says_what_the_window_holds",
    "anchor": MAKE + "anchors_levels",
    "mirror": "models/test_mirrored.py::test_mirrored_draws_in_training",
    "features": INPUTS + "features_stand_beside_the_target_s_own_history",
    "future_features": NETWORKS + "future_features_tell_the_network_of_the_steps_ahead",
    "interval": FIT + "covers_what_the_interval_promises",
    "interval_method": "forecasting/test_intervals.py::test_interval_unit_local_follows_the_"
    "movement_of_the_newest_steps",
    "season": FIT + "takes_the_season_of_the_config",
    "split.validation_steps": SPLIT + "counts_back_from_the_newest_with_the_horizon_as_gap",
    "split.calibration_steps": SPLIT + "counts_back_from_the_newest_with_the_horizon_as_gap",
    "split.test_steps": SPLIT + "counts_back_from_the_newest_with_the_horizon_as_gap",
    "split.gap_steps": SPLIT + "takes_the_longer_of_gap_and_horizon",
    "training.max_epochs": LOOP + "goes_on_while_it_improves",
    "training.batch_size": LOOP + "weighs_windows_not_batches",
    "training.learning_rate": LOOP + "follows_a_cosine_to_zero",
    "training.loss": NETWORKS + "train_networks_learns_by_the_loss_of_the_config",
    "training.clip_norm": LOOP + "clips_gradients",
    "training.weight_decay": LOOP + "decays_weights",
    "training.weight_averaging": LOOP + "judges_and_keeps_averaged_weights",
    "training.patience": LOOP + "stops_early",
    "training.keep": LOOP + "keeps_the_last_weights_where_it_is_told_to",
    "training.schedule": LOOP + "leaves_the_rate_alone_where_it_is_constant",
    "training.warmup_steps": LOOP + "rises_to_the_cosine_over_the_warmup",
    "training.plateau_patience": LOOP + "lowers_the_learning_rate_on_a_plateau",
    "training.plateau_factor": LOOP + "lowers_the_learning_rate_on_a_plateau",
    "training.windows_per_epoch": LOOP + "draws_at_most_windows_per_epoch_anew_in_each_epoch",
    "training.validation_windows": LOOP + "spreads_at_most_validation_windows_evenly",
    "training.mixed_precision": LOOP + "runs_in_bfloat16_where_the_config_and_the_processor_say_so",
    "training.seed": LOOP + "gives_other_weights_for_another_seed",
}


def test_every_field_of_a_forecaster_has_a_proof():
    assert sorted(PROOFS) == sorted(leaf_fields("", ForecasterConfig))


@pytest.mark.parametrize("place", sorted(set(PROOFS.values())))
def test_the_proof_exists(place):
    path, _, name = place.partition("::")
    text = (ROOT / "tests/pipelines_lib" / path).read_text(encoding="utf-8")
    assert f"def {name}(" in text
