"""Every field of a detector has a test that it changes what it says it changes."""

from pathlib import Path

import pytest

from pipelines_lib.config import DetectorConfig
from pipelines_lib.config.overrides import leaf_fields
from tests.pipelines_lib.config.test_fields import PROOFS as OF_FORECASTERS

ROOT = Path(__file__).parents[3]
FIT = "anomaly/test_fit.py::test_fit_detector_"
LEARN = "anomaly/test_learn.py::test_"
SIZES = LEARN + "make_networks_sizes_them_by_the_fields"
WINDOW = "anomaly/test_window.py::test_choose_window_"
KIND = "anomaly/test_threshold_kinds.py::test_fit_threshold_"
APPLY = "anomaly/test_thresholds.py::test_apply_thresholds_"
BUDGET = "anomaly/test_budget.py::test_"
EVENTS = "anomaly/test_events.py::test_find_events_"
SHARED = {
    name: proof
    for name, proof in OF_FORECASTERS.items()
    if name.startswith("training.") or name in ("split.validation_steps", "split.gap_steps")
}
"""One loop and one split for every model."""

PROOFS = SHARED | {
    "features": FIT + "watches_the_features_of_the_config",
    "mode": "anomaly/test_canary.py::test_retrospective_scores_do_change",
    "parts": "anomaly/test_detector.py::test_a_detector_of_one_part_is_fitted_saved_and_scores",
    "weights": "anomaly/test_fusion.py::test_fuse_by_hand",
    "lookback": WINDOW + "rounds_a_given_lookback_to_whole_segments",
    "period": WINDOW + "takes_the_period_that_is_given",
    "smoothing_steps": WINDOW + "takes_the_smoothing_that_is_given",
    "stride": LEARN + "fit_parts_learn_from_every_stride_th_window",
    "scaler": FIT + "scales_as_the_config_says",
    "hidden": SIZES,
    "layers": SIZES,
    "cell": SIZES,
    "dropout": LEARN + "make_networks_drop_out",
    "autoencoder": LEARN + "make_autoencoder_goes_by_segments_or_by_steps",
    "bottleneck": LEARN + "make_autoencoder_squeezes_through_the_bottleneck",
    "train_series": FIT + "learns_from_train_series_and_judges_all",
    "split.calibration_steps": FIT + "calibrates_on_calibration_rows",
    "split.test_steps": FIT + "judges_baselines_on_the_same_rows",
    "training.loss": LEARN + "fit_parts_learn_by_the_loss_of_the_config",
    "training.seed": LEARN + "fit_parts_do_as_the_seed_says",
    "threshold.kind": APPLY + "night_by_night_equals_all_at_once",
    "threshold.k": KIND + "k_sigma",
    "threshold.quantile": KIND + "quantile",
    "threshold.risk": KIND + "conformal_alarms_where_p_is_within_the_risk",
    "threshold.prune": KIND + "hundman_with_pruning_wants_more",
    "threshold.scope": APPLY + "by_series_uses_its_own_past",
    "threshold.refit_steps": APPLY + "judges_each_block_by_all_scores_before_it",
    "threshold.alert_budget": BUDGET + "apply_thresholds_keeps_the_budget_on_clean_scores",
    "threshold.budget_method": BUDGET
    + "alarms_within_budget_benjamini_hochberg_takes_the_largest_k",
    "events.max_gap": EVENTS + "bridges_gaps_up_to_max_gap",
    "events.min_steps": EVENTS + "wants_min_steps_alarms_and_keeps_the_true_start",
    "events.cooldown_steps": EVENTS + "is_quiet_within_the_cool_down_after_the_one_before",
}


def test_every_field_of_a_detector_has_a_proof():
    assert sorted(PROOFS) == sorted(leaf_fields("", DetectorConfig))


@pytest.mark.parametrize("place", sorted(set(PROOFS.values())))
def test_the_proof_exists(place):
    path, _, name = place.partition("::")
    text = (ROOT / "tests/pipelines_lib" / path).read_text(encoding="utf-8")
    assert f"def {name}(" in text
